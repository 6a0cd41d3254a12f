"""Deletes the tags and custom fields that an import created, once nobody uses them."""

from collections.abc import Awaitable, Callable

from mailrith_lite import ids
from mailrith_lite.audience import custom_fields, tags
from mailrith_lite.audience.segments import segment_table
from mailrith_lite.database import Connection
from mailrith_lite.imports import import_table
from mailrith_lite.imports.undo import change_table

IsNamed = Callable[[Connection, int, str, int], Awaitable[bool]]
"""Arguments: the connection, the workspace, the resource (as in `ids`) and its integer id."""


async def delete_unused(
    connection: Connection, workspace_id: int, import_job_id: int, is_named_by_job: IsNamed, now: int
) -> None:
    """A tag or field that a subscriber has, or that a segment or an unfinished job names, stays.

    `is_named_by_job`: whether an unfinished export or bulk change names the tag or field.
    """
    for made in await change_table.select_made(connection, import_job_id):
        resource = ids.TAG if made.kind == "tag" else ids.CUSTOM_FIELD
        if await is_named_by_job(connection, workspace_id, resource, made.number):
            continue
        if made.kind == "tag":
            if not await _uses_tag(connection, workspace_id, made.number):
                await tags.delete_tag(connection, workspace_id, made.number)
        elif not await _uses_field(connection, workspace_id, made.number):
            await custom_fields.delete_custom_field(connection, workspace_id, made.number, now)


async def _uses_tag(connection: Connection, workspace_id: int, tag_id: int) -> bool:
    tag = await tags.select_tag(connection, workspace_id, tag_id)
    if tag is None:  # deleted by hand
        return True
    return (
        tag.subscriber_count > 0
        or await _is_named_by_segment(connection, workspace_id, ids.TAG, tag_id)
        or await import_table.select_any_with_tag(connection, workspace_id, tag_id)
    )


async def _uses_field(connection: Connection, workspace_id: int, field_id: int) -> bool:
    return (
        await custom_fields.select_any_with_value(connection, workspace_id, field_id)
        or await _is_named_by_segment(connection, workspace_id, ids.CUSTOM_FIELD, field_id)
        or await import_table.select_any_with_custom_field(connection, workspace_id, field_id)
    )


async def _is_named_by_segment(connection: Connection, workspace_id: int, resource: str, number: int) -> bool:
    public_id = ids.encode(resource, number)
    return bool(await segment_table.select_referring_segments(connection, workspace_id, resource, public_id))
