"""/console/custom-fields: the list, and the page of a custom field."""

from typing import get_args

from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import custom_fields
from mailrith_lite.audience.values import FieldType
from mailrith_lite.catalog import field_change, removal
from mailrith_lite.console import catalog_pages, templating
from mailrith_lite.console.catalog_pages import Refused
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.paths import CUSTOM_FIELDS_PATH, redirect
from mailrith_lite.console.session_request import SessionRequest

READ, WRITE = ("custom_fields:read",), ("custom_fields:write",)
TYPES: tuple[FieldType, ...] = get_args(FieldType)


async def show_custom_fields(call: SessionRequest) -> web.StreamResponse:
    return await _render_list(call)


async def create(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    try:
        async with call.database.write(durable=True, changes="nobody") as connection:
            await custom_fields.create_custom_field(
                connection,
                call.workspace_id,
                label=fields.get("label", ""),
                field_type=_type(fields),
                options=_options(fields),
                now=clock.now(),
            )
    except Refused as error:
        return await _render_list(call, fields, catalog_pages.problems_of(error))
    return redirect(call.request, CUSTOM_FIELDS_PATH)


async def show_custom_field(call: SessionRequest) -> web.StreamResponse:
    return await _render_field(call)


async def change(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    try:
        async with call.database.write(durable=True, changes=call.workspace_id) as connection:
            field = await catalog_pages.find(call, connection, ids.CUSTOM_FIELD, custom_fields.select_custom_field)
            await field_change.change_custom_field(
                connection,
                call.door,
                field,
                label=fields.get("label", ""),
                field_type=_type(fields),
                options=_options(fields),
            )
    except Refused as error:
        return await _render_field(call, fields, catalog_pages.problems_of(error))
    return redirect(call.request, CUSTOM_FIELDS_PATH)


async def delete(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    try:
        async with call.database.write(durable=True, changes=call.workspace_id) as connection:
            field = await catalog_pages.find(call, connection, ids.CUSTOM_FIELD, custom_fields.select_custom_field)
            await removal.delete_custom_field(connection, call.door, field)
    except Refused as error:
        return await _render_field(call, None, catalog_pages.problems_of(error))
    return redirect(call.request, CUSTOM_FIELDS_PATH)


def _type(fields: Fields) -> FieldType:
    chosen = next((one for one in TYPES if one == fields.get("type")), None)
    if chosen is None:
        raise errors.InvalidRequest("Choose one of the types.", field="type")
    return chosen


def _options(fields: Fields) -> list[str]:
    """The options in the text area of the form: one per line, without blank lines."""
    return [line.strip() for line in fields.get("options", "").splitlines() if line.strip()]


async def _render_list(
    call: SessionRequest, fields: Fields | None = None, problems: Problems | None = None
) -> web.StreamResponse:
    """`fields`: the content of a form that was refused for the problems."""
    return await catalog_pages.render_list(
        call,
        "custom-fields.html",
        ids.CUSTOM_FIELD,
        custom_fields.select_custom_fields,
        fields,
        problems,
        types=TYPES,
    )


async def _render_field(
    call: SessionRequest, fields: Fields | None = None, problems: Problems | None = None
) -> web.StreamResponse:
    async with call.database.read() as connection:
        field = await catalog_pages.find(call, connection, ids.CUSTOM_FIELD, custom_fields.select_custom_field)
        segments = await catalog_pages.segments_naming(connection, call, ids.CUSTOM_FIELD, field.id)
    return await templating.render_page(
        call.request,
        "custom-field.html",
        status=400 if problems else 200,
        field=field,
        public_id=ids.encode(ids.CUSTOM_FIELD, field.id),
        segments=segments,
        types=TYPES,
        form=fields or {"label": field.label, "type": field.type, "options": "\n".join(field.options)},
        problems=problems or {},
    )
