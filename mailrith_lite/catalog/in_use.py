"""Refuses to delete a tag, custom field, sequence or segment that a segment or an unfinished job names."""

from mailrith_lite import errors, ids
from mailrith_lite.audience.segments import segment_table
from mailrith_lite.bulk_changes import bulk_table
from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table
from mailrith_lite.imports import import_table as imports
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, JobKind


async def check_tag(connection: Connection, workspace_id: int, tag_id: int) -> None:
    """
    Raises:
        Conflict: with the code `tag_in_use`.
    """
    await _check_others(connection, workspace_id, ids.TAG, tag_id)
    if await imports.select_any_with_tag(connection, workspace_id, tag_id):
        raise named_by_job(IMPORT, ids.TAG, tag_id)
    if await bulk_table.select_any_with_target(connection, workspace_id, "tag", tag_id):
        raise named_by_job(BULK_CHANGE, ids.TAG, tag_id)


async def check_custom_field(
    connection: Connection, workspace_id: int, field_id: int, *, type_changes: bool = False
) -> None:
    """
    Raises:
        Conflict: with the code `custom_field_in_use`, or `custom_field_type_locked` where the type is to change.
    """
    try:
        await _check_others(connection, workspace_id, ids.CUSTOM_FIELD, field_id)
        if await imports.select_any_with_custom_field(connection, workspace_id, field_id):
            raise named_by_job(IMPORT, ids.CUSTOM_FIELD, field_id)
    except errors.Conflict as conflict:
        raise type_locked(conflict) if type_changes else conflict from None


async def check_sequence(connection: Connection, workspace_id: int, sequence_id: int) -> None:
    """
    Raises:
        Conflict: with the code `sequence_in_use`.
    """
    await _check_others(connection, workspace_id, ids.SEQUENCE, sequence_id)
    if await imports.select_any_with_sequence(connection, workspace_id, sequence_id):
        raise named_by_job(IMPORT, ids.SEQUENCE, sequence_id)
    if await bulk_table.select_any_with_target(connection, workspace_id, "sequence", sequence_id):
        raise named_by_job(BULK_CHANGE, ids.SEQUENCE, sequence_id)


async def check_segment(connection: Connection, workspace_id: int, segment_id: int) -> None:
    """
    Raises:
        Conflict: with the code `segment_in_use`.
    """
    await _check_others(connection, workspace_id, ids.SEGMENT, segment_id)


async def is_named_by_job(connection: Connection, workspace_id: int, resource: str, number: int) -> bool:
    """Whether an unfinished export or bulk change names the tag or custom field. `resource`: as in `ids`."""
    public_id = ids.encode(resource, number)
    return (
        await export_table.select_open_naming(connection, workspace_id, public_id) is not None
        or await bulk_table.select_open_naming(connection, workspace_id, public_id) is not None
        or (
            resource == ids.TAG and await bulk_table.select_any_with_target(connection, workspace_id, "tag", number)
        )
    )


async def _check_others(connection: Connection, workspace_id: int, resource: str, number: int) -> None:
    """Checks segments, unfinished exports and the filters of unfinished bulk changes."""
    public_id = ids.encode(resource, number)
    for segment in await segment_table.select_referring_segments(connection, workspace_id, resource, public_id):
        raise named_by_segment(resource, segment.name, segment.id)
    if await export_table.select_open_naming(connection, workspace_id, public_id) is not None:
        raise named_by_job(EXPORT, resource, number)
    if await bulk_table.select_open_naming(connection, workspace_id, public_id) is not None:
        raise named_by_job(BULK_CHANGE, resource, number)


def examples(resource: str) -> tuple[errors.Conflict, ...]:
    """The conflicts of a tag, custom field or sequence, for the documentation."""
    return (
        named_by_segment(resource, "Readers", 1),
        named_by_job(IMPORT, resource, 1),
        named_by_job(EXPORT, resource, 1),
        named_by_job(BULK_CHANGE, resource, 1),
    )


def named_by_segment(resource: str, segment_name: str, segment_id: int) -> errors.Conflict:
    name = resource.replace("_", " ")
    return errors.Conflict(
        f'The segment "{segment_name}" names this {name}; change or delete the segment first.',
        code=f"{resource}_in_use",
        reason="named_by_segment",
        resource=("segment", ids.encode(ids.SEGMENT, segment_id)),
    )


def named_by_job(kind: JobKind, resource: str, number: int) -> errors.Conflict:
    job, name = kind.name.replace("_", " "), resource.replace("_", " ")
    article = "An" if job[0] in "aeiou" else "A"
    return errors.Conflict(
        f"{article} {job} that is not finished names this {name}; wait for its end or cancel it.",
        code=f"{resource}_in_use",
        reason=f"named_by_{kind.name}",
        resource=(resource, ids.encode(resource, number)),
    )


def type_locked(conflict: errors.Conflict) -> errors.Conflict:
    """The same conflict, for a change of a custom field's type."""
    conflict.error_code = "custom_field_type_locked"
    return conflict
