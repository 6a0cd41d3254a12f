"""Deletes old history, a batch in each transaction, so that nobody waits long to write."""

from typing import Final

from mailrith_lite import clock
from mailrith_lite.audience import changes
from mailrith_lite.database import Connection, Database

_BATCH: Final = 1_000


class HistoryRetention:
    def __init__(self, database: Database, *, ttl: int, values_ttl: int) -> None:
        """`ttl`: seconds for which a change is kept; 0 for ever. `values_ttl`: seconds for which its values are."""
        self._database = database
        self._ttl = ttl * clock.SECOND
        self._values_ttl = values_ttl * clock.SECOND

    async def remove_expired(self) -> None:
        """Values of an import are in its images, which `ImageRetention` removes."""
        more = True
        while more:
            async with self._database.write(housekeeping=True) as connection:
                more = await _remove_values(connection, clock.now() - self._values_ttl)
        more = self._ttl > 0
        while more:
            async with self._database.write(housekeeping=True) as connection:
                more = await _remove_changes(connection, clock.now() - self._ttl)


async def _remove_values(connection: Connection, before: int) -> bool:
    """Returns False if there are no more. The statuses stay."""
    rows = await connection.execute_fetchall(
        """SELECT subscriber_id, change_id, subscriber_changes.details FROM (
            SELECT id FROM changes WHERE keeps_values AND occurred_at <= ? ORDER BY occurred_at LIMIT ?) AS valued
        LEFT JOIN subscriber_changes ON change_id = valued.id""",
        (before, _BATCH),
    )
    await connection.executemany(
        "UPDATE subscriber_changes SET details = ? WHERE subscriber_id = ? AND change_id = ?",
        [
            (_without_values(row["details"]), row["subscriber_id"], row["change_id"])
            for row in rows
            if row["details"]
        ],
    )
    cursor = await connection.execute(
        """UPDATE changes SET keeps_values = 0 WHERE id IN (
            SELECT id FROM changes WHERE keeps_values AND occurred_at <= ? ORDER BY occurred_at LIMIT ?)""",
        (before, _BATCH),
    )
    return cursor.rowcount > 0


async def _remove_changes(connection: Connection, before: int) -> bool:
    """Looks at the oldest changes only, because ids are in the order of time. Returns False if there are no more.

    A change can have many subscribers, so their rows are deleted first.
    """
    old = (
        "SELECT id FROM (SELECT id, occurred_at FROM changes ORDER BY id LIMIT :batch) WHERE occurred_at <= :before"
    )
    parameters = {"batch": _BATCH, "before": before}
    cursor = await connection.execute(
        f"""DELETE FROM subscriber_changes WHERE (subscriber_id, change_id) IN (
            SELECT subscriber_id, change_id FROM subscriber_changes WHERE change_id IN ({old}) LIMIT :batch)""",
        parameters,
    )
    if cursor.rowcount == 0:
        cursor = await connection.execute(f"DELETE FROM changes WHERE id IN ({old})", parameters)
    return cursor.rowcount > 0


def _without_values(details: str) -> str:
    return changes.as_json(changes.decoder.decode(details).without_values())
