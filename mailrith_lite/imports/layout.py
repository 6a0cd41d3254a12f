"""Finds the delimiter and the header of a file: by the mapped columns, or by what most records have in common."""

import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from mailrith_lite.audience.export_columns import COLUMNS
from mailrith_lite.imports import column_names, quotes, records
from mailrith_lite.imports.column_names import ColumnNames
from mailrith_lite.imports.records import DELIMITERS, BrokenFile, Layout, open_source

MAX_COLUMNS = 2_000
MAX_COLUMN_NAME = 10_000
_HEADER_RECORDS = 20
"""The header that mappings name is among the first records."""
_COMPARED_RECORDS = 100
_PREFIX = 1 << 21
"""Characters that the header, and what is above it, may take."""
_BLANK_RUN = "\n" * 20_001
_LINE_ENDS = re.compile(r"\n++")
_MAX_CELLS = MAX_COLUMNS + 100
"""Of a header, with the columns of reports of reports."""
_ADDRESS = re.compile(r"(?:mailto:|[^@<>]*<)?[^\s@<>\"]{1,64}@[^\s@<>\"]{1,255}\.[^\s@<>\"]{1,63}>?[,;.]?")
_LONGEST_ADDRESS = 500


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """`regular`: every quote opens at the beginning of a cell and closes at its end. `width`: without the blank
    cells at the end."""

    line: int
    cells: list[str]
    regular: bool

    @property
    def width(self) -> int:
        return next((index for index in range(len(self.cells), 0, -1) if self.cells[index - 1].strip()), 0)

    @property
    def is_own_header(self) -> bool:
        """Whether it is the header of an export of this service. The label of a custom field can be an address."""
        return tuple(self.cells[: len(COLUMNS)]) == COLUMNS

    @property
    def has_address(self) -> bool:
        return any(
            "@" in cell and len(cell) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(cell.strip()) is not None
            for cell in self.cells
        )


class _Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The first records as one delimiter divides them. `broken`: the record after them cannot be read."""

    delimiter: str
    records: list[_Record]
    broken: bool


def read_layout(
    path: Path,
    mapped_names: Sequence[str] | None = None,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
) -> Layout:
    """`mapped_names`: the header is the first record that has all of them; None, or if there is no such record, the
    records decide. `header`: False if the first record is a row, True if one of the records is the header; None if
    the records decide. `delimiter`: None to find it.

    Raises:
        BrokenFile: the file has no record, or its header exceeds a limit.
    """
    with open_source(path) as file:
        text = file.read(_PREFIX)
    if (end := text.find("\0")) >= 0:
        line = 1 + _count_lines(text[:end])
        raise BrokenFile(f"line {line}: there is a NUL character; remove it")
    named = records.NAMED_DELIMITER.match(text)
    delimiters = delimiter or (named[1] if named else DELIMITERS)
    short, left_out = _without_blank_runs(text)
    readings = [_read_records(short, one, cut=len(text) == _PREFIX) for one in delimiters]
    if not text.strip() or all(reading.records == [] and not reading.broken for reading in readings):
        raise BrokenFile("there is no header row; the first line must name the columns")
    layout = None
    if mapped_names and header is not False:
        layout = _find_mapped_header(readings, mapped_names)
    layout = layout or _compare(readings, header)
    before = sum(lines for line, lines in left_out if line < layout.header_line)
    return _check_limits(msgspec.structs.replace(layout, header_line=layout.header_line + before))


def _without_blank_runs(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without most lines of long runs of blank ones, which would be read once for each delimiter.

    For each run: the number of the last line of the new text before the place where lines are left out, and how
    many these are. A cell with so many line ends is not the name of a column.
    """
    parts: list[str] = []
    left_out: list[tuple[int, int]] = []
    ends = text.replace("\r", "\n")
    end, line = 0, 1
    while (start := ends.find(_BLANK_RUN, end)) >= 0:  # a pattern would hold the interpreter lock for milliseconds
        run = _LINE_ENDS.match(ends, start)
        assert run is not None
        kept = text[end : start + 2]
        parts.append(kept)
        line += _count_lines(kept)
        end = run.end()
        left_out.append((line - 1, _count_lines(text[start:end]) - _count_lines(text[start : start + 2])))
    return "".join([*parts, text[end:]]), left_out


def _count_lines(text: str) -> int:
    """Of line ends."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _read_records(text: str, delimiter: str, *, cut: bool) -> _Reading:
    """`cut`: the text is only the beginning of the file."""
    file = io.StringIO(text, newline="")
    regular = _regular_record(delimiter)
    result: list[_Record] = []
    begin = 0
    try:
        for line, cells in records.read_line_by_line(file, delimiter):
            end = file.tell()
            if cut and end == len(text):  # the record may continue
                return _Reading(delimiter=delimiter, records=result, broken=True)
            is_regular = regular.fullmatch(text, *_without_line_ends(text, begin, end)) is not None
            result.append(_Record(line=line, cells=cells, regular=is_regular))
            begin = end
            if len(result) == _COMPARED_RECORDS:
                break
    except BrokenFile:  # another delimiter may be right
        return _Reading(delimiter=delimiter, records=result, broken=True)
    return _Reading(delimiter=delimiter, records=result, broken=False)


def _without_line_ends(text: str, begin: int, end: int) -> tuple[int, int]:
    part = text[begin:end]
    return begin + len(part) - len(part.lstrip("\r\n ")), begin + len(part.rstrip("\r\n "))


def _regular_record(delimiter: str) -> re.Pattern[str]:
    """Matches a record that is `regular`. The quantifiers are possessive, so the match takes linear time."""
    mark, blanks = re.escape(delimiter), quotes.BLANKS_BESIDE[delimiter]
    cell = rf'(?:[{blanks}]*+"(?:[^"]|"")*+"[{blanks}]*+|[^"{mark}]*+)'
    return re.compile(rf"{cell}(?:{mark}{cell})*+")


def _find_mapped_header(readings: Sequence[_Reading], mapped_names: Sequence[str]) -> Layout | None:
    """The first record that has all mapped columns; of several delimiters the one that makes the most columns."""
    layouts = [layout for reading in readings if (layout := _mapped_header(reading, mapped_names)) is not None]
    return min(layouts, key=lambda layout: (layout.header_line, -len(layout.names)), default=None)


def _mapped_header(reading: _Reading, mapped_names: Sequence[str]) -> Layout | None:
    for record in reading.records[:_HEADER_RECORDS]:
        if not 0 < len(record.cells) <= _MAX_CELLS:
            continue
        names = column_names.from_header(record.cells)
        matches = [ColumnNames(names).find(name) for name in mapped_names]
        # A name such as `Column 1`, which replaces a blank cell, does not make a row the header.
        if all(matches) and any(record.cells[position].strip() for positions in matches for position in positions):
            return Layout(delimiter=reading.delimiter, header_line=record.line, names=names)
    return None


def _compare(readings: Sequence[_Reading], header: bool | None) -> Layout:
    """The layout by what most records have in common."""
    reading = max(readings, key=_agreement)
    if not reading.records or (_is_piece(reading.records[0]) and any(not other.records for other in readings)):
        raise BrokenFile("the first row is too long or a quote in it is not closed")
    first = reading.records[0]
    if header is False or (header is None and first.has_address and not first.is_own_header):
        return Layout(
            delimiter=reading.delimiter,
            header_line=0,
            names=column_names.without_header(_usual_width(reading.records)),
        )
    record = _find_header(reading.records)
    if len(record.cells) > _MAX_CELLS:
        raise _too_many_columns(len(record.cells))
    return Layout(
        delimiter=reading.delimiter, header_line=record.line, names=column_names.from_header(record.cells)
    )


def _is_piece(record: _Record) -> bool:
    """Whether the record is one cell with a stray quote. With another delimiter this quote may open a cell, and the
    row may continue on the next line."""
    return len(record.cells) == 1 and not record.regular


def _agreement(reading: _Reading) -> tuple[int, ...]:
    """How well the delimiter fits; the greatest is the best. It counts the records with equally many cells: first
    the regular ones, then all. Records of one cell do not count."""
    if not reading.records:
        return (0, 0, 0, 0, 0)
    regular = _most_common(record for record in reading.records if record.regular)
    all_records = _most_common(reading.records)
    return (
        regular,
        all_records,
        sum(record.has_address for record in reading.records),
        len(reading.records[0].cells),
        -DELIMITERS.index(reading.delimiter),
    )


def _most_common(compared: Iterable[_Record]) -> int:
    """How many records have the most common number of cells, which is more than one. Blank cells at the end count
    or not, whichever gives more records."""
    compared = list(compared)
    counts = [
        Counter(width for record in compared if (width := record.width) > 1),
        Counter(len(record.cells) for record in compared if record.width > 1),
    ]
    return max((count for counter in counts for count in counter.values()), default=0)


def _find_header(compared: Sequence[_Record]) -> _Record:
    """Of the records before the first email address: the first with at least the usual number of cells, or else the
    one with the most cells."""
    if compared[0].is_own_header:
        return compared[0]
    counts = Counter(record.width for record in compared)
    usual = max(counts, key=lambda width: (counts[width], width))
    before = list(itertools.takewhile(lambda record: not record.has_address, compared)) or compared[:1]
    return next(
        (record for record in before if record.width >= usual), max(before, key=lambda record: record.width)
    )


def _usual_width(compared: Sequence[_Record]) -> int:
    """The number of columns of a file without a header: that of at least half of the records, with blank cells at
    the end; else the greatest without them."""
    width, count = Counter(len(record.cells) for record in compared).most_common(1)[0]
    if 2 * count >= len(compared):
        return width
    return max(record.width for record in compared)


def _check_limits(layout: Layout) -> Layout:
    """
    Raises:
        BrokenFile: the header exceeds a limit.
    """
    names = column_names.without_report_columns(layout.names)
    if len(names) > MAX_COLUMNS:
        raise _too_many_columns(len(names))
    if any(len(name) > MAX_COLUMN_NAME for name in names):
        raise BrokenFile(f"a column name has more than {MAX_COLUMN_NAME:,} characters")
    return layout


def _too_many_columns(count: int) -> BrokenFile:
    return BrokenFile(f"the header row has {count:,} columns; at most {MAX_COLUMNS:,} are possible")
