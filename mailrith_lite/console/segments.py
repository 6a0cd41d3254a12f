"""/console/segments: the list, and the page that builds a segment."""

import asyncio
import contextlib
from collections.abc import Mapping

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import workspaces
from mailrith_lite.audience.custom_fields import CustomField, select_all_custom_fields
from mailrith_lite.audience.segments import segment_query, segment_rules, segment_table
from mailrith_lite.audience.segments.definition import Definition
from mailrith_lite.audience.segments.segment_query import Counts, Query
from mailrith_lite.audience.segments.segment_table import Segment
from mailrith_lite.catalog import removal
from mailrith_lite.console import catalog_pages, segment_check, segment_form, segment_view, templating
from mailrith_lite.console.catalog_pages import Refused
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.paths import SEGMENTS_PATH, redirect
from mailrith_lite.console.segment_check import Checked
from mailrith_lite.console.segment_form import SegmentForm
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection

READ, WRITE = ("segments:read",), ("segments:write",)
PATIENCE_SECONDS = 0.02
"""For so long a page waits for counts. The browser asks for the others, one after another."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """`counts`: None if there is no count yet. `late`: the database stopped the count because it took too long."""

    counts: Counts | None = None
    late: bool = False


async def show_segments(call: SessionRequest) -> web.StreamResponse:
    """The list. The counts that are not there in time are links to them."""
    query = catalog_pages.parse_query(call, ids.SEGMENT)
    async with call.database.read(consistent=True) as connection:
        selected = await segment_table.select_segments(
            connection,
            call.workspace_id,
            search=query.search,
            before_id=query.before_id,
            limit=catalog_pages.PAGE_SIZE + 1,
        )
        listed = selected[: catalog_pages.PAGE_SIZE]
        queries = await _queries(connection, call, listed)
    counts = await _count_in_time(call, queries)
    return await templating.render_page(
        call.request,
        "segments.html",
        items=[
            catalog_pages.Item(id=ids.encode(ids.SEGMENT, segment.id), value=(segment, count))
            for segment, count in zip(listed, counts, strict=True)
        ],
        query=query,
        more=len(selected) > catalog_pages.PAGE_SIZE,
    )


async def show_count(call: SessionRequest) -> web.StreamResponse:
    """The count of a saved segment, as a part of a page."""
    async with call.database.read(consistent=True) as connection:
        segment = await catalog_pages.find(call, connection, ids.SEGMENT, segment_table.select_segment)
        (query,) = await _queries(connection, call, [segment])
    return await _render_part(call, "parts/segment-cells.html", counted=await _count(call, query))


async def show_new(call: SessionRequest) -> web.StreamResponse:
    return await _render(call, None, SegmentForm())


async def show_segment(call: SessionRequest) -> web.StreamResponse:
    async with call.database.read(consistent=True) as connection:
        segment = await catalog_pages.find(call, connection, ids.SEGMENT, segment_table.select_segment)
        names = await segment_view.names_of(connection, call, segment.definition)
        (query,) = await _queries(connection, call, [segment])
    form = segment_form.of_definition(segment.name, segment.description, segment.definition, names)
    (counted,) = await _count_in_time(call, [query])
    return await _render(call, segment, form, counted=counted)


async def create(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    return await _act(call, None, fields)


async def change(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    async with call.database.read() as connection:
        segment = await catalog_pages.find(call, connection, ids.SEGMENT, segment_table.select_segment)
    return await _act(call, segment, fields)


async def count(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """The count of the conditions in the form, as a part of the page. Nothing is saved."""
    own_id = ids.decode(ids.SEGMENT, fields.get("segment", ""))
    checked = await _check(call, segment_form.parse(fields), own_id)
    counted = Counted() if checked.query is None else await _count(call, checked.query)
    return await _render_part(call, "parts/segment-count.html", counted=counted, problems=checked.problems)


async def delete(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    try:
        async with call.database.write(durable=True, changes="nobody") as connection:
            segment = await catalog_pages.find(call, connection, ids.SEGMENT, segment_table.select_segment)
            await removal.delete_segment(connection, call.door, segment)
    except Refused as error:
        async with call.database.read() as connection:
            names = await segment_view.names_of(connection, call, segment.definition)
        form = segment_form.of_definition(segment.name, segment.description, segment.definition, names)
        return await _render(call, segment, form, problems=catalog_pages.problems_of(error))
    return redirect(call.request, SEGMENTS_PATH)


async def _act(call: SessionRequest, segment: Segment | None, fields: Fields) -> web.StreamResponse:
    """Does what the button of the form says. `segment`: None for a new one."""
    form, action = segment_form.parse(fields), fields.get("action", "save")
    edited = segment_form.edit(form, action, fields)
    if edited is not None:
        return await _render(call, segment, edited)
    checked = await _check(call, form, None if segment is None else segment.id)
    if action == "count":
        counted = Counted() if checked.query is None else await _count(call, checked.query)
        return await _render(call, segment, form, problems=checked.problems, counted=counted)
    problems = dict(checked.problems) if form.name.strip() else {"name": "Enter a name.", **checked.problems}
    if checked.definition is None or problems:
        return await _render(call, segment, form, problems=problems)
    try:
        saved = await _save(call, segment, form, checked.definition)
    except Refused as error:
        return await _render(call, segment, form, problems=catalog_pages.problems_of(error))
    return redirect(call.request, f"{SEGMENTS_PATH}/{ids.encode(ids.SEGMENT, saved.id)}")


async def _save(
    call: SessionRequest, segment: Segment | None, form: SegmentForm, definition: Definition
) -> Segment:
    description = form.description.strip() or None
    async with call.database.write(durable=True, changes="nobody") as connection:
        workspace = await workspaces.select_own(connection, call.workspace_id)
        if segment is None:
            return await segment_rules.create_segment(
                connection,
                call.workspace_id,
                name=form.name,
                description=description,
                definition=definition,
                time_zone=workspace.time_zone,
                now=clock.now(),
            )
        return await segment_rules.change_segment(
            connection,
            call.workspace_id,
            await catalog_pages.find(call, connection, ids.SEGMENT, segment_table.select_segment),
            name=form.name,
            description=description,
            definition=definition,
            time_zone=workspace.time_zone,
            now=clock.now(),
        )


async def _check(call: SessionRequest, form: SegmentForm, own_id: int | None) -> Checked:
    async with call.database.read(consistent=True) as connection:
        fields = await _fields(connection, call)
        return await segment_check.check(connection, call, form, fields, own_id)


async def _fields(connection: Connection, call: SessionRequest) -> dict[str, CustomField]:
    """All custom fields by public id."""
    fields = await select_all_custom_fields(connection, call.workspace_id)
    return {ids.encode(ids.CUSTOM_FIELD, field.id): field for field in fields}


def _shown_fields(call: SessionRequest, fields: Mapping[str, CustomField]) -> Mapping[str, CustomField]:
    """Without the scope to read custom fields, their ids take the place of their labels."""
    if call.may("custom_fields:read"):
        return fields
    return {
        public_id: msgspec.structs.replace(field, label=public_id, options=[])
        for public_id, field in fields.items()
    }


async def _queries(connection: Connection, call: SessionRequest, segments: list[Segment]) -> list[Query]:
    workspace = await workspaces.select_own(connection, call.workspace_id)
    references = await segment_query.select_references(
        connection,
        call.workspace_id,
        [segment.definition for segment in segments],
        workspace.time_zone,
        clock.now(),
    )

    def build() -> list[Query]:
        return [
            segment_query.build_query(
                call.workspace_id, segment.definition, references, own_id=segment.id, saved=True
            )
            for segment in segments
        ]

    return await asyncio.to_thread(build)  # slow for a page of large segments


async def _count(call: SessionRequest, query: Query) -> Counted:
    try:
        return Counted(counts=await call.services.segment_counts.count(query))
    except errors.QueryTooSlow:
        return Counted(late=True)


async def _count_in_time(call: SessionRequest, queries: list[Query]) -> list[Counted]:
    """Each count in turn until the patience of the page ends."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            for query in queries:
                await _count(call, query)
    return [Counted(counts=call.services.segment_counts.cached(query)) for query in queries]


async def _render(
    call: SessionRequest,
    segment: Segment | None,
    form: SegmentForm,
    *,
    problems: Problems | None = None,
    counted: Counted | None = None,
) -> web.StreamResponse:
    """`segment`: None for a new one."""
    async with call.database.read() as connection:
        fields = _shown_fields(call, await _fields(connection, call))
        suggestions = await segment_view.suggestions(connection, call, form, fields)
        using = []
        if segment is not None:
            using = await catalog_pages.segments_naming(connection, call, ids.SEGMENT, segment.id)
    return await templating.render_page(
        call.request,
        "segment.html",
        status=400 if problems else 200,
        segment=segment,
        public_id="" if segment is None else ids.encode(ids.SEGMENT, segment.id),
        using=using,
        form=form,
        groups=segment_view.view_groups(form, fields),
        choices=segment_view.choices(fields),
        suggestions=suggestions,
        counted=counted or Counted(),
        problems=problems or {},
        one_value=segment_form.ONE_VALUE,
        without_value=segment_form.WITHOUT_VALUE,
    )


async def _render_part(
    call: SessionRequest, template: str, *, counted: Counted, problems: Problems | None = None
) -> web.StreamResponse:
    text = await templating.render_part(call.request, template, counted=counted, problems=problems or {})
    return web.Response(text=text, content_type="text/html", charset="utf-8")
