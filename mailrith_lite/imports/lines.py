"""The lines of a source file, with the checks that csv.reader does not do."""

import io
import itertools
import re
from collections.abc import Callable
from typing import TextIO

from mailrith_lite.imports.quotes import BlankTrimmer

MAX_ROW = 1 << 24  # characters
MAX_CELLS = 300_000
"""Of a row on one line: an empty cell takes memory, too."""
MAX_DELIMITERS = 1 << 20
"""Of a row on several lines, those in quotes included: as many as a single cell can contain."""
_BLOCK = 1 << 16  # characters


class Unreadable(Exception):
    """The next line cannot be read; the text says why."""


class TooWide(Exception):
    """The row has too many cells."""


class Lines:
    """`skipped`: the number of lines that csv.reader does not get."""

    def __init__(self, file: TextIO, delimiter: str) -> None:
        self._file = file
        self._read: Callable[[int], str] = file.readline
        self._unread, self._unread_length = io.StringIO(), 0  # a part of a block, before the rest of the file
        self._delimiter = delimiter
        mark = re.escape(delimiter)
        self._cell = re.compile(rf'(?:^|{mark})(?:"(?:[^"]|"")*+"?)?[^{mark}]*+')
        self._trim = BlankTrimmer(delimiter).trim
        self.skipped = 0
        self.start_row()

    def start_row(self) -> None:
        self.row_characters = self.row_delimiters = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._read(MAX_ROW)
        if not line:
            raise StopIteration
        if "\0" in line:
            raise Unreadable("there is a NUL character; remove it")
        first = self.row_characters == 0
        self.row_characters += len(line)
        if self.row_characters >= MAX_ROW:
            raise Unreadable(f"the row is longer than {MAX_ROW:,} characters")
        if '"' in line and (' "' in line or '" ' in line or "\t" in line):  # else there is nothing to trim
            line = self._trim(line, quoted=not first)
        count = line.count(self._delimiter)
        self.row_delimiters += count
        if count >= MAX_CELLS or self.row_delimiters > MAX_DELIMITERS:
            self._check_width(line, first)
        return line

    def skip_to(self, number: int) -> None:
        """Skips the lines before the one with this number."""
        while self.skipped < number - 1 and self._file.readline(MAX_ROW):
            self.skipped += 1

    def skip_blank(self, check: Callable[[], None]) -> None:
        """Skips the lines of blanks alone that come next. Call it between two rows.

        It reads blocks, which is a hundred times faster than lines. Calls `check` after each.
        """
        after_return = False
        while block := self._unread.read() or self._file.read(_BLOCK):
            end = len(block) - len(block.lstrip("\r\n "))
            end = max(block.rfind("\n", 0, end), block.rfind("\r", 0, end)) + 1
            self.skipped += block.count("\n", 0, end) + block.count("\r", 0, end) - block.count("\r\n", 0, end)
            self.skipped -= after_return and block[0] == "\n"  # the two are one line end
            if end < len(block):
                self._set_unread(block[end:])
                return
            after_return = block[-1] == "\r"
            check()
        self._read = self._file.readline

    def _read_unread(self, limit: int) -> str:
        """A line of which a part, or all, is in `_unread`."""
        line = self._unread.readline(limit)
        if self._unread.tell() < self._unread_length:
            return line
        if line.endswith("\r"):
            following = self._file.read(1)
            if following != "\n":
                self._set_unread(following)
                return line
            line += following
        self._read = self._file.readline
        return line if line.endswith(("\r", "\n")) else line + self._file.readline(limit - len(line))

    def _set_unread(self, text: str) -> None:
        self._unread, self._unread_length = io.StringIO(text, newline=""), len(text)
        self._read = self._read_unread

    def _check_width(self, line: str, first: bool) -> None:
        """For a line or a row with many delimiters. `first`: the line is the first one of its row."""
        if first and sum(1 for _ in itertools.islice(self._cell.finditer(line), MAX_CELLS + 1)) > MAX_CELLS:
            raise TooWide(f"the row has more than {MAX_CELLS:,} cells")
        if self.row_delimiters > MAX_DELIMITERS:
            raise TooWide(f"the row has more than {MAX_DELIMITERS:,} delimiters")
