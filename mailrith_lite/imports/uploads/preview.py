"""The first rows of a file, as a page shows them."""

import itertools
from pathlib import Path

import msgspec

from mailrith_lite.imports import records

MAX_ROWS = 5
MAX_CELL = 100
"""Characters; longer cells are cut."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """`names`: of the columns. Each row has as many cells."""

    names: list[str]
    rows: list[list[str]]


def read_preview(path: Path, delimiter: str) -> Preview:
    """Blocking: run it in a thread."""
    with records.open_source(path) as file:
        first = itertools.islice(records.read_records(file, delimiter), 1 + MAX_ROWS)
        _, header = next(first)
        names = records.without_report_columns([records.column_name(cell) for cell in header])
        return Preview(names=names, rows=[_row(cells, len(names)) for _, cells in first])


def _row(cells: list[str], width: int) -> list[str]:
    return [_cut(cell) for cell in cells[:width]] + [""] * (width - len(cells))


def _cut(cell: str) -> str:
    return cell if len(cell) <= MAX_CELL else cell[: MAX_CELL - 1] + "…"
