"""The header and the rows of an export as CSV: UTF-8, RFC 4180, CRLF."""

import csv
import functools
import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from mailrith_lite import clock
from mailrith_lite.audience.values import field_text
from mailrith_lite.cells import guard, guard_name, header_line, join_list
from mailrith_lite.exports.columns import Column


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """A subscriber in an `ExportBatch`. `custom_fields`: integer id of the field, as a text -> value."""

    email: str
    name: str
    status: str
    country: str | None
    subscribed_at: int
    last_opened_at: int | None
    tags: tuple[str, ...]
    sequences: tuple[str, ...]
    custom_fields: dict[str, Any]


_rows_decoder = msgspec.json.Decoder(list[_Row], float_hook=Decimal)
_rfc3339 = functools.lru_cache(1_000)(clock.rfc3339)  # all rows of an import's chunk have the same time


class Writer:
    """Formats batches as CSV with these columns."""

    def __init__(self, columns: Sequence[Column], *, formula_guard: bool) -> None:
        self._safe: Callable[[str], str] = guard if formula_guard else str
        self._list_cell = functools.lru_cache(10_000)(lambda names: self._safe(join_list(names)))
        self._names = [guard_name(column.name, formula_guard=formula_guard) for column in columns]
        self._cell_makers = [self._maker(column) for column in columns]

    def header(self) -> bytes:
        return header_line(self._names)

    def lines(self, rows: str) -> bytes:
        """`rows`: of an `ExportBatch`."""
        return _csv([self._cells(row) for row in _rows_decoder.decode(rows)])

    def _cells(self, row: _Row) -> list[str | None]:
        return [make(row) for make in self._cell_makers]

    def _maker(self, column: Column) -> Callable[[_Row], str | None]:
        """Makes the cell of a column from a row."""
        safe = self._safe
        if column.field is not None:
            key = str(column.field.id)
            return lambda row: safe(field_text(row.custom_fields[key])) if key in row.custom_fields else ""
        makers: dict[str, Callable[[_Row], str | None]] = {
            "email": lambda row: safe(row.email),
            "name": lambda row: safe(row.name),
            "status": lambda row: row.status,
            "country": lambda row: row.country,
            "subscribed_at": lambda row: _rfc3339(row.subscribed_at),
            "last_opened_at": lambda row: None if row.last_opened_at is None else _rfc3339(row.last_opened_at),
            "tags": lambda row: self._list_cell(row.tags),
            "sequences": lambda row: self._list_cell(row.sequences),
        }
        return makers[column.key]


def _csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
