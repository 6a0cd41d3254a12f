"""The people of each chunk of a bulk change: those who match a filter, or those whom the request lists."""

import msgspec

from mailrith_lite.audience.conditions import Bindings
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.bulk_changes.bulk_table import BulkChange
from mailrith_lite.database import Connection, by_name


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """`listed`: a JSON list of integer ids. `last_id`: the last of them; None for an empty batch."""

    listed: str
    count: int
    last_id: int | None


async def select_last_id(connection: Connection, workspace_id: int) -> int:
    """The newest subscriber: later ones are not changed."""
    rows = await connection.execute_fetchall(
        "SELECT coalesce(max(id), 0) AS last_id FROM subscribers WHERE workspace_id = ?", (workspace_id,)
    )
    return int(next(iter(rows))["last_id"])


async def select_count(
    connection: Connection, workspace_id: int, subscriber_filter: SubscriberFilter, *, last_id: int, now: int
) -> int:
    """Reads all subscribers of the workspace up to `last_id`."""
    bindings = Bindings()
    where = subscriber_filter.where(bindings, workspace_id, now)
    rows = await connection.execute_fetchall(
        f"""{where.with_clause()} SELECT count(*) FROM subscribers
        WHERE {where.condition} AND subscribers.id <= :last_id""",
        bindings.values | {"last_id": last_id},
    )
    return int(next(iter(rows))[0])


async def select_matching(
    connection: Connection,
    workspace_id: int,
    subscriber_filter: SubscriberFilter,
    *,
    after_id: int,
    last_id: int,
    limit: int,
    now: int,
) -> Batch:
    """The next subscribers who match, oldest first."""
    bindings = Bindings()
    where = subscriber_filter.where(bindings, workspace_id, now)
    rows = await connection.execute_fetchall(
        f"""{where.with_clause()} SELECT json_group_array(id) AS listed, count(*) AS count, max(id) AS last_id
        FROM (SELECT subscribers.id FROM subscribers
            WHERE {where.condition} AND subscribers.id > :after_id AND subscribers.id <= :last_id
            ORDER BY subscribers.id LIMIT :limit)""",
        bindings.values | {"after_id": after_id, "last_id": last_id, "limit": limit},
    )
    return Batch(**by_name(next(iter(rows))))


def next_listed(change: BulkChange, limit: int) -> Batch:
    """The next of the subscribers that the request lists."""
    numbers = [number for number in change.subscriber_ids or () if number > change.after_id][:limit]
    return Batch(
        listed=msgspec.json.encode(numbers).decode(),
        count=len(numbers),
        last_id=numbers[-1] if numbers else None,
    )
