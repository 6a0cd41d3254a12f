"""The columns of an export, and its rows as CSV: UTF-8, RFC 4180, CRLF."""

import csv
import functools
import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from mailrith_lite import clock
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.export_columns import COLUMNS, column_of_label
from mailrith_lite.audience.values import field_text
from mailrith_lite.cells import guard, guard_name, header_line, join_list


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
    """Formats batches as CSV. The columns of `fields` follow the fixed columns, in this order."""

    def __init__(self, fields: Sequence[CustomField], *, formula_guard: bool) -> None:
        self._safe: Callable[[str], str] = guard if formula_guard else str
        self._list_cell = functools.lru_cache(10_000)(lambda names: self._safe(join_list(names)))
        self._names = [guard_name(column_of_label(field.label), formula_guard=formula_guard) for field in fields]
        self._keys = [str(field.id) for field in fields]

    def header(self) -> bytes:
        return header_line([*COLUMNS, *self._names])

    def lines(self, rows: str) -> bytes:
        """`rows`: of an `ExportBatch`."""
        return _csv([self._cells(row) for row in _rows_decoder.decode(rows)])

    def _cells(self, row: _Row) -> list[str | None]:
        safe, custom_fields = self._safe, row.custom_fields
        return [
            safe(row.email),
            safe(row.name),
            row.status,
            row.country,
            _rfc3339(row.subscribed_at),
            None if row.last_opened_at is None else _rfc3339(row.last_opened_at),
            self._list_cell(row.tags),
            self._list_cell(row.sequences),
            *[safe(field_text(custom_fields[key])) if key in custom_fields else "" for key in self._keys],
        ]


def _csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
