"""The table `segments`."""

from collections.abc import Iterable
from typing import Any

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience import list_page
from mailrith_lite.audience.segments.definition import Definition, referenced_ids
from mailrith_lite.database import Connection, Row, by_name
from mailrith_lite.unicode_forms import fold

_COLUMNS = "id, name, description, definition, created_at, updated_at"
_decoder = msgspec.json.Decoder(Definition)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    description: str | None
    definition: Definition
    created_at: int
    updated_at: int


def _from_row(row: Row) -> Segment:
    columns: dict[str, Any] = by_name(row)
    columns["definition"] = _decoder.decode(row["definition"])
    return Segment(**columns)


async def select_segments(
    connection: Connection, workspace_id: int, *, search: str | None, before_id: int | None, limit: int
) -> list[Segment]:
    """Newest first, with integer ids below `before_id`. `search`: part of the name or description, any case."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM segments WHERE workspace_id = :workspace_id AND id < :before_id
            AND (:search IS NULL OR instr(name_key, :search) OR instr(fold(description), :search))
        ORDER BY id DESC LIMIT :limit""",
        list_page.parameters(workspace_id, search, before_id, limit),
    )
    return [_from_row(row) for row in rows]


async def select_segment(connection: Connection, workspace_id: int, segment_id: int) -> Segment | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM segments WHERE workspace_id = ? AND id = ?", (workspace_id, segment_id)
    )
    return next(map(_from_row, rows), None)


async def select_segments_by_id(
    connection: Connection, workspace_id: int, segment_ids: Iterable[int]
) -> list[Segment]:
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM segments
        WHERE +workspace_id = ? AND id IN (SELECT value FROM json_each(?))""",
        (workspace_id, msgspec.json.encode(list(segment_ids)).decode()),
    )
    return [_from_row(row) for row in rows]


async def select_count(connection: Connection, workspace_id: int) -> int:
    rows = await connection.execute_fetchall(
        "SELECT count(*) FROM segments WHERE workspace_id = ?", (workspace_id,)
    )
    return int(next(iter(rows))[0])


async def select_id_by_name(connection: Connection, workspace_id: int, name: str) -> int | None:
    """The name is compared ignoring case."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM segments WHERE workspace_id = ? AND name_key = ?", (workspace_id, fold(name))
    )
    return next((int(row["id"]) for row in rows), None)


async def select_referring_segments(
    connection: Connection, workspace_id: int, resource: str, public_id: str
) -> list[Segment]:
    """The segments that directly refer to this tag, custom field or segment."""
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM segments WHERE workspace_id = ? AND instr(definition, ?) ORDER BY id",
        (workspace_id, public_id),
    )
    segments = [_from_row(row) for row in rows]
    return [segment for segment in segments if public_id in referenced_ids(segment.definition, resource)]


async def select_dependent_ids(connection: Connection, workspace_id: int, segment_id: int) -> list[int]:
    """The integer ids of the segments that refer to this one, directly or through others."""
    rows = await connection.execute_fetchall(
        "SELECT id, definition FROM segments WHERE workspace_id = ? AND instr(definition, ?) ORDER BY id",
        (workspace_id, f'"{ids.SEGMENT}_'),
    )
    references = {
        row["id"]: referenced_integer_ids([_decoder.decode(row["definition"])], ids.SEGMENT) for row in rows
    }
    dependents: set[int] = set()
    new = {segment_id}
    while new:
        dependents |= new
        new = {referring_id for referring_id, referenced in references.items() if referenced & new} - dependents
    return sorted(dependents - {segment_id})


def referenced_integer_ids(definitions: Iterable[Definition], resource: str) -> set[int]:
    """The integer ids of the tags, sequences or segments in the definitions."""
    public_ids = {public_id for definition in definitions for public_id in referenced_ids(definition, resource)}
    return {number for public_id in public_ids if (number := ids.decode(resource, public_id)) is not None}


async def insert_segment(
    connection: Connection,
    workspace_id: int,
    *,
    name: str,
    description: str | None,
    definition: Definition,
    now: int,
) -> Segment:
    row = await connection.execute_insert(
        """INSERT INTO segments (workspace_id, name, name_key, description, definition, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (workspace_id, name, fold(name), description, _json(definition), now, now),
    )
    assert row is not None
    return Segment(
        id=row[0], name=name, description=description, definition=definition, created_at=now, updated_at=now
    )


async def update_segment(connection: Connection, workspace_id: int, segment: Segment) -> None:
    await connection.execute(
        """UPDATE segments SET name = ?, name_key = ?, description = ?, definition = ?, updated_at = ?
        WHERE workspace_id = ? AND id = ?""",
        (
            segment.name,
            fold(segment.name),
            segment.description,
            _json(segment.definition),
            segment.updated_at,
            workspace_id,
            segment.id,
        ),
    )


async def delete_segment(connection: Connection, workspace_id: int, segment_id: int) -> None:
    await connection.execute("DELETE FROM segments WHERE workspace_id = ? AND id = ?", (workspace_id, segment_id))


def _json(definition: Definition) -> str:
    return msgspec.json.encode(definition).decode()
