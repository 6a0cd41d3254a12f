"""Reads the rows of a file in batches, each while the batch before it is written.

    python -m mailrith_lite.imports.batches

A large file gets a process of its own. It reads an order, and prints each batch in parts, then an empty part.
An empty batch is the end of the file.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import msgspec

from mailrith_lite.imports import own_process, records
from mailrith_lite.imports.row_task import RowTask
from mailrith_lite.imports.rows import Row

MAX_CHUNK_ROWS = 6_000
"""A larger chunk would be a little faster, but would hold the interpreter lock for longer at a time."""
MAX_CHUNK_CHARACTERS = 1 << 22
_PART_ROWS = 500
"""Rows that are decoded at once: that takes about a millisecond, during which the API waits."""
_LENGTH_BYTES = 4
_CHECK_SECONDS = 0.2

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(list[Row], float_hook=Decimal)


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    """`skip`: how many rows are applied already."""

    path: str
    task: RowTask
    skip: int


class Batches:
    """The batches of one file. Use `SourceFile.batches`."""

    def __init__(self, batches: Iterator[list[Row]], check: Callable[[], None]) -> None:
        self._batches = batches
        self._check = check
        self._ahead: asyncio.Task[list[Row] | None] | None = None

    def read_ahead(self) -> asyncio.Task[list[Row] | None]:
        """Starts to read the next batch, unless that has started already."""
        if self._ahead is None:
            self._ahead = asyncio.create_task(asyncio.to_thread(next, self._batches, None))
        return self._ahead

    async def next(self) -> list[Row] | None:
        """None at the end of the file. Calls `check` from time to time; an exception from it ends the reading."""
        ahead = self.read_ahead()
        while not ahead.done():
            await asyncio.wait([ahead], timeout=_CHECK_SECONDS)
            self._check()
        self._ahead = None
        return ahead.result()

    async def settle(self) -> None:
        """Waits until no thread reads the file. Nobody needs what it has read."""
        if self._ahead is not None:
            await asyncio.gather(self._ahead, return_exceptions=True)


class SourceFile:
    """A file to read. Use `open_source`."""

    def __init__(self, path: Path, stream: own_process.Stream | None) -> None:
        self._path = path
        self._stream = stream

    @contextlib.asynccontextmanager
    async def batches(self, task: RowTask, *, skip: int, check: Callable[[], None]) -> AsyncIterator[Batches]:
        """The rows after the first `skip`. `check` as in `records.read_records`. Call it once."""
        if self._stream is None:
            with records.open_source(self._path) as file:
                rows = records.read_records(file, task.layout, check)
                batches = Batches(_read_batches(rows, task, skip), check)
                try:
                    yield batches
                finally:
                    await batches.settle()
        else:
            order = _Order(path=str(self._path), task=task, skip=skip)
            await self._stream.send(msgspec.json.encode(order))
            batches = Batches(_printed_batches(self._stream.output), check)
            try:
                yield batches
            finally:
                self._stream.kill()
                await batches.settle()


@contextlib.asynccontextmanager
async def open_source(path: Path) -> AsyncIterator[SourceFile]:
    """Open it before the first pass: so the process of a large file is ready after it."""
    if path.stat().st_size < own_process.LARGE_IMPORT:
        yield SourceFile(path, None)
    else:
        async with own_process.stream_module(__name__) as stream:
            yield SourceFile(path, stream)


def _read_batches(rows: Iterator[tuple[int, list[str]]], task: RowTask, skip: int) -> Iterator[list[Row]]:
    records.advance(rows, skip)  # the rows that are applied already
    reader = task.reader()
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


def _printed_batches(output: BinaryIO) -> Iterator[list[Row]]:
    """
    Raises:
        RuntimeError: the process ended before the end of the file.
    """
    while True:
        batch: list[Row] = []
        while part := _read_part(output):
            batch += _decoder.decode(part)
        if not batch:
            return
        yield batch


def _read_part(output: BinaryIO) -> bytes:
    length = output.read(_LENGTH_BYTES)
    part = output.read(int.from_bytes(length))
    if len(length) < _LENGTH_BYTES or len(part) < int.from_bytes(length):
        raise RuntimeError(f"{__name__} ended before the end of the file")
    return part


def _print_batch(batch: list[Row]) -> None:
    for begin in range(0, len(batch), _PART_ROWS):
        _print_part(_encoder.encode(batch[begin : begin + _PART_ROWS]))
    _print_part(b"")


def _print_part(part: bytes) -> None:
    sys.stdout.buffer.write(len(part).to_bytes(_LENGTH_BYTES))
    sys.stdout.buffer.write(part)


def _main() -> None:
    order = msgspec.json.decode(own_process.read_task(), type=_Order)
    own_process.start()
    with records.open_source(Path(order.path)) as file:
        for batch in _read_batches(records.read_records(file, order.task.layout), order.task, order.skip):
            _print_batch(batch)
            sys.stdout.flush()
    own_process.finish(bytes(_LENGTH_BYTES))


if __name__ == "__main__":
    _main()
