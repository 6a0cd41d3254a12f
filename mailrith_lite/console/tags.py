"""/console/tags: the list, and the page of a tag."""

from aiohttp import web

from mailrith_lite import clock, ids
from mailrith_lite.audience import tags
from mailrith_lite.catalog import removal
from mailrith_lite.console import catalog_pages, templating
from mailrith_lite.console.catalog_pages import Refused
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.paths import TAGS_PATH, redirect
from mailrith_lite.console.session_request import SessionRequest

READ, WRITE = ("tags:read",), ("tags:write",)


async def show_tags(call: SessionRequest) -> web.StreamResponse:
    return await _render_list(call)


async def create(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    try:
        async with call.database.write(durable=True, changes="nobody") as connection:
            await tags.create_tag(
                connection,
                call.workspace_id,
                name=fields.get("name", ""),
                description=fields.get("description", "").strip() or None,
                now=clock.now(),
            )
    except Refused as error:
        return await _render_list(call, fields, catalog_pages.problems_of(error))
    return redirect(call.request, TAGS_PATH)


async def show_tag(call: SessionRequest) -> web.StreamResponse:
    return await _render_tag(call)


async def change(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    try:
        async with call.database.write(durable=True, changes="nobody") as connection:
            tag = await catalog_pages.find(call, connection, ids.TAG, tags.select_tag)
            await tags.change_tag(
                connection,
                call.workspace_id,
                tag,
                name=fields.get("name", ""),
                description=fields.get("description", "").strip() or None,
                now=clock.now(),
            )
    except Refused as error:
        return await _render_tag(call, fields, catalog_pages.problems_of(error))
    return redirect(call.request, TAGS_PATH)


async def delete(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    try:
        async with call.database.write(durable=True, changes=call.workspace_id) as connection:
            tag = await catalog_pages.find(call, connection, ids.TAG, tags.select_tag)
            await removal.delete_tag(connection, call.door, tag)
    except Refused as error:
        return await _render_tag(call, None, catalog_pages.problems_of(error))
    return redirect(call.request, TAGS_PATH)


async def _render_list(
    call: SessionRequest, fields: Fields | None = None, problems: Problems | None = None
) -> web.StreamResponse:
    """`fields`: the content of a form that was refused for the problems."""
    return await catalog_pages.render_list(call, "tags.html", ids.TAG, tags.select_tags, fields, problems)


async def _render_tag(
    call: SessionRequest, fields: Fields | None = None, problems: Problems | None = None
) -> web.StreamResponse:
    async with call.database.read() as connection:
        tag = await catalog_pages.find(call, connection, ids.TAG, tags.select_tag)
        segments = await catalog_pages.segments_naming(connection, call, ids.TAG, tag.id)
    return await templating.render_page(
        call.request,
        "tag.html",
        status=400 if problems else 200,
        tag=tag,
        public_id=ids.encode(ids.TAG, tag.id),
        segments=segments,
        form=fields or {"name": tag.name, "description": tag.description or ""},
        problems=problems or {},
    )
