"""The report of a bulk change or of its undo: the skipped people, as CSV."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence

from mailrith_lite import ids
from mailrith_lite.bulk_changes import bulk_table
from mailrith_lite.bulk_changes.bulk_table import REPORT_COLUMNS, Skip
from mailrith_lite.cells import guard, header_line
from mailrith_lite.database import Database


async def stream_skipped(
    database: Database, workspace_id: int, job_id: int, *, formula_guard: bool
) -> AsyncIterator[bytes]:
    """The columns `subscriber_id`, `email` and `reason`, in UTF-8, in pieces."""
    yield header_line(list(REPORT_COLUMNS))
    after_id = 0
    while True:
        async with database.read() as connection:
            skips = await bulk_table.select_skips(connection, workspace_id, job_id, after_id=after_id)
        if not skips:
            return
        yield await asyncio.to_thread(_format, skips, formula_guard)
        after_id = skips[-1].subscriber_id


def _format(skips: Sequence[Skip], formula_guard: bool) -> bytes:
    text = io.StringIO(newline="")
    rows = [
        (
            ids.encode(ids.SUBSCRIBER, skip.subscriber_id),
            guard(skip.email) if formula_guard else skip.email,
            skip.reason,
        )
        for skip in skips
    ]
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
