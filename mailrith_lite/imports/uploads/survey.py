"""Reads a whole file and notes what its columns contain. A large file gets a process of its own.

    python -m mailrith_lite.imports.uploads.survey FILE

The facts do not depend on a workspace: proposals are made from them later, whenever the upload is read.
"""

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from mailrith_lite.imports import column_names, own_process, records
from mailrith_lite.imports.layout import read_layout
from mailrith_lite.imports.records import Layout
from mailrith_lite.imports.uploads.column_facts import ColumnFacts, ColumnSurvey

_ROWS_AT_ONCE = 1_000
"""At least, so that a column of a wide file is not read cell by cell."""


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`header_line`: the number of the header's first line; None if the file has no header."""

    delimiter: str
    header_line: int | None
    columns: list[ColumnFacts]
    row_count: int


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the process prints. `broken`: why the file cannot be read."""

    facts: FileFacts | None = None
    broken: str | None = None


class FileSurvey:
    """Reads blocks of rows. Blocking: call `read` in a thread or in a process of its own."""

    def __init__(self, file: Path, layout: Layout) -> None:
        self._layout = layout
        names = column_names.without_report_columns(self._layout.names)
        self._columns = [ColumnSurvey(name) for name in names]
        self._source = records.open_source(file)
        self._rows = 0

    def __enter__(self) -> "FileSurvey":
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def start(self, check: Callable[[], None] = lambda: None) -> None:
        self._blocks = records.read_blocks(self._source, self._layout, check)

    def read(self) -> bool:
        """Reads the next rows. False after the last one.

        Raises:
            BrokenFile: the file cannot be read; the text names the line.
        """
        columns: list[list[str]] = [[] for _ in self._columns]
        rows = 0
        for block in self._blocks:
            rows += len(block.lines)
            for cells, more in zip(columns, block.columns(len(columns)), strict=True):
                cells += more
            if rows >= _ROWS_AT_ONCE:
                break
        for column, cells in zip(self._columns, columns, strict=True):
            column.add(cells)
        self._rows += rows
        return rows >= _ROWS_AT_ONCE

    def facts(self) -> FileFacts:
        return FileFacts(
            delimiter=self._layout.delimiter,
            header_line=self._layout.header_line or None,
            columns=[column.facts() for column in self._columns],
            row_count=self._rows,
        )


async def survey_file(file: Path, layout: Layout) -> FileFacts:
    """
    Raises:
        BrokenFile: the file cannot be read; the text names the line.
    """
    if file.stat().st_size >= own_process.LARGE:
        return await _survey_in_process(file)
    canceled = threading.Event()

    def check() -> None:
        if canceled.is_set():
            raise _Canceled

    try:
        return await asyncio.to_thread(_survey, file, layout, check)
    finally:
        canceled.set()  # the thread closes the file


class _Canceled(Exception):
    """Nobody waits for the facts any more."""


def _survey(file: Path, layout: Layout, check: Callable[[], None] = lambda: None) -> FileFacts:
    with FileSurvey(file, layout) as survey:
        survey.start(check)
        while survey.read():
            pass
        return survey.facts()


async def _survey_in_process(file: Path) -> FileFacts:
    result = msgspec.json.decode(await own_process.run_module(__name__, str(file)), type=_Result)
    if result.facts is None:
        raise records.BrokenFile(result.broken)
    return result.facts


def _main(file: str) -> None:
    own_process.start()
    try:
        result = _Result(facts=_survey(Path(file), read_layout(Path(file))))
    except records.BrokenFile as error:
        result = _Result(broken=str(error))
    own_process.finish(msgspec.json.encode(result))


if __name__ == "__main__":
    _main(*sys.argv[1:])
