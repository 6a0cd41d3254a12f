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
from mailrith_lite.audience.values import field_text
from mailrith_lite.cells import guard, header_line, join_list

COLUMNS = ("Email", "Name", "Status", "Country", "Subscribed At", "Last Opened At", "Tags", "Sequences")

_Line = tuple[str, str, str, str | None, int, int | None, tuple[str, ...], tuple[str, ...], dict[str, Any]]
_lines_decoder = msgspec.json.Decoder(list[_Line], float_hook=Decimal)

_written = functools.lru_cache(1_000)(clock.rfc3339)  # a chunk of an import shares its moment


class Writer:
    """Turns batches into CSV. `fields` come after the fixed columns, in their order."""

    def __init__(self, fields: Sequence[CustomField], *, formula_guard: bool) -> None:
        self._safe: Callable[[str], str] = guard if formula_guard else str
        self._list_cell = functools.lru_cache(10_000)(lambda names: self._safe(join_list(names)))
        self._labels = _distinct([field.label for field in fields])
        self._keys = [str(field.id) for field in fields]

    def header(self) -> bytes:
        return header_line([*COLUMNS, *map(self._safe, self._labels)])

    def lines(self, rows: str) -> bytes:
        """`rows`: those of an `ExportBatch`."""
        return _csv([self._cells(*line) for line in _lines_decoder.decode(rows)])

    def _cells(
        self,
        email: str,
        name: str,
        status: str,
        country: str | None,
        subscribed_at: int,
        last_opened_at: int | None,
        tags: tuple[str, ...],
        sequences: tuple[str, ...],
        custom_fields: dict[str, Any],
    ) -> list[str | None]:
        safe = self._safe
        return [
            safe(email),
            safe(name),
            status,
            country,
            _written(subscribed_at),
            None if last_opened_at is None else _written(last_opened_at),
            self._list_cell(tags),
            self._list_cell(sequences),
            *[safe(field_text(custom_fields[key])) if key in custom_fields else "" for key in self._keys],
        ]


def _csv(rows: Sequence[Sequence[str | None]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _distinct(labels: Sequence[str]) -> list[str]:
    """A label that an earlier column has already is told apart, or nobody could map it when importing again."""
    taken = set(COLUMNS)
    names = []
    for label in labels:
        name, number = label, 2
        while name in taken:
            name, number = f"{label} ({number})", number + 1
        taken.add(name)
        names.append(name)
    return names
