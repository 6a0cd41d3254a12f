"""/console/subscribers: the filtered list."""

from contextlib import nullcontext

import msgspec
from aiohttp import web

from mailrith_lite import clock, ids
from mailrith_lite.access import workspaces
from mailrith_lite.audience import listing, selection
from mailrith_lite.audience.selection import Selection
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console import filter_form, names, templating
from mailrith_lite.console.session_request import SessionRequest

PAGE_SIZE = 50


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list. `id`: public."""

    id: str
    subscriber: Subscriber


async def show_subscribers(call: SessionRequest) -> web.StreamResponse:
    """Newest first. The parameter `before` names the last subscriber of the page before."""
    query = call.request.query
    form, before_id = filter_form.parse(query), ids.decode(ids.SUBSCRIBER, query.get("before", ""))
    searching = nullcontext() if form.search is None else call.services.searches.hold(call.workspace_id)
    with searching:
        return await _show(call, form, before_id)


async def _show(call: SessionRequest, form: Selection, before_id: int | None) -> web.StreamResponse:
    now = clock.now()
    async with call.database.read() as connection:
        workspace = await workspaces.select_own(connection, call.workspace_id)
        matching = await listing.select_subscribers(
            connection,
            call.workspace_id,
            await selection.resolve(connection, call.workspace_id, form, time_zone=workspace.time_zone, now=now),
            before_id=before_id,
            limit=PAGE_SIZE + 1,
            now=now,
        )
        tags = await names.tag_options(connection, call)
        sequences = await names.sequence_options(connection, call)
    return await templating.render_page(
        call.request,
        "subscribers.html",
        entries=[
            Entry(id=ids.encode(ids.SUBSCRIBER, subscriber.id), subscriber=subscriber)
            for subscriber in matching[:PAGE_SIZE]
        ],
        form=form,
        fields=filter_form.fields(form),
        statuses=STATUSES,
        tags=tags,
        sequences=sequences,
        more=len(matching) > PAGE_SIZE,
        first=before_id is None,
    )
