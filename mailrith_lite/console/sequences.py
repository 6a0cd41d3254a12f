"""/console/sequences: the list, and the page of a sequence."""

from typing import Final

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import sequences
from mailrith_lite.audience.sequences import SequenceSettings, SequenceStatus
from mailrith_lite.catalog import removal
from mailrith_lite.console import catalog_pages, templating
from mailrith_lite.console.catalog_pages import Refused
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.paths import SEQUENCES_PATH, redirect
from mailrith_lite.console.session_request import SessionRequest

READ, WRITE = ("sequences:read",), ("sequences:write",)
LIVE = ("sequences:write", "live_actions:write")
_NO_EMAILS: Final = b'{"emails":[]}'
_STATUSES: Final[dict[str, SequenceStatus]] = {"run": "running", "pause": "paused"}


async def show_sequences(call: SessionRequest) -> web.StreamResponse:
    return await _render_list(call)


async def create(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """A new sequence has no emails, because this service sends none."""
    settings = SequenceSettings(name=fields.get("name", ""), definition=_NO_EMAILS, email_count=0)
    try:
        async with call.database.write(durable=True, changes="nobody") as connection:
            await sequences.create_sequence(connection, call.workspace_id, settings, clock.now())
    except Refused as error:
        return await _render_list(call, fields, catalog_pages.problems_of(error))
    return redirect(call.request, SEQUENCES_PATH)


async def show_sequence(call: SessionRequest) -> web.StreamResponse:
    return await _render_sequence(call)


async def rename(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """A running sequence is paused first."""
    try:
        async with call.database.write(durable=True, changes="nobody") as connection:
            sequence = await catalog_pages.find(call, connection, ids.SEQUENCE, sequences.select_sequence)
            settings = msgspec.structs.replace(sequence.settings, name=fields.get("name", ""))
            await sequences.change_settings(
                connection, call.workspace_id, sequence, settings=settings, now=clock.now()
            )
    except Refused as error:
        return await _render_sequence(call, fields, catalog_pages.problems_of(error))
    return redirect(call.request, SEQUENCES_PATH)


async def set_status(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    async with call.database.write(durable=True, changes="nobody") as connection:
        sequence = await catalog_pages.find(call, connection, ids.SEQUENCE, sequences.select_sequence)
        status = _STATUSES.get(fields.get("action", ""))
        if status is None:
            raise errors.InvalidRequest("The console has no such button; open the page again.", field="action")
        await sequences.update_sequence(
            connection, call.workspace_id, sequence, settings=sequence.settings, status=status, now=clock.now()
        )
    return redirect(call.request, f"{SEQUENCES_PATH}/{ids.encode(ids.SEQUENCE, sequence.id)}")


async def delete(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    try:
        async with call.database.write(durable=True, changes=call.workspace_id) as connection:
            sequence = await catalog_pages.find(call, connection, ids.SEQUENCE, sequences.select_sequence)
            await removal.delete_sequence(connection, call.door, sequence)
    except Refused as error:
        return await _render_sequence(call, None, catalog_pages.problems_of(error))
    return redirect(call.request, SEQUENCES_PATH)


async def _render_list(
    call: SessionRequest, fields: Fields | None = None, problems: Problems | None = None
) -> web.StreamResponse:
    """`fields`: the content of a form that was refused for the problems."""
    return await catalog_pages.render_list(
        call, "sequences.html", ids.SEQUENCE, sequences.select_sequences, fields, problems
    )


async def _render_sequence(
    call: SessionRequest, fields: Fields | None = None, problems: Problems | None = None
) -> web.StreamResponse:
    async with call.database.read() as connection:
        sequence = await catalog_pages.find(call, connection, ids.SEQUENCE, sequences.select_sequence)
        segments = await catalog_pages.segments_naming(connection, call, ids.SEQUENCE, sequence.id)
    return await templating.render_page(
        call.request,
        "sequence.html",
        status=400 if problems else 200,
        sequence=sequence,
        public_id=ids.encode(ids.SEQUENCE, sequence.id),
        segments=segments,
        form=fields or {"name": sequence.settings.name},
        problems=problems or {},
    )
