"""The first pass over a file: checks that all of it can be read, counts its rows, and looks at whole columns.

    python -m mailrith_lite.imports.first_pass FILE TASK

A large file gets a process of its own.
"""

import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from mailrith_lite import disk
from mailrith_lite.audience import list_cells, tags
from mailrith_lite.audience.column_format import Format, FormatTally, Kind, Undecided
from mailrith_lite.audience.values import Refused
from mailrith_lite.cells import unguard
from mailrith_lite.imports import own_process, records
from mailrith_lite.imports.mapping import translate
from mailrith_lite.imports.records import Block, EvenBlock, Layout
from mailrith_lite.unicode_forms import fold

_BLOCKS_AT_ONCE = 8
"""A few thousand rows, so that a cell that many rows have is read once."""


class ColumnTask(msgspec.Struct, frozen=True, kw_only=True):
    """A column about which all its cells decide. `kind`: of its formats; None for a column of tags."""

    index: int
    kind: Kind | None
    values: dict[str, str | None]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`max_tags`: as many different names of tags are noted, and one more."""

    layout: Layout
    formula_guard: bool
    columns: list[ColumnTask]
    max_tags: int


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """`formats`: column's index -> its format, or the two that read it equally well. `tags`: names, each once."""

    rows: int
    formats: dict[int, Format | Undecided]
    tags: list[str]


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the process prints. `broken`: why the file cannot be read."""

    findings: Findings | None = None
    broken: str | None = None


class _Pass:
    """Reads blocks of rows. Blocking: call `read` in a thread or in a process of its own."""

    def __init__(self, task: Task, blocks: Iterator[Block | EvenBlock]) -> None:
        self._blocks = blocks
        self._count = 0
        self._guard = task.formula_guard
        self._columns = task.columns
        self._width = max((column.index + 1 for column in task.columns), default=0)
        self._tallies = {
            column.index: FormatTally(column.kind) for column in task.columns if column.kind is not None
        }
        self._tags: dict[str, str] = {}
        self._max_tags = task.max_tags
        self._read_names = list_cells.names_reader(tags.MAX_NAME)

    def read(self) -> bool:
        """Reads the next rows. False after the last one.

        Raises:
            BrokenFile: the file cannot be read; the text names the line.
        """
        blocks = list(itertools.islice(self._blocks, _BLOCKS_AT_ONCE))
        self._count += sum(len(block.lines) for block in blocks)
        if self._columns:
            columns = [list(block.columns(self._width)) for block in blocks]
            for column in self._columns:
                self._add(column, Counter(itertools.chain.from_iterable(part[column.index] for part in columns)))
        return bool(blocks)

    def findings(self) -> Findings:
        formats = {index: tally.decide() for index, tally in self._tallies.items()}
        return Findings(rows=self._count, formats=formats, tags=list(self._tags.values()))

    def _add(self, column: ColumnTask, counts: Counter[str]) -> None:
        tally = self._tallies.get(column.index)
        for cell, count in counts.items():
            text = unguard(cell) if self._guard else cell
            text = translate(column.values, text)
            if tally is not None:
                tally.add(text, count)
            else:
                self._add_tags(text)

    def _add_tags(self, cell: str) -> None:
        try:
            names = self._read_names(cell)
        except Refused:  # the second pass reports the cell
            return
        for name in names:
            if len(self._tags) <= self._max_tags:
                self._tags.setdefault(fold(name), name)


async def read_file(path: Path, task: Task, check: Callable[[], None] = lambda: None) -> Findings:
    """Reads the whole file. Calls `check` from time to time; an exception from it ends the reading.

    Raises:
        BrokenFile: the file cannot be read; the text names the line.
    """
    if path.stat().st_size >= own_process.LARGE:
        return await _read_in_process(path, task, check)
    with records.open_source(path) as file:
        reading = _Pass(task, records.read_blocks(file, task.layout, check))
        while await asyncio.to_thread(reading.read):
            check()
        check()
        return reading.findings()


async def _read_in_process(path: Path, task: Task, check: Callable[[], None]) -> Findings:
    task_file = path.with_suffix(".task")
    await asyncio.to_thread(_write, task_file, msgspec.json.encode(task))
    try:
        output = await own_process.run_module(__name__, str(path), str(task_file), check=check)
    finally:
        await disk.remove(task_file)
    result = msgspec.json.decode(output, type=_Result)
    if result.findings is None:
        raise records.BrokenFile(result.broken)
    return result.findings


def _write(path: Path, content: bytes) -> None:
    with disk.create_private(path) as file:
        file.write(content)


def _main(path: str, task_file: str) -> None:
    own_process.start()
    task = msgspec.json.decode(Path(task_file).read_bytes(), type=Task)
    try:
        with records.open_source(Path(path)) as file:
            reading = _Pass(task, records.read_blocks(file, task.layout))
            while reading.read():
                pass
            result = _Result(findings=reading.findings())
    except records.BrokenFile as error:
        result = _Result(broken=str(error))
    own_process.finish(msgspec.json.encode(result))


if __name__ == "__main__":
    _main(*sys.argv[1:])
