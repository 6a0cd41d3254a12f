"""/v1/segments"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import workspaces
from mailrith_lite.api import codec, example, idempotency, resources, texts
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.codes import Codes
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.resources import Change, SearchQuery, new_or_saved
from mailrith_lite.api.responses import Created, Data, NoContent, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.audience import search_limit
from mailrith_lite.audience.segments import segment_query, segment_rules, segment_table
from mailrith_lite.audience.segments.compiler import References
from mailrith_lite.audience.segments.definition import Definition
from mailrith_lite.audience.segments.segment_query import Counts, Query
from mailrith_lite.audience.segments.segment_table import Segment
from mailrith_lite.catalog import in_use, removal
from mailrith_lite.database import Connection
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT

PATH = "/v1/segments"
_CODES = Codes(own="invalid_segment", fields={"definition": "invalid_segment_definition"})

Name = Annotated[str, texts.name(segment_rules.MAX_NAME)]
Description = Annotated[str, texts.long(segment_rules.MAX_DESCRIPTION)]


_NAME = "Readers on the continent"
_DEFINITION = {
    "match": "all",
    "groups": [
        {
            "id": "group_1",
            "match": "all",
            "conditions": [
                {"id": "condition_1", "field": "subscriber_status", "operator": "is", "value": "Active"},
                {"id": "condition_2", "field": "country", "operator": "has_any_of", "value": ["DE", "FR"]},
            ],
        }
    ],
}


class SegmentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    CODES: ClassVar[Codes] = _CODES

    name: Name
    definition: Definition
    description: Description | None = None

    EXAMPLE: ClassVar[dict[str, Any]] = {"name": _NAME, "definition": _DEFINITION}


class SegmentChange(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    CODES: ClassVar[Codes] = _CODES

    name: Name | UnsetType = UNSET
    definition: Definition | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET

    EXAMPLE: ClassVar[dict[str, Any]] = {"description": "Active subscribers in Germany and France"}


class PreviewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`current_segment_id`: the segment that gets this definition; a definition that names it is refused."""

    CODES: ClassVar[Codes] = _CODES

    definition: Definition
    current_segment_id: str | None = None

    EXAMPLE: ClassVar[dict[str, Any]] = {"definition": _DEFINITION}


class SegmentPreview(msgspec.Struct, frozen=True, kw_only=True):
    """`confirmed_subscriber_count`: the Active ones."""

    confirmed_subscriber_count: int
    total_subscriber_count: int

    EXAMPLE: ClassVar[dict[str, Any]] = {"confirmed_subscriber_count": 80, "total_subscriber_count": 80}


class SegmentSummary(SegmentPreview, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")
    name: str
    description: str | None
    created_at: str
    updated_at: str

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        ids.SEGMENT, PATH, name=_NAME, description=None, **SegmentPreview.EXAMPLE
    )


class SegmentResource(SegmentSummary, frozen=True, kw_only=True):
    definition: Definition

    EXAMPLE: ClassVar[dict[str, Any]] = {**SegmentSummary.EXAMPLE, "definition": _DEFINITION}


class _Counted(msgspec.Struct, frozen=True, kw_only=True):
    request: SegmentRequest
    counts: Counts


@refuses(search_limit.too_many(200))
async def list_segments(call: Call, query: SearchQuery) -> PageOf[SegmentSummary]:
    """List segments

    Newest first. `search`: part of a name or description, ignoring case.
    """
    page = query.page(ids.SEGMENT)
    async with call.database.read(consistent=True) as connection:
        segments = await segment_table.select_segments(
            connection, call.workspace_id, search=query.search, before_id=page.before_id, limit=page.fetched
        )
        references = await _references(call, connection, [segment.definition for segment in segments])
    listed = segments[: page.limit]
    queries = await asyncio.to_thread(_queries, call.workspace_id, listed, references)
    counts = [await call.services.segment_counts.count(query) for query in queries]
    items = [SegmentSummary(**_common(segment, count)) for segment, count in zip(listed, counts, strict=True)]
    return PageOf(page, items, more=len(segments) > page.limit)


@refuses(segment_rules.name_taken(), search_limit.too_many(200))
async def create_segment(call: Call, body: Body[SegmentRequest]) -> Created[SegmentResource]:
    """Create a segment

    Saves the definition, not a list of subscribers: a subscriber is in the segment while they match the definition.
    """
    prepare = functools.partial(_with_counts, call)
    answer = await idempotency.create(call, body, Body.decode, _create, prepare=prepare, changes="nobody")
    return Created(answer)


@refuses(search_limit.too_many(200))
async def get_segment(call: Call) -> Data[SegmentResource]:
    """Get a segment"""
    async with call.database.read(consistent=True) as connection:
        segment = await resources.find(call, connection, "segment", segment_table.select_segment)
        references = await _references(call, connection, [segment.definition])
    (query,) = await asyncio.to_thread(_queries, call.workspace_id, [segment], references)
    return Data(_resource(segment, await call.services.segment_counts.count(query)))


@refuses(segment_rules.name_taken(), search_limit.too_many(200))
async def update_segment(call: Call, form: SegmentChange) -> Data[SegmentResource]:
    """Update a segment

    Absent fields stay as they are.
    """
    while True:
        definition, counts = await _count_changed(call, form)
        async with call.database.write(durable=True, changes="nobody") as connection:
            segment = await resources.find(call, connection, "segment", segment_table.select_segment)
            if new_or_saved(form.definition, segment.definition) != definition:
                continue  # another request has changed it since the count
            workspace = await workspaces.select_own(connection, call.workspace_id)
            changed = await segment_rules.change_segment(
                connection,
                call.workspace_id,
                segment,
                name=new_or_saved(form.name, segment.name),
                description=new_or_saved(form.description, segment.description),
                definition=definition,
                time_zone=workspace.time_zone,
                now=clock.now(),
            )
        return Data(_resource(changed, counts))


async def _count_changed(call: Call, form: SegmentChange) -> tuple[Definition, Counts]:
    """The changed definition, counted before the transaction: a count that takes too long refuses the change."""
    async with call.database.read(consistent=True) as connection:
        segment = await resources.find(call, connection, "segment", segment_table.select_segment)
        definition = new_or_saved(form.definition, segment.definition)
        references = await _references(call, connection, [definition])
    query = await asyncio.to_thread(
        segment_query.build_query,
        call.workspace_id,
        definition,
        references,
        own_id=segment.id,
        saved=definition == segment.definition,
    )
    async with call.database.read() as connection:
        await segment_query.check_possible(connection, query)
    return definition, await call.services.segment_counts.count(query)


@refuses(
    in_use.named_by_segment(ids.SEGMENT, "Readers", 1),
    in_use.named_by_job(EXPORT, ids.SEGMENT, 1),
    in_use.named_by_job(BULK_CHANGE, ids.SEGMENT, 1),
)
async def delete_segment(call: Call) -> NoContent:
    """Delete a segment

    The subscribers stay as they are. You cannot delete a segment that another segment, an
    unfinished export or an unfinished bulk change names.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        segment = await resources.find(call, connection, "segment", segment_table.select_segment)
        await removal.delete_segment(connection, call.door, segment)
    return NoContent()


@refuses(search_limit.too_many(200))
async def preview_segment(call: Call, form: PreviewRequest) -> Data[SegmentPreview]:
    """Preview a segment definition

    Counts the subscribers that match a definition. Nothing is saved.
    """
    counts = await _preview(call, form.definition, form.current_segment_id)
    return Data(SegmentPreview(**_counted(counts)))


@contextlib.asynccontextmanager
async def _with_counts(call: Call, request: SegmentRequest) -> AsyncIterator[_Counted]:
    """Counts before the transaction, because a count can be slow."""
    yield _Counted(request=request, counts=await _preview(call, request.definition, None))


async def _create(call: Call, counted: _Counted, connection: Connection, now: int) -> Answer:
    request = counted.request
    workspace = await workspaces.select_own(connection, call.workspace_id)
    segment = await segment_rules.create_segment(
        connection,
        call.workspace_id,
        name=request.name,
        description=request.description,
        definition=request.definition,
        time_zone=workspace.time_zone,
        now=now,
    )
    resource = _resource(segment, counted.counts)
    return Answer(status=201, body=codec.data(resource), location=resource.self_)


async def _preview(call: Call, definition: Definition, current_id: str | None) -> Counts:
    async with call.database.read(consistent=True) as connection:
        references = await _references(call, connection, [definition])
        own_id = None if current_id is None else ids.decode(ids.SEGMENT, current_id)
        if current_id is not None and not await _is_segment(call, connection, own_id):
            raise errors.InvalidRequest(
                "There is no segment with this id in the workspace.",
                field="current_segment_id",
                reason="segment_not_found",
            )
        query = await asyncio.to_thread(
            segment_query.build_query, call.workspace_id, definition, references, own_id=own_id
        )
        await segment_query.check_possible(connection, query)
    return await call.services.segment_counts.count(query)


async def _references(call: Call, connection: Connection, definitions: Sequence[Definition]) -> References:
    workspace = await workspaces.select_own(connection, call.workspace_id)
    return await segment_query.select_references(
        connection, call.workspace_id, definitions, workspace.time_zone, clock.now()
    )


async def _is_segment(call: Call, connection: Connection, number: int | None) -> bool:
    return (
        number is not None and await segment_table.select_segment(connection, call.workspace_id, number) is not None
    )


def _queries(workspace_id: int, segments: Sequence[Segment], references: References) -> list[Query]:
    """Slow for a page of large segments: run it in a thread."""
    return [
        segment_query.build_query(workspace_id, segment.definition, references, own_id=segment.id, saved=True)
        for segment in segments
    ]


def _resource(segment: Segment, counts: Counts) -> SegmentResource:
    return SegmentResource(definition=segment.definition, **_common(segment, counts))


def _common(segment: Segment, counts: Counts) -> dict[str, Any]:
    public_id = ids.encode(ids.SEGMENT, segment.id)
    return {
        "id": public_id,
        "self_": f"{PATH}/{public_id}",
        "name": segment.name,
        "description": segment.description,
        "created_at": clock.rfc3339(segment.created_at),
        "updated_at": clock.rfc3339(segment.updated_at),
        **_counted(counts),
    }


def _counted(counts: Counts) -> dict[str, int]:
    return {"confirmed_subscriber_count": counts.confirmed, "total_subscriber_count": counts.total}
