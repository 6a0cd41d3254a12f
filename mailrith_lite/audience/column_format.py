"""Which format the cells of one column of dates or numbers have."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Final, Literal

import msgspec

from mailrith_lite.audience import number_formats
from mailrith_lite.audience.date_formats import DATE_FORMATS, MAX_DATE, DateFormat, read_date
from mailrith_lite.audience.number_formats import NumberFormat

Format = DateFormat | NumberFormat
Kind = Literal["date", "number"]
_PLAIN: Final = "plain"
_KNOWN_CELLS: Final = 50_000
_LONGEST_DAY: Final = 10
_USUAL_TIME = re.compile(
    r"([0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4})[ T]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?Z?"
)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """`value`: an ISO date, or a number with a decimal point."""

    format: Format
    value: str


class Undecided(msgspec.Struct, frozen=True, kw_only=True):
    """Two formats read equally many cells, and `cell` is one that they read differently."""

    cell: str
    first: Reading
    second: Reading


class FormatTally:
    """Counts for each format how many cells of a column it reads. Its memory does not grow with the column."""

    def __init__(self, kind: Kind) -> None:
        self._readers = _READERS[kind]
        self._counts: Counter[tuple[str, ...]] = Counter()  # the formats that read a cell -> number of such cells
        self._formats_by_cell: dict[str, tuple[str, ...]] = {}
        self._examples: dict[tuple[str, ...], str] = {}  # the formats that read a cell -> the first such cell
        self._differences: dict[tuple[str, str], Undecided] = {}

    def add(self, cell: str, count: int = 1) -> None:
        """Cells that no format reads do not count, such as blank ones."""
        formats = self._formats_by_cell.get(cell)
        if formats is None and len(cell) > _LONGEST_DAY and (timed := _USUAL_TIME.fullmatch(cell)):
            cell = timed[1]  # each format that reads the day reads this time, too, and days repeat more often
            formats = self._formats_by_cell.get(cell)
        if formats is None:
            formats = self._formats(cell)
        self._counts[formats] += count
        self._examples.setdefault(formats, cell)

    def count(self, cell_format: Format) -> int:
        """The number of cells that the format reads."""
        return sum(count for formats, count in self._counts.items() if _is_read(formats, cell_format))

    def refused(self, cell_format: Format) -> str:
        """A cell that the format does not read; "" if it reads all cells."""
        unread = (cell for formats, cell in self._examples.items() if not _is_read(formats, cell_format))
        return next(unread, "")

    def update(self, cells: Iterable[str]) -> None:
        """Adds many cells; faster than `add` when many of them are equal."""
        for cell, count in Counter(cells).items():
            self.add(cell, count)

    def decide(self) -> Format | Undecided:
        """The format that reads the most cells. ISO and plain numbers win against formats that read as many."""
        totals = dict.fromkeys(self._readers, 0)
        for formats, count in self._counts.items():
            for each in formats:
                totals[each] += count
        best = max(totals.values())
        winners = [each for each, total in totals.items() if total == best]
        default = next(iter(self._readers))
        if default not in winners:
            for pair in combinations(winners, 2):
                if pair in self._differences:
                    return self._differences[pair]
        return _FORMATS[winners[0]]

    def _formats(self, cell: str) -> tuple[str, ...]:
        text = cell.strip()
        if len(text) > _MAX_TEXT:
            return ()
        values = {name: value for name, read in self._readers.items() if (value := read(text)) is not None}
        for pair in combinations(values, 2):
            first, second = pair
            if values[first] != values[second] and _PLAIN not in pair and pair not in self._differences:
                self._differences[pair] = Undecided(
                    cell=text,
                    first=Reading(format=_FORMATS[first], value=values[first]),
                    second=Reading(format=_FORMATS[second], value=values[second]),
                )
        if len(self._formats_by_cell) >= _KNOWN_CELLS:
            self._formats_by_cell.clear()
        self._formats_by_cell[cell] = formats = tuple(values)
        return formats


def _is_read(formats: tuple[str, ...], cell_format: Format) -> bool:
    return cell_format in formats or (cell_format == "point" and _PLAIN in formats)


def _date_reader(date_format: DateFormat) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        day = read_date(text, date_format)
        return None if day is None else day.isoformat()

    return read


_MAX_TEXT: Final = max(MAX_DATE, number_formats.MAX_NUMBER)
_READERS: Final[dict[Kind, dict[str, Callable[[str], str | None]]]] = {  # the first wins when it is among the best
    "date": {each: _date_reader(each) for each in DATE_FORMATS},
    "number": {
        _PLAIN: number_formats.read_plain,
        "point": number_formats.read_point,
        "comma": number_formats.read_comma,
    },
}
_FORMATS: Final[dict[str, Format]] = {**{each: each for each in DATE_FORMATS}, "point": "point", "comma": "comma"}
_FORMATS[_PLAIN] = "point"
