"""Removes the blanks next to quotes, which the csv module takes for a part of the cell: `a, "b" ,c`."""

import re
from collections.abc import Mapping

BLANKS_BESIDE: Mapping[str, str] = {",": " \t", ";": " \t", "|": " \t", "\t": " "}
"""Delimiter -> the characters that may be between it and a quote."""


class BlankTrimmer:
    """For the lines of a file with one delimiter."""

    def __init__(self, delimiter: str) -> None:
        mark, blanks = re.escape(delimiter), f"[{BLANKS_BESIDE[delimiter]}]*+"
        self._tabs = "\t" in BLANKS_BESIDE[delimiter]
        # A quoted cell closes before the next delimiter, or is still open at the end of the line.
        rest = rf'(?:[^"]|"")*+(?:"(?={blanks}(?:{mark}|[\r\n]|\Z))|\Z)'
        self._rest = re.compile(rf"({rest}){blanks}")
        self._cell = re.compile(rf'{blanks}("{rest}){blanks}|([^{mark}]*+)')

    def may_trim(self, text: str) -> bool:
        """Whether there are blanks next to a quote."""
        return ' "' in text or '" ' in text or (self._tabs and ('\t"' in text or '"\t' in text))

    def trim(self, line: str, *, quoted: bool) -> str:
        """`quoted`: the line begins within a quoted cell."""
        if not self.may_trim(line):
            return line
        pieces: list[str] = []
        position = 0
        pattern = self._rest if quoted else self._cell
        while position < len(line):
            match = pattern.match(line, position)
            if match is None:  # text after the closing quote: the csv module refuses it
                return line
            position = match.end()
            pieces += (match[match.lastindex or 0], line[position : position + 1])
            position += 1
            pattern = self._cell
        return "".join(pieces)
