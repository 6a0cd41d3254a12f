"""The people that a job has skipped, and the CSV report that lists them."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec

from mailrith_lite import ids
from mailrith_lite.cells import guard, header_line
from mailrith_lite.database import Connection, Database

Column = Literal["subscriber_id", "email", "reason"]
PAGE_SIZE = 2_000
"""The most people that a `SelectSkips` returns."""


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """`subscriber_id`: an integer id. `email`: empty for somebody who does not exist."""

    subscriber_id: int
    email: str
    reason: str

    @property
    def public_id(self) -> str:
        return ids.encode(ids.SUBSCRIBER, self.subscriber_id)


class SelectSkips(Protocol):
    """Selects the next people that a job has skipped, in the order of their integer ids."""

    async def __call__(
        self, connection: Connection, workspace_id: int, job_id: int, *, after_id: int
    ) -> Sequence[Skip]: ...


async def stream_report(
    select: SelectSkips,
    columns: Sequence[Column],
    database: Database,
    workspace_id: int,
    job_id: int,
    *,
    formula_guard: bool,
) -> AsyncIterator[bytes]:
    """The report in UTF-8, in pieces, with these columns."""
    yield header_line(list(columns))
    after_id = 0
    while True:
        async with database.read() as connection:
            skips = await select(connection, workspace_id, job_id, after_id=after_id)
        if not skips:
            return
        yield await asyncio.to_thread(_format, skips, columns, formula_guard)
        after_id = skips[-1].subscriber_id


def _format(skips: Sequence[Skip], columns: Sequence[Column], formula_guard: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for skip in skips:
        cells = {
            "subscriber_id": skip.public_id,
            "email": guard(skip.email) if formula_guard else skip.email,
            "reason": skip.reason,
        }
        writer.writerow([cells[column] for column in columns])
    return text.getvalue().encode()
