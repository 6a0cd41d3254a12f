"""Deletes old deliveries, a batch in each transaction, so that nobody waits long to write."""

from typing import Final

from mailrith_lite import clock
from mailrith_lite.database import MAX_ID, Connection, Database

MOST_DELIVERIES: Final = 10_000
"""Deliveries of a subscription that are kept besides those that wait: the newest ones."""
_BATCH = 2_000
_INTERVAL = 600 * clock.SECOND


class Retention:
    def __init__(self, database: Database, *, ttl: int) -> None:
        """`ttl`: seconds for which a delivery is kept."""
        self._database = database
        self._ttl = ttl * clock.SECOND
        self._next_at = 0

    async def remove_expired(self) -> None:
        """Every ten minutes. Also those that still wait, for a subscription that has been disabled for so long."""
        if clock.now() < self._next_at:
            return
        self._next_at = clock.now() + _INTERVAL
        async with self._database.read() as connection:
            rows = await connection.execute_fetchall("SELECT id, deleted_at FROM webhook_subscriptions")
        for row in rows:
            if row["deleted_at"] is None:
                await self._remove_old(row["id"], clock.now() - self._ttl)
                await self._remove_surplus(row["id"])
            else:
                await self._remove_subscription(row["id"])

    async def _remove_old(self, subscription_id: int, before: int) -> None:
        while True:
            async with self._database.read() as connection:
                last_id = await _select_last_old(connection, subscription_id, before)
            if last_id is None:
                return
            await self._remove_batch(subscription_id, last_id, "true")

    async def _remove_surplus(self, subscription_id: int) -> None:
        async with self._database.read() as connection:
            last_id = await _select_last_surplus(connection, subscription_id)
        while last_id is not None and await self._remove_batch(subscription_id, last_id, "due_at IS NULL"):
            pass

    async def _remove_subscription(self, subscription_id: int) -> None:
        while await self._remove_batch(subscription_id, MAX_ID, "true"):
            pass
        async with self._database.write(housekeeping=True) as connection:
            await connection.execute("DELETE FROM webhook_subscriptions WHERE id = ?", (subscription_id,))

    async def _remove_batch(self, subscription_id: int, last_id: int, condition: str) -> bool:
        """Whether anything was removed."""
        async with self._database.write(housekeeping=True) as connection:
            cursor = await connection.execute(
                f"""DELETE FROM webhook_deliveries WHERE subscription_id = :subscription_id AND id IN (
                    SELECT id FROM webhook_deliveries
                    WHERE subscription_id = :subscription_id AND id <= :last_id AND {condition}
                    ORDER BY id LIMIT :batch)""",
                {"subscription_id": subscription_id, "last_id": last_id, "batch": _BATCH},
            )
            return cursor.rowcount > 0


async def _select_last_old(connection: Connection, subscription_id: int, before: int) -> int | None:
    """The last delivery of an event before this time, in a batch of the oldest. Ids are in the order of the
    events."""
    rows = await connection.execute_fetchall(
        """SELECT max(id) FROM (SELECT id, occurred_at FROM webhook_deliveries
            WHERE subscription_id = ? ORDER BY id LIMIT ?) WHERE occurred_at < ?""",
        (subscription_id, _BATCH, before),
    )
    last_id: int | None = next(iter(rows))[0]
    return last_id


async def _select_last_surplus(connection: Connection, subscription_id: int) -> int | None:
    """The newest delivery beyond the number that is kept; None if there are no more than that."""
    rows = await connection.execute_fetchall(
        """SELECT id FROM webhook_deliveries WHERE subscription_id = ? AND due_at IS NULL
        ORDER BY id DESC LIMIT 1 OFFSET ?""",
        (subscription_id, MOST_DELIVERIES),
    )
    return next((int(row["id"]) for row in rows), None)
