"""Reads the rows of a file in batches, each in a thread while the batch before it is written."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from mailrith_lite.imports import records
from mailrith_lite.imports.records import Layout
from mailrith_lite.imports.rows import Row, RowReader

MAX_CHUNK_ROWS = 6_000
"""A larger chunk would be a little faster, but would hold the interpreter lock for longer at a time."""
MAX_CHUNK_CHARACTERS = 1 << 22


class Batches:
    """The batches of one file. Use `open_batches`."""

    def __init__(self, batches: Iterator[list[Row]]) -> None:
        self._batches = batches
        self._ahead: asyncio.Task[list[Row] | None] | None = None

    def read_ahead(self) -> asyncio.Task[list[Row] | None]:
        """Starts to read the next batch, unless that has started already."""
        if self._ahead is None:
            self._ahead = asyncio.create_task(asyncio.to_thread(next, self._batches, None))
        return self._ahead

    async def next(self) -> list[Row] | None:
        """None at the end of the file."""
        batch = await asyncio.shield(self.read_ahead())
        self._ahead = None
        return batch

    async def settle(self) -> None:
        """Waits until no thread reads the file."""
        if self._ahead is not None:
            await asyncio.wait([self._ahead])


@contextlib.asynccontextmanager
async def open_batches(
    path: Path, layout: Layout, reader: RowReader, *, skip: int, check: Callable[[], None]
) -> AsyncIterator[Batches]:
    """The rows after the first `skip`. `check` as in `records.read_records`."""
    with records.open_source(path) as file:
        batches = Batches(_read_batches(records.read_records(file, layout, check), reader, skip))
        try:
            yield batches
        finally:
            await batches.settle()


def _read_batches(rows: Iterator[tuple[int, list[str]]], reader: RowReader, skip: int) -> Iterator[list[Row]]:
    records.advance(rows, skip)  # the rows that are applied already
    batch: list[Row] = []
    characters = 0
    for line, cells in rows:
        batch.append(reader.read(line, cells))
        characters += sum(map(len, cells)) + len(cells)  # an empty cell takes memory, too
        if len(batch) >= MAX_CHUNK_ROWS or characters >= MAX_CHUNK_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
