"""/console/bulk-changes/new: says who would be changed and how, and starts the bulk change."""

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web
from multidict import MultiMapping

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import audit, workspaces
from mailrith_lite.audience import selection, subscribers
from mailrith_lite.audience.selection import Selection
from mailrith_lite.bulk_changes import submission
from mailrith_lite.bulk_changes.actions import ADD_TAG, BY_NAME, ERASE, Action
from mailrith_lite.bulk_changes.submission import Order
from mailrith_lite.console import filter_form, names, phrases, templating
from mailrith_lite.console.bulk_words import EFFECTS, LABELS
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.paths import job_path, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.jobs.kinds import BULK_CHANGE

_NOBODY: Final = "Choose people in the list first, or all that match."
_ELEMENTS: Final = {"tag_id": "target", "sequence_id": "target", "expected_count": "expected"}
"""Member of a request -> the element of the page."""


class _People(msgspec.Struct, frozen=True, kw_only=True):
    """Who is chosen: a filter, or public ids. `fields`: the form fields that say the same."""

    selection: Selection | None
    listed: Sequence[str]
    fields: list[tuple[str, str]]


async def show_new_bulk_change(call: SessionRequest) -> web.StreamResponse:
    """The parameter `all` chooses those who match the filter, each `subscriber` one person."""
    return await _show(call, _action(call.request.query), _people(call.request.query))


async def start_bulk_change(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    action, people = _action(fields), _people(fields)
    try:
        job_id = await _insert(call, action, people, fields)
    except errors.InvalidRequest as error:
        element = _ELEMENTS.get(error.details.get("field", ""), "")
        return await _show(call, action, people, {element: error.message}, status=400)
    call.services.runner.wake()
    return redirect(call.request, job_path(BULK_CHANGE, job_id))


async def _insert(call: SessionRequest, action: Action, people: _People, fields: Fields) -> str:
    """
    Raises:
        InvalidRequest: something is not chosen, or does not exist any more.
    """
    target = fields.get("target") or None
    if action.target is not None and target is None:
        raise errors.InvalidRequest(f"Choose a {action.target}.", field=f"{action.target}_id")
    order = Order(
        action=action.name,
        tag_id=target if action.target == ids.TAG else None,
        sequence_id=target if action.target == ids.SEQUENCE else None,
        selection=people.selection,
        subscriber_ids=people.listed or None,
        expected_count=_expected(fields) if action is ERASE else None,
    )
    async with call.database.write(durable=True, changes="nobody") as connection:
        job = await submission.insert(
            connection,
            call.workspace_id,
            order,
            call.request_id,
            max_queued=call.services.settings.max_queued_jobs,
            now=clock.now(),
        )
        await audit.record(
            connection, call.actor, "bulk_change.created", job.public_id, details={"action": action.name}
        )
    return job.public_id


def _expected(fields: Fields) -> int:
    """
    Raises:
        InvalidRequest: this is not the number that the page shows.
    """
    typed, count = fields.get("expected", "").strip().replace(",", ""), fields.get("count", "")
    if not typed.isascii() or not typed.isdigit() or typed != count:
        raise errors.InvalidRequest("Type the number of people to erase.", field="expected_count")
    return int(typed)


async def _show(
    call: SessionRequest,
    action: Action,
    people: _People,
    problems: dict[str, str] | None = None,
    *,
    status: int = 200,
) -> web.StreamResponse:
    nobody = people.selection is None and not people.listed
    count = 0 if nobody else await _count(call, people)
    async with call.database.read() as connection:
        targets = []
        if action.target == ids.TAG:
            targets = await names.tag_options(connection, call)
        elif action.target == ids.SEQUENCE:
            targets = await names.sequence_options(connection, call)
    return await templating.render_page(
        call.request,
        "new-bulk-change.html",
        status=400 if nobody else status,
        action=action,
        label=LABELS[action.name],
        effect=EFFECTS[action.name],
        erases=action is ERASE,
        nobody=nobody,
        count=count,
        description=_describe(people),
        targets=targets,
        people=people,
        filter={} if people.selection is None else filter_form.fields(people.selection),
        problems={"": _NOBODY} if nobody else problems or {},
    )


async def _count(call: SessionRequest, people: _People) -> int | None:
    """None if counting takes too long."""
    now = clock.now()
    try:
        async with call.database.read(consistent=True) as connection:
            if people.selection is None:
                numbers = [ids.decode(ids.SUBSCRIBER, public_id) or 0 for public_id in people.listed]
                return await subscribers.select_known_count(connection, call.workspace_id, numbers)
            workspace = await workspaces.select_own(connection, call.workspace_id)
            resolved = await selection.resolve(
                connection, call.workspace_id, people.selection, time_zone=workspace.time_zone, now=now
            )
        counts = await call.services.segment_counts.count(resolved.query(call.workspace_id, now))
    except errors.QueryTooSlow:
        return None
    return counts.total


def _describe(people: _People) -> str:
    if people.selection is None:
        return "The people that you have chosen in the list"
    return phrases.selection(people.selection)


def _action(fields: MultiMapping[str]) -> Action:
    return BY_NAME.get(fields.get("action", ""), ADD_TAG)


def _people(fields: MultiMapping[str]) -> _People:
    """
    Raises:
        InvalidRequest: the filter is invalid.
    """
    if fields.get("all"):
        chosen = filter_form.parse(fields)
        return _People(selection=chosen, listed=(), fields=[("all", "on"), *filter_form.fields(chosen).items()])
    listed = list(dict.fromkeys(fields.getall("subscriber", [])))
    return _People(selection=None, listed=listed, fields=[("subscriber", one) for one in listed])
