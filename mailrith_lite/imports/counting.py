"""Counts the rows of a file, which also checks that all of it can be read. A large file gets a process of its own.

    python -m mailrith_lite.imports.counting FILE DELIMITER

A thread that reads rows for seconds would make the API wait for the interpreter lock.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from mailrith_lite.imports import records

LARGE = 1 << 24
"""Bytes. For a file of this size the time to start a process does not matter."""
_RECORDS_AT_ONCE = 50_000
_CHECK_SECONDS = 0.2
_NICE = 5


class _Count(msgspec.Struct, frozen=True, kw_only=True):
    """What the process prints. `broken`: why the file cannot be read."""

    rows: int = 0
    broken: str | None = None


async def count_rows(path: Path, delimiter: str, check: Callable[[], None] = lambda: None) -> int:
    """Reads the whole file. Calls `check` from time to time; an exception from it ends the reading.

    Raises:
        BrokenFile: the file cannot be read; the text names the line.
    """
    if path.stat().st_size >= LARGE:
        return await _count_in_process(path, delimiter, check)
    with records.open_source(path) as file:
        remaining = records.read_records(file, delimiter, check)
        total = -1  # the header is a record, but not a row
        while True:
            check()
            count = await asyncio.to_thread(records.advance, remaining, _RECORDS_AT_ONCE)
            total += count
            if count < _RECORDS_AT_ONCE:
                return total


async def _count_in_process(path: Path, delimiter: str, check: Callable[[], None]) -> int:
    with _open_pipe() as life:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", __name__, str(path), delimiter),
            stdin=life,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must reach the service alone: it ends its jobs in order
        )
        reading = asyncio.ensure_future(process.communicate())
        try:
            while not reading.done():
                check()
                await asyncio.wait([reading], timeout=_CHECK_SECONDS)
        finally:
            if not reading.done():
                process.kill()
                await reading
    output, _ = reading.result()
    if process.returncode != 0:
        raise RuntimeError(f"counting rows ended with {process.returncode}")
    count = msgspec.json.decode(output, type=_Count)
    if count.broken is not None:
        raise records.BrokenFile(count.broken)
    return count.rows


@contextlib.contextmanager
def _open_pipe() -> Iterator[int]:
    """The reading end of a pipe. It reaches its end when this process dies, however it dies."""
    reading_end, writing_end = os.pipe()
    try:
        yield reading_end
    finally:
        os.close(reading_end)
        os.close(writing_end)


def _main(path: str, delimiter: str) -> None:
    os.nice(_NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with records.open_source(Path(path)) as file:
            remaining = records.read_records(file, delimiter)
            total = count = records.advance(remaining, _RECORDS_AT_ONCE)
            while count:
                total += (count := records.advance(remaining, _RECORDS_AT_ONCE))
        result = _Count(rows=total - 1)
    except records.BrokenFile as error:
        result = _Count(broken=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(result))
    sys.stdout.flush()


def _end_with_parent() -> None:
    """The service writes nothing to the pipe. Its end means that the service has died: nobody reads the result."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    _main(*sys.argv[1:])
