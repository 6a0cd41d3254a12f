"""A source file as records: the dialect found from its header, and every record with the line it starts on."""

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from mailrith_lite.cells import unguard

DELIMITERS = ",;\t|"
MAX_CELL = 1 << 20  # characters
MAX_ROW = 1 << 24
MAX_CELLS = 300_000
"""In a row of one line: a cell takes memory even when it is empty."""
MAX_DELIMITERS = 1 << 20
"""In a row of several lines, those in quotes included; as many as may stand in a single cell."""
MAX_COLUMNS = 250
_CHECKED_LINES = 50_000
MAX_COLUMN_NAME = 200
MAX_HEADER_BYTES = 12 << 10
REPORT_COLUMNS = ("error_line", "error_column", "error_code", "error_message")
"""What an error report adds at the end of a file's own columns."""
_NAMED_DELIMITER = re.compile(rf'"?sep=([{DELIMITERS}])"?(?:\r\n?|\n)', re.IGNORECASE)
_HEADER_PREFIX = 1 << 17  # characters that the header row may take, quotes and blank lines before it included

csv.field_size_limit(MAX_CELL)


class BrokenFile(Exception):
    """The file cannot be read; the text names the line."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """`names`: as mappings name them, trimmed and without a formula guard."""

    delimiter: str
    names: list[str]


def open_source(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def read_header(path: Path) -> Header:
    """
    Raises:
        BrokenFile: there is no header row, or it breaks a limit.
    """
    with open_source(path) as file:
        prefix = file.read(_HEADER_PREFIX)
        if named := _NAMED_DELIMITER.match(prefix):
            prefix = prefix[named.end() :] + file.read(named.end())
    if "\0" in prefix:
        raise BrokenFile("the text holds a NUL character; remove it")
    delimiters = named[1] if named else DELIMITERS
    readings = [(delimiter, *_first_record(prefix, delimiter)) for delimiter in delimiters]
    # The delimiter that leaves quoted cells whole and makes most columns; the first of equals. One with which the
    # header cannot be read wins over one that takes all of it, a quote in its middle, for a single name.
    delimiter, _, cells = max(readings, key=lambda reading: (reading[1], len(reading[2]) or 1, not reading[2]))
    if not cells:
        raise BrokenFile(
            "the header row is too long or a quote in it is not closed"
            if prefix.strip()
            else "there is no header row; the first line must name the columns"
        )
    names = [column_name(cell) for cell in cells]
    own = own_names(names)
    if len(own) > MAX_COLUMNS:
        raise BrokenFile(f"the header row names {len(own):,} columns; at most {MAX_COLUMNS} are possible")
    if any(len(name) > MAX_COLUMN_NAME for name in own):
        raise BrokenFile(f"a column name has more than {MAX_COLUMN_NAME} characters")
    if sum(len(name.encode()) for name in own) > MAX_HEADER_BYTES:
        raise BrokenFile(f"the column names have more than {MAX_HEADER_BYTES // 1024} KiB together")
    return Header(delimiter=delimiter, names=names)


def own_names(names: list[str]) -> list[str]:
    """The file's own columns: the report of a file at its limits can be mended and sent again."""
    while tuple(names[-len(REPORT_COLUMNS) :]) == REPORT_COLUMNS:
        names = names[: -len(REPORT_COLUMNS)]
    return names


def column_name(cell: str) -> str:
    """The name by which a mapping finds a header cell."""
    return unguard(cell.strip()).strip()


def read_records(
    file: TextIO, delimiter: str, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, list[str]]]:
    """(line on which the record starts, cells) for every record that is not a blank line, the header first.

    A line before it that only names the delimiter (`sep=;`) is passed over.

    `check` is called now and then while there are blank lines only, and may raise to end the reading.

    Raises:
        BrokenFile: quoting, a NUL character or a size makes the rest unreadable.
    """
    lines = _Lines(file, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        lines.start_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BrokenFile(_explain(error, file, delimiter, line, reader.line_num)) from error
        except _TooWide as error:
            raise BrokenFile(f"line {line}: {error}") from None
        except _Unreadable as error:
            raise BrokenFile(f"line {reader.line_num + 1}: {error}") from error
        except UnicodeDecodeError as error:
            raise BrokenFile(f"line {reader.line_num + 1}: the text is not valid UTF-8") from error
        if line == 1 and _names_delimiter(cells, delimiter):
            continue
        if cells and not (len(cells) == 1 and cells[0].isspace()):
            yield line, cells
        elif line % _CHECKED_LINES == 0:
            check()


def _names_delimiter(cells: list[str], delimiter: str) -> bool:
    """Is it `sep=;`, which Excel writes and reads as the first line?"""
    return [cell.lower() for cell in cells[:3]] in (["sep=", ""], [f"sep={delimiter}"])


def advance(found: Iterator[tuple[int, list[str]]], count: int) -> int:
    """How many of the next `count` records there were."""
    return sum(1 for _ in itertools.islice(found, count))


class _Unreadable(Exception):
    pass


class _TooWide(Exception):
    pass


class _Lines:
    """The physical lines, with the checks that csv.reader does not make."""

    def __init__(self, file: TextIO, delimiter: str) -> None:
        self._read = file.readline
        self._delimiter = delimiter
        mark = re.escape(delimiter)
        self._cell = re.compile(rf'(?:^|{mark})(?:"(?:[^"]|"")*+"?)?[^{mark}]*+')
        self.start_row()

    def start_row(self) -> None:
        self.row_characters = self.row_delimiters = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._read(MAX_ROW)
        if not line:
            raise StopIteration
        if "\0" in line:
            raise _Unreadable("there is a NUL character; remove it")
        self.row_characters += len(line)
        if self.row_characters >= MAX_ROW:
            raise _Unreadable(f"the row is longer than {MAX_ROW:,} characters")
        self._check_width(line)
        return line

    def _check_width(self, line: str) -> None:
        count = line.count(self._delimiter)
        if count >= MAX_CELLS and self.row_characters == len(line):  # the row begins with this line
            count = sum(1 for _ in itertools.islice(self._cell.finditer(line), MAX_CELLS + 1))
            if count > MAX_CELLS:
                raise _TooWide(f"the row has more than {MAX_CELLS:,} cells")
        self.row_delimiters += count
        if self.row_delimiters > MAX_DELIMITERS:
            raise _TooWide(f"the row has more than {MAX_DELIMITERS:,} delimiters")


def _first_record(prefix: str, delimiter: str) -> tuple[bool, list[str]]:
    """(does no quote stand within an unquoted cell, cells) of the first record of the text.

    There are no cells when the record does not end within the prefix or cannot be read.
    """
    text = io.StringIO(prefix, newline="")
    with contextlib.suppress(BrokenFile):  # with this delimiter the header makes no sense; another may do
        for _, cells in read_records(text, delimiter):
            if text.tell() == _HEADER_PREFIX:
                break
            return bool(_tidy(delimiter).fullmatch(prefix[: text.tell()].strip())), cells
    return False, []


def _tidy(delimiter: str) -> re.Pattern[str]:
    """A record whose quotes all open at a cell's begin and close at its end. Possessive: it never looks twice."""
    cell = rf'(?:"(?:[^"]|"")*+"|[^"{re.escape(delimiter)}]*+)'
    return re.compile(rf"{cell}(?:{re.escape(delimiter)}{cell})*+")


def _explain(error: csv.Error, file: TextIO, delimiter: str, first_line: int, last_line: int) -> str:
    text = str(error)
    opened = _open_quote(file, delimiter, first_line, last_line)
    if "expected after" in text and opened in (None, last_line):
        return f"line {last_line}: a quote inside a quoted cell must be doubled, and a closing one ends the cell"
    if "expected after" in text:
        return f"line {opened}: a quote is opened here, and closed on line {last_line} before the end of its cell"
    if "end of data" in text and opened:
        return f"line {opened}: a quote is opened here and never closed"
    place = f"line {opened}: the cell whose quote opens here" if opened else f"line {last_line}: a cell"
    return f"{place} is longer than {MAX_CELL:,} characters"


def _open_quote(file: TextIO, delimiter: str, first_line: int, last_line: int) -> int | None:
    """The line with the quote that is open where reading stopped, in the record that starts on `first_line`."""
    file.seek(0)
    opened: int | None = None
    for number, line in enumerate(iter(lambda: file.readline(MAX_ROW), ""), 1):
        if number < first_line:
            continue
        position = 0
        while 0 <= position < len(line):
            if opened is None and line[position] == '"':
                opened, position = number, position + 1
            elif opened is None:
                position = _behind(line, delimiter, position)
            elif (quote := line.find('"', position)) < 0:
                break
            elif line.startswith('""', quote):
                position = quote + 2
            elif line[quote + 1 : quote + 2] not in (delimiter, "\r", "\n", ""):
                return opened
            else:
                opened, position = None, _behind(line, delimiter, quote)
        if number >= last_line:
            break
    return opened


def _behind(line: str, delimiter: str, position: int) -> int:
    found = line.find(delimiter, position)
    return found + 1 if found >= 0 else len(line)
