"""/console/subscribers: the filtered list, with the people to choose for a bulk change."""

import contextlib
from collections.abc import Mapping

import msgspec
from aiohttp import web
from multidict import MultiDict, MultiMapping

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import workspaces
from mailrith_lite.audience import people_page, selection
from mailrith_lite.audience.people_page import MAX_COUNTED, SORTS, PeoplePage, Sort
from mailrith_lite.audience.selection import Selection
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console import filter_choices, filter_form, names, people_columns, templating
from mailrith_lite.console.bulk_words import LABELS
from mailrith_lite.console.filter_choices import FilterChoices
from mailrith_lite.console.people_columns import Column
from mailrith_lite.console.session_request import SessionRequest

PAGE_SIZE = 50
_SORT_LABELS: Mapping[Sort, str] = {"newest": "Newest first", "email": "Email", "name": "Name"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list. `id`: public."""

    id: str
    subscriber: Subscriber


class _Query(msgspec.Struct, frozen=True, kw_only=True):
    """What the address says. `compact`: with rows so low that a page of them fits a screen. `problems`: id of an
    element -> what is wrong there."""

    form: Selection
    sort: Sort
    compact: bool
    before_id: int | None
    problems: dict[str, str]


async def show_subscribers(call: SessionRequest) -> web.StreamResponse:
    """The parameter `before` names the last subscriber of the page before."""
    asked = _parse(call.request.query)
    async with call.database.read() as connection:
        choices = await filter_choices.select(connection, call, asked.form)
        columns = people_columns.read(call.request.query, await names.field_labels(connection, call))
    page = None
    problems = asked.problems
    if not problems:
        try:
            page = await _select_page(call, asked)
        except errors.InvalidRequest as error:
            problems = {filter_form.with_form_names(error).details["field"]: error.message}
    return await _render(call, asked, choices, columns, page, problems)


def _parse(query: MultiMapping[str]) -> _Query:
    """
    Raises:
        InvalidRequest: the address has a value that the form does not offer.
    """
    problems: dict[str, str] = {}
    try:
        form = filter_form.parse(query)
    except errors.InvalidRequest as error:
        if error.details.get("field") != "country":
            raise
        problems["country"] = error.message
        form = filter_form.parse(MultiDict((name, value) for name, value in query.items() if name != "country"))
    sort = next((known for known in SORTS if known == query.get("sort")), SORTS[0])
    before_id = ids.decode(ids.SUBSCRIBER, query.get("before", ""))
    compact = query.get("rows") == "compact"
    return _Query(form=form, sort=sort, compact=compact, before_id=before_id, problems=problems)


async def _select_page(call: SessionRequest, asked: _Query) -> PeoplePage:
    now = clock.now()
    everybody = asked.form == Selection()
    searching = contextlib.nullcontext() if everybody else call.services.searches.hold(call.workspace_id)
    with searching:
        async with call.database.read() as connection:
            workspace = await workspaces.select_own(connection, call.workspace_id)
            resolved = await selection.resolve(
                connection, call.workspace_id, asked.form, time_zone=workspace.time_zone, now=now
            )
            return await people_page.select_page(
                connection,
                call.workspace_id,
                resolved,
                call.services.large_selections,
                sort=asked.sort,
                last_id=asked.before_id,
                limit=PAGE_SIZE + 1,
                now=now,
            )


async def _render(
    call: SessionRequest,
    asked: _Query,
    choices: FilterChoices,
    columns: list[Column],
    page: PeoplePage | None,
    problems: dict[str, str],
) -> web.StreamResponse:
    """`page`: None if the filter has problems."""
    people = [] if page is None else page.people
    sequence_names = {option.id: option.name for option in choices.sequences}
    fields = filter_form.fields(asked.form)
    shown = MultiDict([*fields.items(), *people_columns.parameters(call.request.query, columns)])
    if asked.sort != SORTS[0]:
        shown.add("sort", asked.sort)
    if asked.compact:
        shown.add("rows", "compact")
    return await templating.render_page(
        call.request,
        "subscribers.html",
        status=400 if problems else 200,
        entries=[Entry(id=ids.encode(ids.SUBSCRIBER, one.id), subscriber=one) for one in people[:PAGE_SIZE]],
        total=0 if page is None else page.total,
        most=MAX_COUNTED,
        form=asked.form,
        typed_country=call.request.query.get("country", ""),
        fields=fields,
        shown=shown,
        statuses=STATUSES,
        choices=choices,
        columns=columns,
        sequence_name=lambda number: sequence_names.get(public_id := ids.encode(ids.SEQUENCE, number), public_id),
        sorts=_SORT_LABELS,
        sort=asked.sort,
        compact=asked.compact,
        sorted_by=asked.sort if page is None else page.sort,
        actions=LABELS,
        problems=problems,
        more=len(people) > PAGE_SIZE,
        first=asked.before_id is None,
    )
