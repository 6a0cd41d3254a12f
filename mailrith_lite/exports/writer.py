"""The header and the rows of an export as CSV: UTF-8, RFC 4180, CRLF."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from mailrith_lite.audience.values import field_text
from mailrith_lite.cells import FORMULA_BYTES, csv_cell, guard, guard_name, header_line, join_list
from mailrith_lite.exports.batch_query import CELL, COMMA, LIST, QUOTE, ROW, VALUE, VALUES, column_groups
from mailrith_lite.exports.file_columns import Column

_CSV: Final = bytes.maketrans(CELL + QUOTE + COMMA + ROW, b',",\r\n')
_QUOTED: Final = (b",", b'"', b"\r", b"\n", VALUE, VALUES)
_ROW_END: Final = ROW[-1:]
_BEGIN, _FORMULA = b"\x01", b"\x02"
_BEGINNINGS: Final = bytes.maketrans(
    bytes(range(256)),
    bytes(
        _BEGIN[0] if byte in CELL + ROW + LIST + QUOTE else _FORMULA[0] if byte in FORMULA_BYTES else 0
        for byte in range(256)
    ),
)
"""Of each byte: whether the next one begins a text, or whether it may begin a formula."""

_value_decoder = msgspec.json.Decoder(float_hook=Decimal)
_values_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class Writer:
    """Formats batches as CSV with these columns.

    Nearly all cells of a batch need neither quotes nor a guard, so it looks for the others in the whole text, and
    for the rest only replaces the marks.
    """

    def __init__(self, columns: Sequence[Column], *, formula_guard: bool, list_separators: bool) -> None:
        """`list_separators`: whether a name of a tag or a sequence has a `;` or a `|`."""
        self._guards = formula_guard
        self._safe: Callable[[str], str] = guard if formula_guard else str
        self._quoted = (*_QUOTED, b";", b"|") if list_separators else _QUOTED
        self._names = [guard_name(column.name, formula_guard=formula_guard) for column in columns]
        self._groups = [
            [str(column.field.id) for column in group if column.field is not None]
            for group in column_groups(columns)
        ]

    def header(self) -> bytes:
        return header_line(self._names)

    def lines(self, rows: bytes) -> bytes:
        """`rows`: of a batch."""
        pieces = []
        end = 0
        for begin, next_end in sorted(set(self._unusual_cells(rows))):
            pieces += [rows[end:begin], self._cell(rows[begin:next_end])]
            end = next_end
        return b"".join([*pieces, rows[end:]]).translate(_CSV, LIST)

    def _unusual_cells(self, rows: bytes) -> Iterator[tuple[int, int]]:
        """(begin, end) of each cell that may need quotes or a guard, or is not text. Some come twice."""
        for mark in self._quoted:
            yield from _cells_with(rows, rows, mark)
        if self._guards:
            yield from _cells_with(rows, _BEGIN + rows.translate(_BEGINNINGS), _BEGIN + _FORMULA)

    def _cell(self, cell: bytes) -> bytes:
        form, content = cell[:1], cell[1:]
        if form == VALUES:
            number, brace, members = content.partition(b"{")
            values = _values_decoder.decode(brace + members)
            keys = self._groups[int(number)]
            return b",".join(self._text(field_text(values[key])) if key in values else b"" for key in keys)
        if form == VALUE:
            return self._text(field_text(_value_decoder.decode(content)))
        if form == LIST:
            names = content.strip(QUOTE).split(COMMA + b" ")
            return self._text(join_list(name.decode() for name in names))
        return self._text(cell.decode())

    def _text(self, text: str) -> bytes:
        return csv_cell(self._safe(text)).encode()


def _cells_with(rows: bytes, searched: bytes, text: bytes) -> Iterator[tuple[int, int]]:
    """(begin, end) of the cells of `rows` at the places where `searched` has the text."""
    at = searched.find(text)
    while at >= 0:
        begin = rows.rfind(CELL, 0, at) + 1
        begin = max(begin, rows.rfind(_ROW_END, begin, at) + 1)
        end = _find(rows, ROW, at, _find(rows, CELL, at, len(rows)))
        yield begin, end
        at = searched.find(text, end)


def _find(rows: bytes, mark: bytes, begin: int, end: int) -> int:
    """The first place of the mark from `begin` on; `end` if it comes no earlier."""
    at = rows.find(mark, begin, end)
    return end if at < 0 else at
