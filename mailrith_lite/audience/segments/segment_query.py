"""Selects the subscribers of a segment: its definition with everything that it refers to, as one SQL query."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import conditions, custom_fields, tags
from mailrith_lite.audience.conditions import Bindings
from mailrith_lite.audience.segments import segment_table
from mailrith_lite.audience.segments.compiler import Compiler, References, table_name
from mailrith_lite.audience.segments.definition import Definition
from mailrith_lite.audience.segments.segment_table import referenced_integer_ids
from mailrith_lite.audience.sequences import select_known_sequence_ids
from mailrith_lite.database import Connection, can_compile

_COUNTS = """count(*) AS total, count(*) FILTER (WHERE subscribers.status = 'Active') AS confirmed"""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """`condition`: on `subscribers`. `tables`: its WITH clause, or empty. `key`: a digest of the other members."""

    workspace_id: int
    tables: str
    condition: str
    values: dict[str, Any]
    key: bytes

    @classmethod
    def of(cls, workspace_id: int, tables: str, condition: str, values: dict[str, Any]) -> "Query":
        key = hashlib.sha256(msgspec.json.encode((tables, condition, values))).digest()
        return cls(workspace_id=workspace_id, tables=tables, condition=condition, values=values, key=key)

    def select(self, columns: str) -> str:
        return f"{self.tables} SELECT {columns} FROM subscribers WHERE {self.condition}"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """`total`: all subscribers of the segment. `confirmed`: the Active ones among them."""

    total: int
    confirmed: int


def build_query(
    workspace_id: int,
    definition: Definition,
    references: References,
    *,
    own_id: int | None = None,
    saved: bool = False,
) -> Query:
    """
    `own_id`: the integer id of the segment, if it is saved. `saved`: the definition was valid when it was saved.

    Raises:
        InvalidRequest: with the path of the invalid condition.
    """
    bindings = Bindings()
    in_workspace = conditions.in_workspace(bindings, workspace_id)
    compiler = Compiler(references, bindings, own_id=own_id, saved=saved)
    condition = f"{in_workspace} AND {compiler.compile(definition)}"
    tables = ", ".join(table_definitions(compiler, in_workspace))
    return Query.of(workspace_id, f"WITH {tables}" if tables else "", condition, bindings.values)


def table_definitions(compiler: Compiler, in_workspace: str) -> tuple[str, ...]:
    """The tables that the compiled SQL reads, for the WITH clause of its query."""
    return tuple(
        f"{table_name(segment_id)} AS (SELECT subscribers.id FROM subscribers WHERE {in_workspace} AND {sql})"
        for segment_id, sql in compiler.tables.items()
    )


async def is_possible(connection: Connection, query: Query) -> bool:
    """Whether the query keeps the limits of SQLite."""
    return await can_compile(connection, query.select(_COUNTS), query.values)


async def check_possible(connection: Connection, query: Query) -> None:
    """
    Raises:
        InvalidRequest: the query exceeds a limit of SQLite.
    """
    if not await is_possible(connection, query):
        raise errors.InvalidRequest(
            "The definition is too complex; remove some of its conditions.",
            field="definition",
            reason="too_complex",
        )


async def select_counts(connection: Connection, query: Query) -> Counts:
    rows = await connection.execute_fetchall(query.select(_COUNTS), query.values)
    row = next(iter(rows))
    return Counts(total=row["total"], confirmed=row["confirmed"])


async def select_references(
    connection: Connection, workspace_id: int, definitions: Iterable[Definition], time_zone: str | None, now: int
) -> References:
    """What the definitions refer to, directly or through segments, as far as it exists; and all custom fields."""
    all_definitions = list(definitions)
    segments: dict[int, Definition] = {}
    missing = referenced_integer_ids(all_definitions, ids.SEGMENT)
    while missing:
        rows = await segment_table.select_segments_by_id(connection, workspace_id, missing)
        new = {segment.id: segment.definition for segment in rows}
        segments |= new
        all_definitions += new.values()
        missing = referenced_integer_ids(new.values(), ids.SEGMENT) - segments.keys()
    fields = await custom_fields.select_all_custom_fields(connection, workspace_id)
    tag_ids = referenced_integer_ids(all_definitions, ids.TAG)
    sequence_ids = referenced_integer_ids(all_definitions, ids.SEQUENCE)
    return References(
        fields={field.id: field for field in fields},
        tag_ids=await tags.select_known_tag_ids(connection, workspace_id, tag_ids),
        sequence_ids=await select_known_sequence_ids(connection, workspace_id, sequence_ids),
        segments=segments,
        today=clock.day(now, time_zone),
    )
