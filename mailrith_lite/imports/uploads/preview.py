"""The first rows of a file, as a page shows them."""

import contextlib
import itertools
from pathlib import Path

import msgspec

from mailrith_lite.imports import column_names, records
from mailrith_lite.imports.records import Layout

MAX_ROWS = 5
MAX_CELL = 100
"""Characters; longer cells are cut."""
_MAX_CHECKS = 4
"""Blocks of 64 Ki characters, or 50,000 lines, without a row."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """`names`: of the columns. Each row has as many cells."""

    names: list[str]
    rows: list[list[str]]


class _FarAway(Exception):
    """The next row comes after many blank lines."""


def read_preview(path: Path, layout: Layout) -> Preview:
    """Blocking: run it in a thread. It has fewer rows if many blank lines come before the next one."""
    checks = itertools.count(1)

    def check() -> None:
        if next(checks) > _MAX_CHECKS:
            raise _FarAway

    with records.open_source(path) as file:
        read = records.read_records(file, layout, check)
        names = column_names.without_report_columns(layout.names)
        rows: list[list[str]] = []
        with contextlib.suppress(_FarAway):
            rows.extend(_row(cells, len(names)) for _, cells in itertools.islice(read, MAX_ROWS))
        return Preview(names=names, rows=rows)


def _row(cells: list[str], width: int) -> list[str]:
    return [_cut(cell) for cell in cells[:width]] + [""] * (width - len(cells))


def _cut(cell: str) -> str:
    return cell if len(cell) <= MAX_CELL else cell[: MAX_CELL - 1] + "…"
