"""Finds the quote that makes the rest of a source file unreadable."""

from typing import TextIO

from mailrith_lite.imports.lines import MAX_ROW
from mailrith_lite.imports.quotes import BlankTrimmer


def find_open_quote(file: TextIO, delimiter: str, first_line: int, last_line: int) -> int | None:
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
