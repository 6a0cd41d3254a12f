"""Counts the rows of a file, which also checks that all of it can be read. A large file gets a process of its own.

python -m mailrith_lite.imports.counting FILE DELIMITER HEADER_LINE
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from mailrith_lite.imports import own_process, records
from mailrith_lite.imports.records import Layout

_RECORDS_AT_ONCE = 50_000


class _Count(msgspec.Struct, frozen=True, kw_only=True):
    """What the process prints. `broken`: why the file cannot be read."""

    rows: int = 0
    broken: str | None = None


async def count_rows(path: Path, layout: Layout, check: Callable[[], None] = lambda: None) -> int:
    """Reads the whole file. Calls `check` from time to time; an exception from it ends the reading.

    Raises:
        BrokenFile: the file cannot be read; the text names the line.
    """
    if path.stat().st_size >= own_process.LARGE:
        return await _count_in_process(path, layout, check)
    with records.open_source(path) as file:
        remaining = records.read_records(file, layout, check)
        total = 0
        while True:
            check()
            count = await asyncio.to_thread(records.advance, remaining, _RECORDS_AT_ONCE)
            total += count
            if count < _RECORDS_AT_ONCE:
                return total


async def _count_in_process(path: Path, layout: Layout, check: Callable[[], None]) -> int:
    output = await own_process.run_module(
        __name__, str(path), layout.delimiter, str(layout.header_line), check=check
    )
    count = msgspec.json.decode(output, type=_Count)
    if count.broken is not None:
        raise records.BrokenFile(count.broken)
    return count.rows


def _main(path: str, delimiter: str, header_line: str) -> None:
    own_process.start()
    try:
        layout = Layout(delimiter=delimiter, header_line=int(header_line), names=[])
        with records.open_source(Path(path)) as file:
            remaining = records.read_records(file, layout)
            total = count = records.advance(remaining, _RECORDS_AT_ONCE)
            while count:
                total += (count := records.advance(remaining, _RECORDS_AT_ONCE))
        result = _Count(rows=total)
    except records.BrokenFile as error:
        result = _Count(broken=str(error))
    own_process.finish(msgspec.json.encode(result))


if __name__ == "__main__":
    _main(*sys.argv[1:])
