"""How many rows a file has, which also proves that it can be read: of a large file in a process of its own.

    python -m mailrith_lite.imports.counting FILE DELIMITER

Threads that read rows for seconds on end would keep the API waiting for the interpreter lock.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from mailrith_lite.imports import records

LARGE = 1 << 24  # bytes: from here on the time to start a process is not felt
_AT_ONCE = 50_000
_CHECKED_SECONDS = 0.2
_NICE = 5


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """`broken`: why the file cannot be read."""

    rows: int = 0
    broken: str | None = None


async def count_rows(path: Path, delimiter: str, check: Callable[[], None] = lambda: None) -> int:
    """Reads the whole file. `check` is called now and then, and may raise to end the reading.

    Raises:
        BrokenFile: it cannot be read; the text names the line.
    """
    if path.stat().st_size >= LARGE:
        return await _count_apart(path, delimiter, check)
    with records.open_source(path) as file:
        found = records.read_records(file, delimiter, check)
        total = -1  # the header is a record, and no row
        while True:
            check()
            counted = await asyncio.to_thread(records.advance, found, _AT_ONCE)
            total += counted
            if counted < _AT_ONCE:
                return total


async def _count_apart(path: Path, delimiter: str, check: Callable[[], None]) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", __name__, str(path), delimiter),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the service, which lets its jobs end in order
    )
    reading = asyncio.ensure_future(process.communicate())
    try:
        while not reading.done():
            check()
            await asyncio.wait([reading], timeout=_CHECKED_SECONDS)
    finally:
        if not reading.done():
            process.kill()
            await reading
    output, _ = reading.result()
    if process.returncode != 0:
        raise RuntimeError(f"counting rows ended with {process.returncode}")
    found = msgspec.json.decode(output, type=_Found)
    if found.broken is not None:
        raise records.BrokenFile(found.broken)
    return found.rows


def _main(path: str, delimiter: str) -> None:
    os.nice(_NICE)
    parent = os.getppid()
    try:
        with records.open_source(Path(path)) as file:
            rows = records.read_records(file, delimiter)
            total = counted = records.advance(rows, _AT_ONCE)
            while counted and os.getppid() == parent:  # nobody waits for it any more when the service has died
                total += (counted := records.advance(rows, _AT_ONCE))
        found = _Found(rows=total - 1)
    except records.BrokenFile as error:
        found = _Found(broken=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
