"""The lines of a source file, with the checks that csv.reader does not do."""

import io
import itertools
import re
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
    """Iterates over the lines of a file. Stops at the end of the file, or of the block of `open_block` if a row
    ends there.

    `count`: the number of lines that were read. The caller adds those of a block that it reads itself.
    """

    def __init__(self, file: TextIO, delimiter: str) -> None:
        self._file = file
        self._readline = file.readline
        self._delimiter = delimiter
        mark = re.escape(delimiter)
        self._cell = re.compile(rf'(?:^|{mark})(?:"(?:[^"]|"")*+"?)?[^{mark}]*+')
        self._trimmer = BlankTrimmer(delimiter)
        self.count = 0
        self.start_row()

    def start_row(self) -> None:
        self.row_characters = self.row_delimiters = 0

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._readline(MAX_ROW) or self._continue_row()
        if "\0" in line:
            raise Unreadable("there is a NUL character; remove it")
        first = self.row_characters == 0
        self.row_characters += len(line)
        if self.row_characters >= MAX_ROW:
            raise Unreadable(f"the row is longer than {MAX_ROW:,} characters")
        if '"' in line:
            line = self._trimmer.trim(line, quoted=not first)
        delimiters = line.count(self._delimiter)
        self.row_delimiters += delimiters
        if delimiters >= MAX_CELLS or self.row_delimiters > MAX_DELIMITERS:
            self._check_width(line, first)
        self.count += 1
        return line

    def skip_to(self, number: int) -> None:
        """Skips the lines before the one with this number."""
        while self.count < number - 1 and self._file.readline(MAX_ROW):
            self.count += 1

    def read_block(self) -> str:
        """The next lines, whole unless the last one is too long; "" at the end of the file."""
        return self._file.read(_BLOCK) + self._file.readline(MAX_ROW)

    def open_block(self, block: str) -> None:
        """Reads the next lines from this block."""
        self._readline = io.StringIO(block, newline="").readline

    def _continue_row(self) -> str:
        """The first line of the next block, if a row goes on there."""
        block = self.read_block() if self.row_characters else ""
        if not block:
            raise StopIteration
        self.open_block(block)
        return self._readline(MAX_ROW)

    def _check_width(self, line: str, first: bool) -> None:
        """For a line or a row with many delimiters. `first`: the line is the first one of its row."""
        if first and sum(1 for _ in itertools.islice(self._cell.finditer(line), MAX_CELLS + 1)) > MAX_CELLS:
            raise TooWide(f"the row has more than {MAX_CELLS:,} cells")
        if self.row_delimiters > MAX_DELIMITERS:
            raise TooWide(f"the row has more than {MAX_DELIMITERS:,} delimiters")
