"""The names of a file's columns: what a header cell is called, and which column a mapping means."""

import re
from collections.abc import Callable, Sequence

from mailrith_lite.audience.export_columns import REPORT_COLUMNS
from mailrith_lite.cells import unguard
from mailrith_lite.unicode_forms import compose, fold

SHOWN_COLUMNS = 250
SHOWN_CHARACTERS = 200
SHOWN_BYTES = 12 << 10
_MADE_UP = re.compile(r"Column [0-9]{1,4}(?: \([0-9]{1,4}\))?")
_MARKS = " \t:*"
"""Forms put these after the name of a field."""


def clean(cell: str) -> str:
    """The name in a header cell: trimmed, in the normal form NFC and without a formula guard."""
    return compose(unguard(cell.strip()).strip())


def from_header(cells: Sequence[str]) -> list[str]:
    """A name for each column. The second `Name` is `Name (2)`, and the fourth column without a name `Column 4`."""
    names = [clean(cell) for cell in cells]
    own = without_report_columns(names)
    taken = set(own)  # the first column of a name keeps it, wherever it is
    used: set[str] = set()
    tried: dict[str, int] = {}
    result: list[str] = []
    for position, name in enumerate(own, 1):
        unique = name or f"Column {position}"
        if unique in used or (not name and unique in taken):
            unique = _next_free(unique, taken, tried)
        elif name:
            used.add(name)
        taken.add(unique)
        result.append(unique)
    return result + names[len(own) :]


def without_header(width: int) -> list[str]:
    return [f"Column {number}" for number in range(1, width + 1)]


def is_made_up(name: str) -> bool:
    """Whether the column has no name of its own, such as `Column 4`."""
    return _MADE_UP.fullmatch(name) is not None


def without_report_columns(names: list[str]) -> list[str]:
    """The error columns do not count, so that the error report of a file at the limits can be imported too."""
    while tuple(names[-len(REPORT_COLUMNS) :]) == REPORT_COLUMNS:
        names = names[: -len(REPORT_COLUMNS)]
    return names


def shown(names: list[str]) -> list[str]:
    """The columns of an upload as the contract limits them: the first ones, and of long names the beginning."""
    result: list[str] = []
    size = 0
    for name in names[:SHOWN_COLUMNS]:
        size += len(name[:SHOWN_CHARACTERS].encode())
        if size > SHOWN_BYTES:
            break
        result.append(name[:SHOWN_CHARACTERS])
    return result


class ColumnNames:
    """Finds the column that a mapping means.

    The exact name wins. Case, blanks around a name, and `:` and `*` after it do not matter. The beginning of a long
    name, as `shown` cuts it, is enough.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = _positions(names, str)
        self._alike = _positions(names, _key)
        self._long = _positions(names, lambda name: name[:SHOWN_CHARACTERS] if len(name) > SHOWN_CHARACTERS else "")

    def find(self, name: str) -> list[int]:
        """The positions of the columns with the best match: usually one, several if the name is ambiguous."""
        cleaned = clean(name)
        return (
            self._exact.get(cleaned)
            or self._exact.get(name)  # a name can begin like a formula guard
            or self._alike.get(_key(cleaned))
            or self._long.get(cleaned)
            or []
        )


def _positions(names: Sequence[str], key: Callable[[str], str]) -> dict[str, list[int]]:
    """Key -> the positions of the names that have it. A blank key is left out."""
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if entry := key(name):
            positions.setdefault(entry, []).append(position)
    return positions


def _key(name: str) -> str:
    return fold(name.rstrip(_MARKS).lstrip())


def _next_free(name: str, taken: set[str], tried: dict[str, int]) -> str:
    """`tried`: name -> the last number that was given to it. With it, a header of equal names takes linear time."""
    number = tried.get(name, 1) + 1
    while f"{name} ({number})" in taken:
        number += 1
    tried[name] = number
    return f"{name} ({number})"
