"""The columns of an export, and its rows as CSV: UTF-8, RFC 4180, CRLF."""

import csv
import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import field_text
from mailrith_lite.cells import guard, join_list

COLUMNS = ("Email", "Name", "Status", "Country", "Subscribed At", "Last Opened At", "Tags", "Sequences")

_Line = tuple[str, str, str, str | None, str, str | None, list[str], list[str], dict[str, Any]]
_lines_decoder = msgspec.json.Decoder(list[_Line], float_hook=Decimal)


class Writer:
    """Turns batches into CSV. `fields` come after the fixed columns, in their order."""

    def __init__(self, fields: Sequence[CustomField], *, formula_guard: bool) -> None:
        self._safe: Callable[[str], str] = guard if formula_guard else str
        self._labels = _distinct([field.label for field in fields])
        self._keys = [str(field.id) for field in fields]

    def header(self) -> bytes:
        return _csv([[*COLUMNS, *map(self._safe, self._labels)]])

    def lines(self, rows: str) -> bytes:
        """`rows`: those of an `ExportBatch`."""
        safe, keys = self._safe, self._keys
        return _csv(
            [
                [
                    safe(email),
                    safe(name),
                    status,
                    country,
                    subscribed_at,
                    last_opened_at,
                    safe(join_list(tags)) if tags else "",
                    safe(join_list(sequences)) if sequences else "",
                    *(safe(field_text(custom_fields[key])) if key in custom_fields else "" for key in keys),
                ]
                for (
                    email,
                    name,
                    status,
                    country,
                    subscribed_at,
                    last_opened_at,
                    tags,
                    sequences,
                    custom_fields,
                ) in _lines_decoder.decode(rows)
            ]
        )


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
