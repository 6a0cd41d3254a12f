"""Selects the subscribers of an export in batches. SQLite joins their cells, without the interpreter lock.

A batch is one text in which a row is `cell CELL cell CELL … cell ROW`. The marks are bytes that UTF-8 never has, so
they cannot be part of a value. A cell is plain text, or begins with the mark of another form:

- `LIST name`, or `LIST QUOTE name COMMA blank name … QUOTE`: names of tags or sequences;
- `VALUE json`: a value of a custom field;
- `VALUES number json`: the object of all custom fields, for the columns of `column_groups` with this number.
"""

import itertools
from collections.abc import Sequence
from typing import Final

import msgspec

from mailrith_lite.audience.conditions import Bindings
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.database import Connection
from mailrith_lite.exports.file_columns import Column

CELL: Final = b"\xff"
COMMA: Final = b"\xfd"
QUOTE: Final = b"\xfc"
ROW: Final = b"\xfb\xfa"
LIST: Final = b"\xf9"
VALUE: Final = b"\xf8"
VALUES: Final = b"\xf7"

_ROWS = 2_000
_CHARACTERS = 1 << 20  # of custom fields: the rest of a subscriber is small
_MAX_CELLS = 50
"""SQLite reads so many custom fields one by one. With more, it is quicker to decode the whole object."""
_JSON_TYPES = frozenset(["Checkbox", "Multi Select"])


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The selected subscribers above `after_id`, up to `last_id`."""

    after_id: int
    last_id: int
    count: int


class BatchQuery:
    """The batches of one export. All connections must see the same state."""

    def __init__(
        self,
        workspace_id: int,
        subscriber_filter: SubscriberFilter,
        columns: Sequence[Column],
        now: int,
        *,
        rows: int = _ROWS,
    ) -> None:
        """`rows`: the most subscribers of the first batch."""
        bindings = Bindings()
        where = subscriber_filter.where(bindings, workspace_id, now)
        condition = f"{where.condition} AND subscribers.id > :after_id"
        self._bindings = bindings.values
        self._limit = rows
        self._spans = f"""{where.with_clause()}
            SELECT max(id) AS last_id, count(*) AS count, sum(length(custom_fields)) AS characters
            FROM (SELECT id, custom_fields FROM subscribers
                WHERE {condition} ORDER BY subscribers.id LIMIT :rows)"""
        self._rows = f"""{where.with_clause()}
            {_select_rows(columns, f"{condition} AND subscribers.id <= :last_id")}"""

    async def select_span(self, connection: Connection, after_id: int) -> Span | None:
        """The next subscribers: at most _ROWS, and fewer when they are large. None: there are no more."""
        while True:
            rows = await connection.execute_fetchall(
                self._spans, self._bindings | {"after_id": after_id, "rows": self._limit}
            )
            row = next(iter(rows))
            if not row["count"]:
                return None
            if row["characters"] <= _CHARACTERS or row["count"] == 1:
                self._limit = min(_ROWS, 2 * self._limit)
                return Span(after_id=after_id, last_id=row["last_id"], count=row["count"])
            self._limit = row["count"] // 2

    async def select_rows(self, connection: Connection, span: Span) -> bytes:
        """The rows of a span, oldest subscribers first, in the form that the module describes."""
        rows = await connection.execute_fetchall(
            self._rows, self._bindings | {"after_id": span.after_id, "last_id": span.last_id}
        )
        return bytes(next(iter(rows))[0])


async def select_has_separators(connection: Connection, workspace_id: int) -> bool:
    """Whether a name of a tag or a sequence has a `;` or a `|`, which a list in a cell quotes."""
    rows = await connection.execute_fetchall(
        """SELECT EXISTS (SELECT 1 FROM tags WHERE workspace_id = :workspace_id AND name GLOB '*[;|]*')
            OR EXISTS (SELECT 1 FROM sequences WHERE workspace_id = :workspace_id AND name GLOB '*[;|]*')""",
        {"workspace_id": workspace_id},
    )
    return bool(next(iter(rows))[0])


def column_groups(columns: Sequence[Column]) -> list[list[Column]]:
    """Groups the columns: SQL makes each group as one text. With many custom fields, neighbors are one group."""
    if sum(column.field is not None for column in columns) <= _MAX_CELLS:
        return [[column] for column in columns]
    runs = itertools.groupby(columns, key=lambda column: "" if column.field is not None else column.key)
    return [list(run) for _, run in runs]


def _select_rows(columns: Sequence[Column], condition: str) -> str:
    groups = column_groups(columns)
    cells = [_cell(group[0]) if len(group) == 1 else _values_cell(number) for number, group in enumerate(groups)]
    if len(columns) == 1:  # an empty line would not be a row
        cells = [f"ifnull(nullif({cells[0]}, ''), {_literal(QUOTE + QUOTE)})"]
    line = f" || {_literal(CELL)} || ".join(cells)
    inner = [
        "email, name, status, country, subscribed_at, last_opened_at, custom_fields",
        f"({_names('tag')}) AS tags",
        f"({_names('sequence')} AND member.status = 'active') AS sequences",
        *(_value(group[0].field) for group in groups if len(group) == 1 and group[0].field is not None),
    ]
    return f"""SELECT CAST(group_concat({line}, {_literal(ROW)}) || {_literal(ROW)} AS BLOB)
        FROM (SELECT {", ".join(inner)} FROM subscribers WHERE {condition} ORDER BY subscribers.id)"""


def _cell(column: Column) -> str:
    """The cell, from the columns of the inner query."""
    if column.field is not None:
        return _value_cell(column.field)
    match column.key:
        case "country":
            return "ifnull(country, '')"
        case "subscribed_at":
            return _time("subscribed_at")
        case "last_opened_at":
            return f"ifnull({_time('last_opened_at')}, '')"
        case key:
            return key


def _values_cell(group: int) -> str:
    return f"{_literal(VALUES + str(group).encode())} || custom_fields"


def _names(kind: str) -> str:
    """A query for a cell with the names of the subscriber's tags or sequences."""
    names = f"group_concat(named.name, {_literal(COMMA + b' ')})"
    return f"""SELECT CASE count(*) WHEN 0 THEN '' WHEN 1 THEN {_literal(LIST)} || {names}
            ELSE {_literal(LIST + QUOTE)} || {names} || {_literal(QUOTE)} END
        FROM subscriber_{kind}s AS member JOIN {kind}s AS named ON named.id = member.{kind}_id
        WHERE member.subscriber_id = subscribers.id"""


def _value(field: CustomField) -> str:
    """A column with the value, or with its JSON where SQLite has no such type."""
    operator = "->" if field.type in _JSON_TYPES else "->>"
    return f"custom_fields {operator} '$.\"{field.id}\"' AS value{field.id}"


def _value_cell(field: CustomField) -> str:
    """The cell of the column `_value`.

    SQLite reads a number with a fraction or an exponent as a float, which has too few digits: it stays JSON.
    """
    value = f"value{field.id}"
    if field.type == "Checkbox":
        return f"ifnull({value}, '')"
    if field.type == "Multi Select":
        return f"ifnull({_literal(VALUE)} || {value}, '')"
    return f"""CASE typeof({value}) WHEN 'real' THEN {_literal(VALUE)} || (custom_fields -> '$."{field.id}"')
        ELSE ifnull({value}, '') END"""


def _time(column: str) -> str:
    """RFC 3339, as `clock.rfc3339` writes it."""
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1000.0, 'unixepoch')"


def _literal(mark: bytes) -> str:
    return f"x'{mark.hex()}'"
