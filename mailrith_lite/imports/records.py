"""Reads a source file as records, each with its line number. `layout` finds the delimiter and the header."""

import csv
import io
import itertools
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from mailrith_lite.imports.lines import MAX_CELLS, MAX_ROW, Lines, TooWide, Unreadable
from mailrith_lite.imports.open_quotes import find_open_quote
from mailrith_lite.imports.quotes import BlankTrimmer

DELIMITERS = ",;\t|"
MAX_CELL = 1 << 20  # characters
NAMED_DELIMITER = re.compile(rf'"?sep=([{DELIMITERS}])"?(?:\r\n?|\n)', re.IGNORECASE)
_CTRL_Z = "\x1a"
_SURROGATE = re.compile("[\udc80-\udcff]")
"""A byte that is not UTF-8, as `surrogateescape` decodes it."""
_FIRST_CELL = operator.itemgetter(0)

csv.field_size_limit(MAX_CELL)


class BrokenFile(Exception):
    """The file cannot be read; the text names the line."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """`header_line`: the number of the header's first line; 0 if the file has no header. `names`: of the columns,
    as `column_names` makes them."""

    delimiter: str
    header_line: int
    names: list[str]

    @property
    def has_header(self) -> bool:
        return self.header_line > 0


def open_source(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that follow one another. `lines`: the number of the first line of each."""

    lines: Sequence[int]
    rows: list[list[str]]

    def columns(self, width: int) -> Iterable[Sequence[str]]:
        """The first `width` columns, each with a cell of every row: "" where a row is shorter."""
        columns = itertools.zip_longest(*self.rows, fillvalue="")
        return itertools.islice(itertools.chain(columns, itertools.repeat([""] * len(self.lines))), width)


class EvenBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A `Block` in which all rows have equally many cells: `cells` has the cells of all rows in one list."""

    lines: Sequence[int]
    cells: list[str]

    @property
    def rows(self) -> list[list[str]]:
        return list(map(list, zip(*[iter(self.cells)] * self._width, strict=True)))

    def columns(self, width: int) -> Iterable[Sequence[str]]:
        columns = (self.cells[index :: self._width] for index in range(min(width, self._width)))
        return itertools.chain(columns, itertools.repeat([""] * len(self.lines), width - self._width))

    @property
    def _width(self) -> int:
        return len(self.cells) // len(self.lines)


def read_records(
    file: TextIO, layout: Layout, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, list[str]]]:
    """(the number of its first line, its cells) of every row. The rest as in `read_blocks`."""
    return itertools.chain.from_iterable(
        zip(block.lines, block.rows, strict=True) for block in read_blocks(file, layout, check)
    )


def read_blocks(
    file: TextIO, layout: Layout, check: Callable[[], None] = lambda: None
) -> Iterator[Block | EvenBlock]:
    """The rows: every record after the header that has a cell that is not blank.

    Skips a first line that only names the delimiter (`sep=;`), and a Ctrl-Z alone in its line, with which old
    systems end a file. Leaves out blank cells beyond the header. Calls `check` from time to time during a long run
    of blank lines; an exception from it ends the reading.

    Raises:
        BrokenFile: the quotes, a NUL character or a size make the rest unreadable.
    """
    reader = _BlockReader(file, layout.delimiter, width=len(layout.names) or MAX_CELLS)
    begin = 1 if layout.has_header else 0
    for block in reader.read(first_line=max(1, layout.header_line)):
        if len(block.lines) > begin:
            yield Block(lines=block.lines[begin:], rows=block.rows[begin:]) if begin else block
        else:
            check()
        begin = max(0, begin - len(block.lines))


def read_line_by_line(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """As `read_records` without a header; the position of the file is always after the record."""
    return _RecordReader(Lines(file, delimiter), file, delimiter).read()


class _RecordReader:
    """Reads one record after another, with all checks, and finds the reason why one cannot be read."""

    def __init__(self, lines: Lines, file: TextIO, delimiter: str) -> None:
        self._lines = lines
        self._file = file
        self._delimiter = delimiter
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)

    def read(self) -> Iterator[tuple[int, list[str]]]:
        """The records that are not blank, until `lines` ends.

        Raises:
            BrokenFile
        """
        lines = self._lines
        while True:
            line = lines.count + 1
            lines.start_row()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise BrokenFile(_explain(error, self._file, self._delimiter, line, lines.count)) from error
            except TooWide as error:
                raise BrokenFile(f"line {line}: {error}") from error
            except Unreadable as error:
                raise BrokenFile(f"line {lines.count + 1}: {error}") from error
            if cells and not _is_blank(cells) and not (line == 1 and _names_delimiter(cells, self._delimiter)):
                yield line, cells


class _BlockReader:
    """Reads blocks of lines with few calls for a whole block. A block with anything unusual goes to a
    `_RecordReader`.

    A block that is read at once is shorter than every limit of a cell, a row and the number of cells.
    """

    def __init__(self, file: TextIO, delimiter: str, *, width: int) -> None:
        """Blank cells beyond `width` are left out."""
        self._file = file
        self._delimiter = delimiter
        self._width = width
        self._lines = Lines(file, delimiter)
        self._records = _RecordReader(self._lines, file, delimiter)
        self._trimmer = BlankTrimmer(delimiter)
        self._content = bytes(set(range(256)) - set(delimiter.encode() + b"\n"))  # of cells

    def read(self, *, first_line: int) -> Iterator[Block | EvenBlock]:
        """Skips the lines before `first_line`. A block can be without rows.

        Raises:
            BrokenFile
        """
        try:
            self._lines.skip_to(first_line)
            while text := self._lines.read_block():
                block = None if self._is_unusual(text) else self._read_at_once(text)
                if block is None:
                    yield from self._read_carefully(text)
                else:
                    yield block
        except UnicodeDecodeError as error:
            raise BrokenFile(f"line {_undecodable_line(self._file.name)}: the text is not valid UTF-8") from error

    def _is_unusual(self, text: str) -> bool:
        return (
            len(text) >= MAX_CELLS
            or "\0" in text
            or _CTRL_Z in text
            or ('"' in text and self._trimmer.may_trim(text))
            or (self._lines.count == 0 and text.lstrip('"')[:4].lower() == "sep=")
        )

    def _read_at_once(self, text: str) -> Block | EvenBlock | None:
        """None if a record continues in the next block, or cannot be read."""
        if '"' in text:
            return self._parse(text)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text[-1] != "\n":
            text += "\n"
        first = self._lines.count + 1
        self._lines.count += text.count("\n")
        lines = range(first, self._lines.count + 1)
        if text.isspace():
            return Block(lines=(), rows=[])
        return self._split_evenly(lines, text) or self._tidy(
            lines, [line.split(self._delimiter) for line in text[:-1].split("\n")]
        )

    def _split_evenly(self, lines: range, text: str) -> EvenBlock | None:
        """None if the rows differ in their number of cells, or may be blank, or have more cells than columns."""
        marks = text.encode().translate(None, self._content)
        row = marks[: marks.index(b"\n") + 1]
        if len(row) > self._width or marks != row * len(lines):
            return None
        cells = text.replace("\n", self._delimiter).split(self._delimiter)
        del cells[-1]
        return EvenBlock(lines=lines, cells=cells) if all(map(str.strip, cells[:: len(row)])) else None

    def _tidy(self, lines: Sequence[int], rows: list[list[str]]) -> Block:
        """The rows without blank ones, and their cells without blank ones beyond the header."""
        if not all(map(str.strip, map(_FIRST_CELL, rows))):
            filled = [not _is_blank(row) for row in rows]
            lines, rows = list(itertools.compress(lines, filled)), list(itertools.compress(rows, filled))
        if max(map(len, rows), default=0) > self._width:
            for row in rows:
                _cut_surplus(row, self._width)
        return Block(lines=lines, rows=rows)

    def _parse(self, text: str) -> Block | None:
        first = line = self._lines.count + 1
        lines: list[int] = []
        rows: list[list[str]] = []
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True)
        try:
            for cells in reader:
                if cells:
                    lines.append(line)
                    rows.append(cells)
                line = first + reader.line_num
        except csv.Error:
            return None
        self._lines.count += reader.line_num
        return self._tidy(lines, rows)

    def _read_carefully(self, text: str) -> Iterator[Block]:
        """The rows of the block, and of the next ones as long as a record continues there."""
        self._lines.open_block(text)
        lines: list[int] = []
        rows: list[list[str]] = []
        broken = None
        try:
            for line, cells in self._records.read():
                lines.append(line)
                _cut_surplus(cells, self._width)
                rows.append(cells)
        except BrokenFile as error:
            broken = error
        yield Block(lines=lines, rows=rows)
        if broken is not None:
            raise broken


def _cut_surplus(cells: list[str], width: int) -> None:
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        del cells[width:]


def has_row(path: Path, layout: Layout) -> bool:
    """Whether there is a row, also one that cannot be read: the import reports it."""
    try:
        with open_source(path) as file:
            return advance(read_records(file, layout), 1) == 1
    except BrokenFile:
        return True


def _is_blank(cells: list[str]) -> bool:
    """Without a filled cell, or with a Ctrl-Z alone."""
    first = cells[0]
    if first and not first.isspace():
        return first == _CTRL_Z and len(cells) == 1
    return not any(map(str.strip, cells))


def _undecodable_line(path: str) -> int:
    """The number of the first line that is not UTF-8."""
    with Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = enumerate(iter(lambda: file.readline(MAX_ROW), ""), 1)
        return next(number for number, line in lines if _SURROGATE.search(line))


def _names_delimiter(cells: list[str], delimiter: str) -> bool:
    """Whether the record is `sep=;`, which Excel reads and writes as the first line."""
    return len(cells) <= 2 and NAMED_DELIMITER.match(delimiter.join(cells) + "\n") is not None


def advance(records: Iterator[tuple[int, list[str]]], count: int) -> int:
    """Skips `count` records, or fewer at the end of the file. Returns how many."""
    return sum(1 for _ in itertools.islice(records, count))


def _explain(error: csv.Error, file: TextIO, delimiter: str, first_line: int, last_line: int) -> str:
    text = str(error)
    opened = find_open_quote(file, delimiter, first_line, last_line)
    if "expected after" in text and opened in (None, last_line):
        return f"line {last_line}: a quote inside a quoted cell must be doubled, and a closing quote ends the cell"
    if "expected after" in text:
        return f"line {opened}: a quote is opened here, and closed on line {last_line} before the end of its cell"
    if "end of data" in text and opened:
        return f"line {opened}: a quote is opened here and never closed"
    cell = f"line {opened}: the cell whose quote opens here" if opened else f"line {last_line}: a cell"
    return f"{cell} is longer than {MAX_CELL:,} characters"
