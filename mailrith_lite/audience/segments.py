"""The table `segments`: saved definitions of who is meant, and who that is now."""

from collections.abc import Iterable
from typing import Any

import msgspec

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import conditions, custom_fields, tags, values
from mailrith_lite.audience.compile import Compiler, Surroundings
from mailrith_lite.audience.conditions import Values
from mailrith_lite.audience.definition import Definition, named
from mailrith_lite.audience.sequences import select_known_sequence_ids
from mailrith_lite.database import MAX_ID, Connection, Row

MAX_NAME = 200
MAX_DESCRIPTION = 1_000
MAX_SEGMENTS = 1_000
MAX_DEFINITION = 1 << 16  # bytes

_COLUMNS = "id, name, description, definition, created_at, updated_at"
_decoder = msgspec.json.Decoder(Definition)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    description: str | None
    definition: Definition
    created_at: int
    updated_at: int


class Query(msgspec.Struct, frozen=True):
    """A condition on `subscribers`, and what it binds."""

    condition: str
    bound: dict[str, Any]


class Counts(msgspec.Struct, frozen=True):
    """`confirmed`: those of them who are Active."""

    total: int
    confirmed: int


def _from_row(row: Row) -> Segment:
    found: dict[str, Any] = dict(row)
    found["definition"] = _decoder.decode(row["definition"])
    return Segment(**found)


async def create_segment(
    connection: Connection,
    workspace_id: int,
    *,
    name: str,
    description: str | None,
    wanted: Definition,
    time_zone: str | None,
    now: int,
) -> Segment:
    """
    Raises:
        InvalidBody: naming what breaks a rule.
        Conflict: a segment of this name, in any case, exists.
    """
    name = _clean(name, description)
    await _check_free(connection, workspace_id, name, None)
    await _check_room(connection, workspace_id)
    query(workspace_id, wanted, await select_surroundings(connection, workspace_id, [wanted], time_zone, now))
    row = await connection.execute_insert(
        """INSERT INTO segments (workspace_id, name, name_key, description, definition, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (workspace_id, name, name.casefold(), description, _json(wanted), now, now),
    )
    assert row is not None
    return Segment(id=row[0], name=name, description=description, definition=wanted, created_at=now, updated_at=now)


async def change_segment(
    connection: Connection,
    workspace_id: int,
    segment: Segment,
    *,
    name: str,
    description: str | None,
    wanted: Definition,
    time_zone: str | None,
    now: int,
) -> Segment:
    """Raises as `create_segment` does."""
    name = _clean(name, description)
    changed = msgspec.structs.replace(segment, name=name, description=description, definition=wanted)
    if changed == segment:
        return segment
    await _check_free(connection, workspace_id, name, segment.id)
    if wanted != segment.definition:
        around = await select_surroundings(connection, workspace_id, [wanted], time_zone, now)
        query(workspace_id, wanted, around, own_id=segment.id)
        await _check_referrers(connection, workspace_id, changed, time_zone, now)
    await connection.execute(
        """UPDATE segments SET name = ?, name_key = ?, description = ?, definition = ?, updated_at = ?
        WHERE workspace_id = ? AND id = ?""",
        (name, name.casefold(), description, _json(wanted), now, workspace_id, segment.id),
    )
    return msgspec.structs.replace(changed, updated_at=now)


def query(
    workspace_id: int, wanted: Definition, around: Surroundings, *, own_id: int | None = None, saved: bool = False
) -> Query:
    """Who is in a segment of this definition. `saved`: it was checked when it was.

    Raises:
        InvalidBody: naming the condition that cannot be.
    """
    bound = Values()
    own = conditions.in_workspace(bound, workspace_id)
    condition = Compiler(around, bound, own_id=own_id, saved=saved).compile(wanted)
    return Query(f"{own} AND {condition}", bound.bound)


async def select_counts(connection: Connection, asked: Query) -> Counts:
    rows = await connection.execute_fetchall(
        f"""SELECT count(*), count(*) FILTER (WHERE subscribers.status = 'Active')
        FROM subscribers WHERE {asked.condition}""",
        asked.bound,
    )
    row = next(iter(rows))
    return Counts(row[0], row[1])


async def select_surroundings(
    connection: Connection, workspace_id: int, wanted: Iterable[Definition], time_zone: str | None, now: int
) -> Surroundings:
    """What there is of all that these definitions name, and the segments in them, and so on."""
    seen: list[Definition] = list(wanted)
    found: dict[int, Definition] = {}
    pending = _numbers(ids.SEGMENT, seen)
    while pending:
        new = await _select_definitions(connection, workspace_id, pending)
        found |= new
        seen += new.values()
        pending = _numbers(ids.SEGMENT, new.values()) - found.keys()
    fields = await custom_fields.select_all_custom_fields(connection, workspace_id)
    tag_ids = await tags.select_known_tag_ids(connection, workspace_id, _numbers(ids.TAG, seen))
    sequence_ids = await select_known_sequence_ids(connection, workspace_id, _numbers(ids.SEQUENCE, seen))
    return Surroundings(
        fields={field.id: field for field in fields},
        tag_ids=frozenset(tag_ids),
        sequence_ids=frozenset(sequence_ids),
        segments=found,
        today=clock.day(now, time_zone),
    )


async def select_segments(
    connection: Connection, workspace_id: int, *, search: str | None, before_id: int | None, limit: int
) -> list[Segment]:
    """Newest first, those with an integer id below `before_id`. `search`: in the name or description, any case."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM segments WHERE workspace_id = :workspace_id AND id < :before_id
            AND (:search IS NULL OR instr(name_key, :search) OR instr(casefold(description), :search))
        ORDER BY id DESC LIMIT :limit""",
        {
            "workspace_id": workspace_id,
            "before_id": before_id or MAX_ID,
            "search": search and search.strip().casefold(),
            "limit": limit,
        },
    )
    return [_from_row(row) for row in rows]


async def select_segment(connection: Connection, workspace_id: int, segment_id: int) -> Segment | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM segments WHERE workspace_id = ? AND id = ?", (workspace_id, segment_id)
    )
    return next(map(_from_row, rows), None)


async def select_naming(connection: Connection, workspace_id: int, resource: str, public_id: str) -> list[Segment]:
    """The segments whose definition names this tag, custom field or segment."""
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM segments WHERE workspace_id = ? AND instr(definition, ?) ORDER BY id",
        (workspace_id, public_id),
    )
    found = [_from_row(row) for row in rows]
    return [segment for segment in found if public_id in named(segment.definition, resource)]


async def delete_segment(connection: Connection, workspace_id: int, segment_id: int) -> None:
    await connection.execute("DELETE FROM segments WHERE workspace_id = ? AND id = ?", (workspace_id, segment_id))


async def _check_referrers(
    connection: Connection, workspace_id: int, changed: Segment, time_zone: str | None, now: int
) -> None:
    """A segment that names this one, at however many removes, must still be possible."""
    pending, seen = [changed.id], {changed.id}
    while pending:
        public_id = ids.encode(ids.SEGMENT, pending.pop())
        for other in await select_naming(connection, workspace_id, ids.SEGMENT, public_id):
            if other.id not in seen:
                wanted = [other.definition, changed.definition]
                around = await select_surroundings(connection, workspace_id, wanted, time_zone, now)
                around = msgspec.structs.replace(
                    around, segments={**around.segments, changed.id: changed.definition}
                )
                query(workspace_id, other.definition, around, own_id=other.id, saved=True)
                seen.add(other.id)
                pending.append(other.id)


async def _check_room(connection: Connection, workspace_id: int) -> None:
    rows = await connection.execute_fetchall(
        "SELECT count(*) FROM segments WHERE workspace_id = ?", (workspace_id,)
    )
    if next(iter(rows))[0] >= MAX_SEGMENTS:
        raise errors.InvalidBody(f"A workspace has at most {MAX_SEGMENTS:,} segments; delete one first.")


def _clean(name: str, description: str | None) -> str:
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= MAX_NAME or values.has_control(trimmed):
        raise errors.InvalidBody(f"name takes 1 to {MAX_NAME} characters, none a control character.", field="name")
    if description is not None and len(description) > MAX_DESCRIPTION:
        raise errors.InvalidBody(f"description takes at most {MAX_DESCRIPTION:,} characters.", field="description")
    return trimmed


async def _check_free(connection: Connection, workspace_id: int, name: str, own_id: int | None) -> None:
    rows = await connection.execute_fetchall(
        "SELECT 1 FROM segments WHERE workspace_id = ? AND name_key = ? AND id IS NOT ?",
        (workspace_id, name.casefold(), own_id),
    )
    if list(rows):
        raise errors.Conflict(
            "A segment of this name exists already; choose another name.", code="segment_name_taken", field="name"
        )


async def _select_definitions(
    connection: Connection, workspace_id: int, numbers: Iterable[int]
) -> dict[int, Definition]:
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM segments
        WHERE +workspace_id = ? AND id IN (SELECT value FROM json_each(?))""",
        (workspace_id, msgspec.json.encode(list(numbers)).decode()),
    )
    return {row["id"]: _from_row(row).definition for row in rows}


def _numbers(prefix: str, definitions: Iterable[Definition]) -> set[int]:
    """The integer ids that the definitions name."""
    public_ids = {public_id for definition in definitions for public_id in named(definition, prefix)}
    return {number for public_id in public_ids if (number := ids.decode(prefix, public_id)) is not None}


def _json(wanted: Definition) -> str:
    """
    Raises:
        InvalidBody: it is too long.
    """
    text = msgspec.json.encode(wanted)
    if len(text) > MAX_DEFINITION:
        raise errors.InvalidBody(f"definition takes at most {MAX_DEFINITION:,} bytes.", field="definition")
    return text.decode()
