"""How large the file of an export becomes."""

import asyncio
from collections.abc import Sequence
from typing import Final

from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.database import Connection
from mailrith_lite.exports import batch_query
from mailrith_lite.exports.batch_query import BatchQuery
from mailrith_lite.exports.file_columns import Column
from mailrith_lite.exports.writer import Writer

SAMPLE: Final = 200  # subscribers


async def select_size(
    connection: Connection,
    workspace_id: int,
    subscriber_filter: SubscriberFilter,
    columns: Sequence[Column],
    count: int,
    *,
    formula_guard: bool,
    now: int,
) -> int:
    """About how many bytes the rows of `count` subscribers take, from those of the oldest ones of the filter."""
    writer = Writer(
        columns,
        formula_guard=formula_guard,
        list_separators=await batch_query.select_has_separators(connection, workspace_id),
    )
    header = len(writer.header())
    query = BatchQuery(workspace_id, subscriber_filter, columns, now, rows=SAMPLE)
    span = await query.select_span(connection, 0) if count else None
    if span is None:
        return header
    lines = await asyncio.to_thread(writer.lines, await query.select_rows(connection, span))
    return header + len(lines) * count // span.count
