"""/console/exports/new: who and which columns, how many and how large, and the start, on one page."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web
from multidict import MultiDict, MultiMapping
from yarl import URL

from mailrith_lite import clock, errors
from mailrith_lite.access import audit, workspaces
from mailrith_lite.audience import selection, subscribers
from mailrith_lite.audience.custom_fields import select_all_custom_fields
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.selection import Selection
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console import filter_choices, filter_form, names, phrases, templating
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.names import Option
from mailrith_lite.console.paths import NEW_EXPORT_PATH, job_path, redirect
from mailrith_lite.console.segments import PATIENCE_SECONDS
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.exports import estimate, submit
from mailrith_lite.exports.export_table import Order
from mailrith_lite.exports.file_columns import FIXED, Column, chosen_columns, every_column
from mailrith_lite.jobs.kinds import EXPORT

_MAX_FIELDS: Final = 100
"""Custom fields in the page. A request to the API can name every other one."""
_SCOPE: Final = "custom_fields:read"


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """`size`: estimated, in bytes. Both are None before the count, and if it takes too long; then `late` is set."""

    count: int | None = None
    size: int | None = None
    late: bool = False


class _Form(msgspec.Struct, frozen=True, kw_only=True):
    """`keys`: of the chosen columns; None: all. `problems`: id of an element -> what is wrong there."""

    selection: Selection
    keys: tuple[str, ...] | None
    problems: Problems


async def show_new_export(call: SessionRequest) -> web.StreamResponse:
    """The address has the filter and the columns.

    The number is there if the count is quick, or if the address is that of the button `count`. Otherwise the
    browser asks for it.
    """
    form = _parse(call.request.query)
    return await _render(call, call.request.query, form, patient="counted" in call.request.query)


async def act(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """The button `count` leads to the page with the number, the other one starts the export."""
    form = _parse(fields)
    if fields.get("action") == "count" and not form.problems:
        return redirect(call.request, f"{NEW_EXPORT_PATH}?{_address(form)}&counted=")
    if form.problems:
        return await _render(call, fields, form)
    try:
        public_id = await _start(call, Order(selection=form.selection, columns=form.keys))
    except errors.InvalidRequest as error:
        return await _render(call, fields, msgspec.structs.replace(form, problems=_problem(error)))
    call.services.runner.wake()
    return redirect(call.request, job_path(EXPORT, public_id))


async def count(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """The number and the size, as a part of the page."""
    form = _parse(fields)
    counted, problems = await _count(call, form)
    text = await templating.render_part(call.request, "parts/export-count.html", counted=counted, problems=problems)
    return web.Response(text=text, content_type="text/html", charset="utf-8")


def _parse(fields: MultiMapping[str]) -> _Form:
    problems: Problems = {}
    try:
        chosen = filter_form.parse(fields)
    except errors.InvalidRequest as error:
        element = error.details.get("field", "")
        problems[element] = error.message
        others = ((name, value) for name, value in fields.items() if not name.startswith(element.split("_")[0]))
        chosen = filter_form.parse(MultiDict(others))
    keys = tuple(fields.getall("column", [])) if fields.get("columns") == "chosen" else None
    if keys == ():
        problems["columns"] = "Choose at least one column."
    return _Form(selection=chosen, keys=keys, problems=problems)


def _address(form: _Form) -> str:
    columns = [] if form.keys is None else [("columns", "chosen"), *(("column", key) for key in form.keys)]
    return URL.build(query=[*filter_form.fields(form.selection).items(), *columns]).raw_query_string


async def _start(call: SessionRequest, order: Order) -> str:
    """
    Raises:
        InvalidRequest: the order names something that does not exist any more.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        job = await submit.insert(
            connection,
            call.workspace_id,
            order,
            call.request_id,
            max_queued=call.services.settings.max_queued_jobs,
            now=clock.now(),
        )
        await audit.record(connection, call.actor, "export.created", job.public_id)
    return job.public_id


async def _count(call: SessionRequest, form: _Form) -> tuple[Counted, Problems]:
    """Counts the people, and estimates the size of the file."""
    if form.problems:
        return Counted(), form.problems
    now = clock.now()
    try:
        async with call.database.read(consistent=True) as connection:
            workspace = await workspaces.select_own(connection, call.workspace_id)
            resolved = await selection.resolve(
                connection, call.workspace_id, form.selection, time_zone=workspace.time_zone, now=now
            )
            fields = await select_all_custom_fields(connection, call.workspace_id)
            columns = chosen_columns(form.keys, fields)
            everybody = resolved == SubscriberFilter()
            total = await subscribers.select_count(connection, call.workspace_id) if everybody else 0
        if not everybody:
            counts = await call.services.segment_counts.count(resolved.query(call.workspace_id, now))
            total = counts.total
        async with call.database.read(consistent=True) as connection:
            size = await estimate.select_size(
                connection,
                call.workspace_id,
                resolved,
                columns,
                total,
                formula_guard=call.services.settings.export_formula_guard,
                now=now,
            )
    except errors.InvalidRequest as error:
        return Counted(), _problem(error)
    except errors.QueryTooSlow:
        return Counted(late=True), {}
    return Counted(count=total, size=size), {}


def _problem(error: errors.InvalidRequest) -> Problems:
    named = filter_form.with_form_names(error)
    return {named.details.get("field", ""): error.message}


async def _render(
    call: SessionRequest, typed: MultiMapping[str], form: _Form, *, patient: bool = False
) -> web.StreamResponse:
    """`typed`: what the form has, which stays in it if it is refused. `patient`: waits for a slow count."""
    counted, problems = Counted(), form.problems
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if patient else PATIENCE_SECONDS):
            counted, problems = await _count(call, form)
    async with call.database.read() as connection:
        choices = await filter_choices.select(connection, call, form.selection)
        described = await names.of_selections(connection, call, [form.selection])
        fields = await select_all_custom_fields(connection, call.workspace_id) if call.may(_SCOPE) else []
    return await templating.render_page(
        call.request,
        "new-export.html",
        status=400 if problems else 200,
        form=form.selection,
        typed=typed,
        typed_country=typed.get("country", ""),
        statuses=STATUSES,
        choices=choices,
        columns=[Option(id=column.key, name=column.name) for column in _offered(every_column(fields))],
        chosen=form.keys,
        description=phrases.selection(form.selection, described),
        counted=counted,
        problems=problems,
    )


def _offered(columns: Sequence[Column]) -> Sequence[Column]:
    return columns[: len(FIXED) + _MAX_FIELDS]
