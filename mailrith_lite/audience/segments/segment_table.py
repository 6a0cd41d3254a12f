"""The table `segments`: saved definitions of who is meant, and who that is now."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import conditions, custom_fields, tags, values
from mailrith_lite.audience.conditions import Values
from mailrith_lite.audience.segments.compiler import Compiler, Surroundings, table_name
from mailrith_lite.audience.segments.definition import Definition, named
from mailrith_lite.audience.sequences import select_known_sequence_ids
from mailrith_lite.database import MAX_ID, Connection, Row, is_possible

MAX_NAME = 200
MAX_DESCRIPTION = 1_000
MAX_SEGMENTS = 1_000
MAX_DEFINITION = 1 << 16  # bytes

_COLUMNS = "id, name, description, definition, created_at, updated_at"
_BATCH = 50
_COUNTS = "count(*), count(*) FILTER (WHERE subscribers.status = 'Active')"
_decoder = msgspec.json.Decoder(Definition)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    description: str | None
    definition: Definition
    created_at: int
    updated_at: int


class Query(msgspec.Struct, frozen=True):
    """A condition on `subscribers`, the tables that it takes beside them, and what is bound in both.

    `key`: of all this a digest.
    """

    workspace_id: int
    tables: str
    condition: str
    bound: dict[str, Any]
    key: bytes

    def select(self, columns: str) -> str:
        return f"{self.tables} SELECT {columns} FROM subscribers WHERE {self.condition}"


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
    around = await select_surroundings(connection, workspace_id, [wanted], time_zone, now)
    await check_possible(connection, query(workspace_id, wanted, around))
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
        await check_possible(connection, query(workspace_id, wanted, around, own_id=segment.id))
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
    compiler = Compiler(around, bound, own_id=own_id, saved=saved)
    condition = compiler.compile(wanted)
    tables = ", ".join(
        f"{table_name(number)} AS (SELECT subscribers.id FROM subscribers WHERE {own} AND {inner})"
        for number, inner in compiler.apart.items()
    )
    parts = f"WITH {tables}" if tables else "", f"{own} AND {condition}", bound.bound
    return Query(workspace_id, *parts, hashlib.sha256(msgspec.json.encode(parts)).digest())


async def check_possible(connection: Connection, asked: Query) -> None:
    """
    Raises:
        InvalidBody: it is more than SQLite can take.
    """
    if not await is_possible(connection, asked.select(_COUNTS), asked.bound):
        raise errors.InvalidBody(
            "The definition is too complex; take some of it away.", field="definition", reason="too_complex"
        )


async def select_counts(connection: Connection, asked: Query) -> Counts:
    rows = await connection.execute_fetchall(asked.select(_COUNTS), asked.bound)
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
        others = await _select_by_id(connection, workspace_id, pending)
        new = {other.id: other.definition for other in others}
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
    numbers = await _select_referrers(connection, workspace_id, changed.id)
    for begin in range(0, len(numbers), _BATCH):
        others = await _select_by_id(connection, workspace_id, numbers[begin : begin + _BATCH])
        wanted = [changed.definition, *(other.definition for other in others)]
        around = await select_surroundings(connection, workspace_id, wanted, time_zone, now)
        around = msgspec.structs.replace(around, segments={**around.segments, changed.id: changed.definition})
        for other in others:
            try:
                asked = query(workspace_id, other.definition, around, own_id=other.id, saved=True)
                await check_possible(connection, asked)
            except errors.InvalidBody as refusal:
                raise _impossible(other, refusal) from None


async def _select_referrers(connection: Connection, workspace_id: int, segment_id: int) -> list[int]:
    """The integer ids of those that name the segment, at however many removes."""
    rows = await connection.execute_fetchall(
        "SELECT id, definition FROM segments WHERE workspace_id = ? AND instr(definition, ?) ORDER BY id",
        (workspace_id, f'"{ids.SEGMENT}_'),
    )
    naming = {row["id"]: _numbers(ids.SEGMENT, [_decoder.decode(row["definition"])]) for row in rows}
    found: set[int] = set()
    pending = {segment_id}
    while pending:
        found |= pending
        pending = {number for number, names in naming.items() if names & pending} - found
    return sorted(found - {segment_id})


def _impossible(referrer: Segment, refusal: errors.InvalidBody) -> errors.InvalidBody:
    """What is wrong is not in the definition that was sent but in one that names its segment."""
    return errors.InvalidBody(
        f'The segment "{referrer.name}" names this one and would no longer be possible: {refusal.message}',
        field="definition",
        reason=refusal.details.get("reason"),
        resource=(ids.SEGMENT, ids.encode(ids.SEGMENT, referrer.id)),
    )


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


async def _select_by_id(connection: Connection, workspace_id: int, numbers: Iterable[int]) -> list[Segment]:
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM segments
        WHERE +workspace_id = ? AND id IN (SELECT value FROM json_each(?))""",
        (workspace_id, msgspec.json.encode(list(numbers)).decode()),
    )
    return [_from_row(row) for row in rows]


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
