"""Reads a source file as records, each with its line number. `layout` finds the delimiter and the header."""

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from mailrith_lite.imports.lines import MAX_CELLS, MAX_ROW, Lines, TooWide, Unreadable
from mailrith_lite.imports.quotes import BlankTrimmer

DELIMITERS = ",;\t|"
MAX_CELL = 1 << 20  # characters
_CHECK_LINES = 50_000
_LONG_RUN = 100
"""Blank lines after which the next ones are skipped in blocks."""
NAMED_DELIMITER = re.compile(rf'"?sep=([{DELIMITERS}])"?(?:\r\n?|\n)', re.IGNORECASE)
_CTRL_Z = "\x1a"

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


def read_records(
    file: TextIO, layout: Layout, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, list[str]]]:
    """(the number of its first line, its cells) of every row: every record after the header that is not blank.

    Blank cells beyond the header are left out. `check` and errors as in `read_all_records`.
    """
    rows = read_all_records(
        file, layout.delimiter, check, first_line=max(1, layout.header_line), width=len(layout.names) or MAX_CELLS
    )
    return itertools.islice(rows, 1 if layout.has_header else 0, None)


def read_all_records(
    file: TextIO,
    delimiter: str,
    check: Callable[[], None] = lambda: None,
    *,
    first_line: int = 1,
    width: int = MAX_CELLS,
    read_ahead: bool = True,
) -> Iterator[tuple[int, list[str]]]:
    """(the number of its first line, its cells) of every record that has a cell that is not blank.

    Skips the lines before `first_line`, a first line that only names the delimiter (`sep=;`), and a Ctrl-Z alone in
    its line, with which old systems end a file. Leaves out blank cells beyond `width`. Calls `check` from time to
    time during a long run of blank lines; an exception from it ends the reading. Without `read_ahead`, the file's
    position is always after the record.

    Raises:
        BrokenFile: the quotes, a NUL character or a size make the rest unreadable.
    """
    lines = Lines(file, delimiter)
    lines.skip_to(first_line)
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
        except (TooWide, Unreadable, UnicodeDecodeError) as error:
            raise _broken(error, line, reader.line_num + lines.skipped + 1) from error
        if line == 1 and _names_delimiter(cells, delimiter):
            continue
        # The first cell of most rows begins with a letter or a digit: no other cell has to be looked at.
        if cells and (cells[0][:1].isalnum() or not _is_blank(cells)):
            blank = 0
            if len(cells) > width and not any(map(str.strip, cells[width:])):
                del cells[width:]
            yield line, cells
            continue
        blank += read_ahead
        if line % _CHECK_LINES == 0:
            check()


def _broken(error: Exception, first_line: int, last_line: int) -> BrokenFile:
    """`first_line`: of the record. `last_line`: the one that cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        return BrokenFile(f"line {last_line}: the text is not valid UTF-8")
    return BrokenFile(f"line {first_line if isinstance(error, TooWide) else last_line}: {error}")


def has_row(path: Path, layout: Layout) -> bool:
    """Whether there is a row, also one that cannot be read: the import reports it."""
    try:
        with open_source(path) as file:
            return advance(read_records(file, layout), 1) == 1
    except BrokenFile:
        return True


def _is_blank(cells: list[str]) -> bool:
    first = cells[0]
    if first and not first.isspace():
        return first == _CTRL_Z and len(cells) == 1
    return not any(map(str.strip, cells))


def _names_delimiter(cells: list[str], delimiter: str) -> bool:
    """Whether the record is `sep=;`, which Excel reads and writes as the first line."""
    return len(cells) <= 2 and NAMED_DELIMITER.match(delimiter.join(cells) + "\n") is not None


def advance(records: Iterator[tuple[int, list[str]]], count: int) -> int:
    """Skips `count` records, or fewer at the end of the file. Returns how many."""
    return sum(1 for _ in itertools.islice(records, count))


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
    trimmer = BlankTrimmer(delimiter)
    for number, line in enumerate(iter(lambda: file.readline(MAX_ROW), ""), 1):
        if number < first_line:
            continue
        line = trimmer.trim(line, quoted=opened is not None)
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
