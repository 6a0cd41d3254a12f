"""Creates and changes segments: the limits of names and definitions, and the check of dependent segments."""

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience.input_checks import check_description, check_label
from mailrith_lite.audience.segments import segment_table
from mailrith_lite.audience.segments.definition import Definition
from mailrith_lite.audience.segments.segment_query import build_query, check_possible, select_references
from mailrith_lite.audience.segments.segment_table import Segment
from mailrith_lite.database import Connection
from mailrith_lite.unicode_forms import compose

MAX_NAME = 200
MAX_DESCRIPTION = 1_000
MAX_SEGMENTS = 1_000
MAX_DEFINITION = 1 << 16  # bytes

_BATCH = 50


async def create_segment(
    connection: Connection,
    workspace_id: int,
    *,
    name: str,
    description: str | None,
    definition: Definition,
    time_zone: str | None,
    now: int,
) -> Segment:
    """
    Raises:
        InvalidRequest: with the field that breaks a rule.
        Conflict: a segment with this name, ignoring case, exists.
    """
    name = compose(name.strip())
    check_label(name, "name", MAX_NAME)
    check_description(description, MAX_DESCRIPTION)
    await _check_name_is_free(connection, workspace_id, name, None)
    await _check_number_of_segments(connection, workspace_id)
    references = await select_references(connection, workspace_id, [definition], time_zone, now)
    await check_possible(connection, build_query(workspace_id, definition, references))
    _check_length(definition)
    return await segment_table.insert_segment(
        connection, workspace_id, name=name, description=description, definition=definition, now=now
    )


async def change_segment(
    connection: Connection,
    workspace_id: int,
    segment: Segment,
    *,
    name: str,
    description: str | None,
    definition: Definition,
    time_zone: str | None,
    now: int,
) -> Segment:
    """
    Raises:
        InvalidRequest: with the field that breaks a rule, or with the segment that would become invalid.
        Conflict: another segment has this name, ignoring case.
    """
    name = compose(name.strip())
    check_label(name, "name", MAX_NAME)
    check_description(description, MAX_DESCRIPTION)
    changed = msgspec.structs.replace(segment, name=name, description=description, definition=definition)
    if changed == segment:
        return segment
    await _check_name_is_free(connection, workspace_id, name, segment.id)
    if definition != segment.definition:
        references = await select_references(connection, workspace_id, [definition], time_zone, now)
        await check_possible(connection, build_query(workspace_id, definition, references, own_id=segment.id))
        await _check_dependents(connection, workspace_id, changed, time_zone, now)
        _check_length(definition)
    changed = msgspec.structs.replace(changed, updated_at=now)
    await segment_table.update_segment(connection, workspace_id, changed)
    return changed


async def _check_dependents(
    connection: Connection, workspace_id: int, changed: Segment, time_zone: str | None, now: int
) -> None:
    """The segments that refer to the changed one, directly or through others, must stay valid."""
    dependent_ids = await segment_table.select_dependent_ids(connection, workspace_id, changed.id)
    for begin in range(0, len(dependent_ids), _BATCH):
        batch = dependent_ids[begin : begin + _BATCH]
        dependents = await segment_table.select_segments_by_id(connection, workspace_id, batch)
        definitions = [changed.definition, *(dependent.definition for dependent in dependents)]
        references = await select_references(connection, workspace_id, definitions, time_zone, now)
        segments = {**references.segments, changed.id: changed.definition}
        references = msgspec.structs.replace(references, segments=segments)
        for dependent in dependents:
            try:
                query = build_query(workspace_id, dependent.definition, references, own_id=dependent.id, saved=True)
                await check_possible(connection, query)
            except errors.InvalidRequest as refusal:
                raise _invalid_dependent(dependent, refusal) from None


def _invalid_dependent(dependent: Segment, refusal: errors.InvalidRequest) -> errors.InvalidRequest:
    """The refusal as it concerns the changed definition: the path inside the dependent's definition is left out."""
    return errors.InvalidRequest(
        f'The segment "{dependent.name}" refers to this one and would become invalid: {refusal.message}',
        code=refusal.error_code,
        field="definition",
        reason=refusal.details.get("reason"),
        resource=(ids.SEGMENT, ids.encode(ids.SEGMENT, dependent.id)),
    )


async def _check_number_of_segments(connection: Connection, workspace_id: int) -> None:
    if await segment_table.select_count(connection, workspace_id) >= MAX_SEGMENTS:
        raise errors.InvalidRequest(f"A workspace has at most {MAX_SEGMENTS:,} segments; delete one first.")


def _check_length(definition: Definition) -> None:
    if len(msgspec.json.encode(definition)) > MAX_DEFINITION:
        raise errors.InvalidRequest(f"definition takes at most {MAX_DEFINITION:,} bytes.", field="definition")


async def _check_name_is_free(connection: Connection, workspace_id: int, name: str, own_id: int | None) -> None:
    if await segment_table.select_id_by_name(connection, workspace_id, name) not in (None, own_id):
        raise name_taken()


def name_taken() -> errors.Conflict:
    return errors.Conflict(
        "A segment of this name exists already; choose another name.", code="segment_name_conflict", field="name"
    )
