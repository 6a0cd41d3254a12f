"""The content of one CSV cell: the formula guard, and a list of items."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

# What a spreadsheet skips before a formula: blanks, line ends, controls, and characters without a width.
_SKIPPED = r"\s\x00-\x1f\x7f-\xa0\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"

# A text that a spreadsheet would run as a formula, with any number of apostrophes before it. =, @, + and - can have
# their full width. A plain number or a phone number with a sign is harmless, so it stays as it is.
_FORMULA = re.compile(
    rf"""
    '*(?:
        [\t\r]
      | [{_SKIPPED}]*(?:
            [=@\uff1d\uff20]
          | [+\uff0b\uff0d-](?!                       # after a sign, a formula unless the rest is
                (?: [0-9]+(?:[.,][0-9]+)*             #   a number
                    (?:[eE][+-]?[0-9]+)?%?
                  | \.[0-9]+
                )\Z
            )(?!(?<=[+\uff0b])[0-9][0-9 ()./-]*\Z)    #   or, after a plus, a phone number
        )
    )""",
    re.VERBOSE,
)
FORMULA_BYTES: Final = bytes([*range(0x21), *b"'+-=@", 0x7F, 0xC2, 0xE1, 0xE2, 0xE3, 0xEF])
"""The first bytes, in UTF-8, of the characters with which `guard` may find a formula."""
_NEEDS_CSV_QUOTES = re.compile(r'[,"\r\n]')
_NEEDS_QUOTES = re.compile(r'[,;|"\r\n]')
_DELIMITER_LIKE = re.compile(r'[,;\t|"\r\n]')
_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*+)"\s*(?=[,;|\n]|\Z)|([^,;|\n]*+))(?:[,;|\n]|\Z)')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def guard(cell: str) -> str:
    """Puts a `'` before a cell that a spreadsheet would run as a formula. `unguard` removes exactly this `'`."""
    if cell[:1].isalnum():  # most cells: much quicker than the pattern
        return cell
    return "'" + cell if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    if cell[:1] == "'" and _FORMULA.match(cell, 1):
        return cell[1:]
    return cell


def guard_name(name: str, *, formula_guard: bool) -> str:
    """The cell of a column name. An import always removes a guard from a name, whatever the setting says."""
    return guard(name) if formula_guard or unguard(name) != name else name


def csv_cell(text: str) -> str:
    """A cell of a CSV file (RFC 4180), in quotes only if the text needs them."""
    return _quoted(text, _NEEDS_CSV_QUOTES)


def join_list(items: Iterable[str]) -> str:
    """Joins the items with `, `. An item with `,` `;` `|`, a quote or a line break is in quotes."""
    return ", ".join(map(_quoted, items))


def split_list(cell: str, separator: str = ",") -> list[str]:
    """The items of a cell that `join_list` or a person has written, without blank items.

    Raises:
        ValueError: a quote is not closed, or the list has a line break outside quotes.
    """
    if '"' not in cell:
        items = cell.split(separator)
    else:
        try:
            lines = io.StringIO(cell.strip(), newline="")
            records = list(csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True))
        except csv.Error as error:
            raise ValueError("a quote in the list is not closed") from error
        if len(records) > 1:
            raise ValueError("the list continues after a line break")
        items = records[0]
    return [item for item in map(str.strip, items) if item]


def split_names(text: str) -> list[str]:
    """The names of a cell, without blank ones, between `,`, `;`, `|` and line ends.

    Unlike `split_list`, it refuses nothing: a quote that does not go around a whole name is a part of the name.
    """
    items = []
    for match in _NAME.finditer(text.strip()):
        quoted, plain = match.groups()
        item = plain if quoted is None else quoted.replace('""', '"')
        if item := _CONTROL.sub(" ", item).strip():
            items.append(item)
    return items


def header_line(names: Iterable[str]) -> bytes:
    """A CSV header. A name with any character that a reader may take for the delimiter is in quotes."""
    return (",".join(_quoted(name, _DELIMITER_LIKE) for name in names) + "\r\n").encode()


def _quoted(item: str, marks: re.Pattern[str] = _NEEDS_QUOTES) -> str:
    if marks.search(item):
        return '"' + item.replace('"', '""') + '"'
    return item
