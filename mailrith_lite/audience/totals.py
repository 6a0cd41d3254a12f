"""How many people a workspace has, by status, and how many of them subscribed in each of the last twelve months."""

import asyncio
import contextvars
from datetime import UTC, datetime

import msgspec

from mailrith_lite import clock, logs
from mailrith_lite.audience.vocabulary import STATUSES, Status
from mailrith_lite.database import Connection, Database

MONTHS = 12
PATIENCE_SECONDS = 0.02
"""For so long a look waits for a new count before it gets the last one."""


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """`start`: milliseconds, in UTC. `count`: of the people who subscribed in it."""

    start: int
    count: int


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """`months`: the oldest first; the last one is not over. `counted_at`: milliseconds."""

    by_status: dict[Status, int]
    months: list[Month]
    counted_at: int

    @property
    def total(self) -> int:
        return sum(self.by_status.values())


async def select_totals(connection: Connection, workspace_id: int, now: int) -> Totals:
    """Reads everybody: a second for a million people."""
    rows = await connection.execute_fetchall(
        "SELECT status, count(*) AS count FROM subscribers WHERE workspace_id = ? GROUP BY status", (workspace_id,)
    )
    counts: dict[str, int] = {row["status"]: row["count"] for row in rows}
    starts = _months(now)
    rows = await connection.execute_fetchall(
        """SELECT strftime('%Y-%m', subscribed_at / 1000, 'unixepoch') AS month, count(*) AS count
        FROM subscribers WHERE workspace_id = ? AND subscribed_at >= ? GROUP BY month""",
        (workspace_id, _milliseconds(starts[0])),
    )
    by_month: dict[str, int] = {row["month"]: row["count"] for row in rows}
    return Totals(
        by_status={status: counts.get(status, 0) for status in STATUSES},
        months=[Month(start=_milliseconds(start), count=by_month.get(f"{start:%Y-%m}", 0)) for start in starts],
        counted_at=now,
    )


def _months(now: int) -> list[datetime]:
    """The first moments of the last twelve months, with this one."""
    today = datetime.fromtimestamp(now / clock.SECOND, UTC)
    last = today.year * 12 + today.month - 1
    return [datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in range(last - MONTHS + 1, last + 1)]


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp()) * clock.SECOND


class AudienceTotals:
    """Keeps the last count of each workspace. After a change, the next look counts again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[int, tuple[tuple[int, int], Totals]] = {}
        self._counting: dict[int, asyncio.Task[None]] = {}

    async def get(self, workspace_id: int) -> Totals | None:
        """The newest count, or the last one if a new count takes long; None if there is no count yet."""
        revision, totals = self._kept.get(workspace_id, (None, None))
        if revision == self._database.revision(workspace_id):
            return totals
        task = self._counting.get(workspace_id)
        if task is None:
            # in an empty context: the request may end before the count
            task = asyncio.create_task(self._count(workspace_id), context=contextvars.Context())
            self._counting[workspace_id] = task
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        return self._kept.get(workspace_id, (None, None))[1]

    async def _count(self, workspace_id: int) -> None:
        try:
            async with self._database.read() as connection:
                revision = self._database.revision(workspace_id)  # before the count: a write during it counts again
                self._kept[workspace_id] = revision, await select_totals(connection, workspace_id, clock.now())
        except Exception:
            logs.service.exception("the people of a workspace could not be counted")
        finally:
            del self._counting[workspace_id]

    async def close(self) -> None:
        counting = list(self._counting.values())
        for task in counting:
            task.cancel()
        await asyncio.gather(*counting, return_exceptions=True)
