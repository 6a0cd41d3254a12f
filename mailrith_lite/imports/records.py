"""Reads a source file as records. The header decides the delimiter; each record has its line number."""

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
from mailrith_lite.imports.lines import MAX_ROW, Lines, TooWide, Unreadable
from mailrith_lite.unicode_forms import compose

DELIMITERS = ",;\t|"
MAX_CELL = 1 << 20  # characters
MAX_COLUMNS = 250
MAX_COLUMN_NAME = 200
MAX_HEADER_BYTES = 12 << 10
REPORT_COLUMNS = ("error_line", "error_column", "error_code", "error_message")
"""An error report has these after the columns of the file."""
_CHECK_LINES = 50_000
_LONG_RUN = 100
"""Blank lines after which the next ones are skipped in blocks."""
_NAMED_DELIMITER = re.compile(rf'"?sep=([{DELIMITERS}])"?(?:\r\n?|\n)', re.IGNORECASE)
_HEADER_PREFIX = 1 << 17
"""Characters that the header row may take, with its quotes and the blank lines before it."""

csv.field_size_limit(MAX_CELL)


class BrokenFile(Exception):
    """The file cannot be read; the text names the line."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """`names`: trimmed, in the normal form NFC and without a formula guard, as mappings name the columns."""

    delimiter: str
    names: list[str]


class _Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The header row, split at one delimiter.

    `regular`: every quote opens at the beginning of a cell and closes at its end. `cells` is empty if the row does
    not end within the prefix or cannot be read.
    """

    delimiter: str
    regular: bool
    cells: list[str]


def open_source(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def read_header(path: Path) -> Header:
    """
    Raises:
        BrokenFile: the file has no header row, or the row exceeds a limit.
    """
    with open_source(path) as file:
        prefix = file.read(_HEADER_PREFIX)
        if named := _NAMED_DELIMITER.match(prefix):
            prefix = prefix[named.end() :] + file.read(named.end())
    if "\0" in prefix:
        raise BrokenFile("the text holds a NUL character; remove it")
    delimiters = named[1] if named else DELIMITERS
    # The best delimiter leaves quoted cells whole, then makes the most columns; of equal ones the first. A
    # delimiter with which the header cannot be read wins against one that reads it as a single name with a quote.
    best = max(
        (_read_first_record(prefix, delimiter) for delimiter in delimiters),
        key=lambda reading: (reading.regular, len(reading.cells) or 1, not reading.cells),
    )
    if not best.cells:
        raise BrokenFile(
            "the header row is too long or a quote in it is not closed"
            if prefix.strip()
            else "there is no header row; the first line must name the columns"
        )
    names = [column_name(cell) for cell in best.cells]
    limited = without_report_columns(names)
    if len(limited) > MAX_COLUMNS:
        raise BrokenFile(f"the header row has {len(limited):,} columns; at most {MAX_COLUMNS} are possible")
    if any(len(name) > MAX_COLUMN_NAME for name in limited):
        raise BrokenFile(f"a column name has more than {MAX_COLUMN_NAME} characters")
    if sum(len(name.encode()) for name in limited) > MAX_HEADER_BYTES:
        raise BrokenFile(f"the column names have more than {MAX_HEADER_BYTES // 1024} KiB together")
    return Header(delimiter=best.delimiter, names=names)


def without_report_columns(names: list[str]) -> list[str]:
    """So the error report of a file at its limits can be imported, too."""
    while tuple(names[-len(REPORT_COLUMNS) :]) == REPORT_COLUMNS:
        names = names[: -len(REPORT_COLUMNS)]
    return names


def column_name(cell: str) -> str:
    """The name by which a mapping refers to a header cell, in the normal form NFC."""
    return compose(unguard(cell.strip()).strip())


def read_records(
    file: TextIO, delimiter: str, check: Callable[[], None] = lambda: None, *, read_ahead: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """(the number of its first line, its cells) of every record that is not a blank line, the header first.

    Skips a first line that only names the delimiter (`sep=;`). Calls `check` from time to time during a long run of
    blank lines; an exception from it ends the reading. Without `read_ahead`, the position of the file is always
    after the record.

    Raises:
        BrokenFile: the quotes, a NUL character or a size make the rest unreadable.
    """
    lines = Lines(file, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    blank = 0
    while True:
        line = reader.line_num + lines.skipped + 1
        lines.start_row()
        try:
            if blank == _LONG_RUN:
                lines.skip_blank(check)
                line, blank = reader.line_num + lines.skipped + 1, 0
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BrokenFile(_explain(error, file, delimiter, line, reader.line_num + lines.skipped)) from error
        except TooWide as error:
            raise BrokenFile(f"line {line}: {error}") from None
        except Unreadable as error:
            raise BrokenFile(f"line {reader.line_num + lines.skipped + 1}: {error}") from error
        except UnicodeDecodeError as error:
            text = f"line {reader.line_num + lines.skipped + 1}: the text is not valid UTF-8"
            raise BrokenFile(text) from error
        if line == 1 and _names_delimiter(cells, delimiter):
            continue
        if cells and not (len(cells) == 1 and cells[0].isspace()):
            blank = 0
            yield line, cells
            continue
        blank += read_ahead
        if line % _CHECK_LINES == 0:
            check()


def has_data_row(path: Path, delimiter: str) -> bool:
    """Whether a row follows the header, also one that cannot be read: the import reports it."""
    try:
        with open_source(path) as file:
            return advance(read_records(file, delimiter), 2) == 2
    except BrokenFile:
        return True


def _names_delimiter(cells: list[str], delimiter: str) -> bool:
    """Whether the record is `sep=;`, which Excel reads and writes as the first line."""
    return [cell.lower() for cell in cells[:3]] in (["sep=", ""], [f"sep={delimiter}"])


def advance(records: Iterator[tuple[int, list[str]]], count: int) -> int:
    """Skips `count` records, or fewer at the end of the file. Returns how many."""
    return sum(1 for _ in itertools.islice(records, count))


def _read_first_record(prefix: str, delimiter: str) -> _Reading:
    text = io.StringIO(prefix, newline="")
    with contextlib.suppress(BrokenFile):  # the header cannot be read with this delimiter; another may be right
        for _, cells in read_records(text, delimiter, read_ahead=False):
            if text.tell() == _HEADER_PREFIX:
                break
            regular = _regular_record(delimiter).fullmatch(prefix[: text.tell()].strip()) is not None
            return _Reading(delimiter=delimiter, regular=regular, cells=cells)
    return _Reading(delimiter=delimiter, regular=False, cells=[])


def _regular_record(delimiter: str) -> re.Pattern[str]:
    """Matches a record that is `regular`. The quantifiers are possessive, so the match takes linear time."""
    cell = rf'(?:"(?:[^"]|"")*+"|[^"{re.escape(delimiter)}]*+)'
    return re.compile(rf"{cell}(?:{re.escape(delimiter)}{cell})*+")


def _explain(error: csv.Error, file: TextIO, delimiter: str, first_line: int, last_line: int) -> str:
    text = str(error)
    opened = _open_quote(file, delimiter, first_line, last_line)
    if "expected after" in text and opened in (None, last_line):
        return f"line {last_line}: a quote inside a quoted cell must be doubled, and a closing quote ends the cell"
    if "expected after" in text:
        return f"line {opened}: a quote is opened here, and closed on line {last_line} before the end of its cell"
    if "end of data" in text and opened:
        return f"line {opened}: a quote is opened here and never closed"
    cell = f"line {opened}: the cell whose quote opens here" if opened else f"line {last_line}: a cell"
    return f"{cell} is longer than {MAX_CELL:,} characters"


def _open_quote(file: TextIO, delimiter: str, first_line: int, last_line: int) -> int | None:
    """The line of the quote that is still open where the reading stopped. The record starts on `first_line`."""
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
                position = _after_delimiter(line, delimiter, position)
            elif (quote := line.find('"', position)) < 0:
                break
            elif line.startswith('""', quote):
                position = quote + 2
            elif line[quote + 1 : quote + 2] not in (delimiter, "\r", "\n", ""):
                return opened
            else:
                opened, position = None, _after_delimiter(line, delimiter, quote)
        if number >= last_line:
            break
    return opened


def _after_delimiter(line: str, delimiter: str, position: int) -> int:
    """The position after the next delimiter, or the end of the line."""
    index = line.find(delimiter, position)
    return index + 1 if index >= 0 else len(line)
