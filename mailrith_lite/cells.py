"""What a single CSV cell may hold: the formula guard, and a list inside one cell."""

import csv
import io
import re
from collections.abc import Iterable

# What a spreadsheet would run as a formula, also behind apostrophes. A plain number or phone number with a sign is
# harmless and stays readable.
_FORMULA = re.compile(
    r"""
    '*(?:
        [=@\t\r]
      | [+-](?!                                 # a sign is a formula unless all that follows is
            (?: [0-9]+(?:[.,][0-9]+)*           #   a number
                (?:[eE][+-]?[0-9]+)?%?
              | \.[0-9]+
            )\Z
        )(?!(?<=\+)[0-9][0-9 ()./-]*\Z)         #   or, behind a plus, a phone number
    )""",
    re.VERBOSE,
)
_NEEDS_QUOTES = re.compile(r'[,"\r\n]')
_DELIMITER_LIKE = re.compile(r'[,;\t|"\r\n]')
_SUSPECTS = frozenset("=@\t\r+-'")


def guard(cell: str) -> str:
    """The cell with a leading `'` when a spreadsheet would run it. `unguard` takes exactly that off again."""
    if cell[:1] in _SUSPECTS and _FORMULA.match(cell):
        return "'" + cell
    return cell


def unguard(cell: str) -> str:
    if cell[:1] == "'" and _FORMULA.match(cell, 1):
        return cell[1:]
    return cell


def join_list(items: Iterable[str]) -> str:
    """Items joined with `, `, each quoted where a reader could not tell it apart otherwise."""
    return ", ".join(map(_quoted, items))


def split_list(cell: str) -> list[str]:
    """The items of a cell that `join_list`, or a person, has written. Blank items are dropped.

    Raises:
        ValueError: a quote is not closed, or items stand on several lines.
    """
    if '"' not in cell:
        items = cell.split(",")
    else:
        try:
            records = list(csv.reader(io.StringIO(cell.strip(), newline=""), skipinitialspace=True, strict=True))
        except csv.Error as error:
            raise ValueError("a quote in the list is not closed") from error
        if len(records) > 1:
            raise ValueError("the list goes on behind a line break")
        items = records[0]
    return [item for item in map(str.strip, items) if item]


def header_line(names: Iterable[str]) -> bytes:
    """A CSV header; a name that holds anything which readers take for a delimiter is in quotes."""
    return (",".join(_quoted(name, _DELIMITER_LIKE) for name in names) + "\r\n").encode()


def _quoted(item: str, marks: re.Pattern[str] = _NEEDS_QUOTES) -> str:
    if marks.search(item):
        return '"' + item.replace('"', '""') + '"'
    return item
