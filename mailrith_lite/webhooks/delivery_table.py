"""The table `webhook_deliveries`: one row for each event and subscription that gets it."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from mailrith_lite import clock, ids
from mailrith_lite.database import MAX_ID, Connection, Database, Row, by_name
from mailrith_lite.webhooks.patterns import EventType

DeliveryStatus = Literal["waiting", "delivered", "failed"]
COUNTED = 10_000
"""Deliveries of a subscription that are counted by hour: reading more would take too long."""
_ERASED_AT_ONCE = 2_000
_HOUR = 3_600 * clock.SECOND

_COLUMNS = """id, workspace_id, subscription_id, event_id, type, subscriber_id, details, occurred_at, status,
    attempts, retries, due_at, tried_at, answer_status, answer, error, milliseconds"""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event for one subscription, and the results of the attempts so far.

    `details`: JSON, the members of the event's data besides the workspace and the subscriber. `retries`: attempts
    since the event was new, or was sent again. `due_at`: of the next attempt. `answer`: its first characters.
    """

    id: int
    workspace_id: int
    subscription_id: int
    event_id: int
    type: EventType
    subscriber_id: int | None
    details: str
    occurred_at: int
    status: DeliveryStatus
    attempts: int
    retries: int
    due_at: int | None
    tried_at: int | None
    answer_status: int | None
    answer: str | None
    error: str | None
    milliseconds: int | None

    @property
    def public_id(self) -> str:
        return ids.encode(ids.DELIVERY, self.id)

    @property
    def public_event_id(self) -> str:
        return ids.encode(ids.EVENT, self.event_id)


class DueSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """An active subscription, and when the first of its waiting events is due."""

    id: int
    workspace_id: int
    due_at: int


class HourCount(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries whose last attempt was in this hour. `failed`: those that will be tried again included."""

    start: int
    delivered: int
    failed: int


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """New events of one type, `count` of them.

    `rows`: a JSON list of lists, each with a subscriber's integer id, or null, and the details of that event as a
    JSON text. An event without details of its own has `details`.
    """

    type: EventType
    rows: str
    count: int
    details: str


def _from_row(row: Row) -> Delivery:
    return Delivery(**by_name(row))


async def insert_events(
    connection: Connection, workspace_id: int, subscription_ids: Sequence[int], events: Events, now: int
) -> int:
    """Writes a delivery for each event and subscription. Returns the integer id of the first one."""
    width = len(subscription_ids)
    first = await _reserve_numbers(connection, events.count * width)
    await connection.execute(
        """INSERT INTO webhook_deliveries
            (id, workspace_id, subscription_id, event_id, type, subscriber_id, details, occurred_at, due_at)
        SELECT :first + event.key * :width + subscription.key, :workspace_id, subscription.value,
            :first + event.key * :width, :type, event.value ->> 0, coalesce(event.value ->> 1, :details), :now, :now
        FROM json_each(:subscriptions) AS subscription CROSS JOIN json_each(:rows) AS event""",
        {
            "first": first,
            "width": width,
            "workspace_id": workspace_id,
            "subscriptions": msgspec.json.encode(subscription_ids).decode(),
            "rows": events.rows,
            "type": events.type,
            "details": events.details,
            "now": now,
        },
    )
    return first


async def _reserve_numbers(connection: Connection, count: int) -> int:
    """Reserves integer ids for new deliveries. Returns the first one."""
    rows = await connection.execute_fetchall(
        "UPDATE webhook_numbers SET last_delivery_id = last_delivery_id + ? RETURNING last_delivery_id", (count,)
    )
    return int(next(iter(rows))[0]) - count + 1


async def select_due_subscriptions(connection: Connection) -> list[DueSubscription]:
    """The active subscriptions of every workspace that have a waiting event."""
    rows = await connection.execute_fetchall(
        """SELECT * FROM (SELECT id, workspace_id, (SELECT min(due_at) FROM webhook_deliveries
                WHERE subscription_id = webhook_subscriptions.id AND due_at IS NOT NULL) AS due_at
            FROM webhook_subscriptions WHERE status = 'active' AND url IS NOT NULL AND deleted_at IS NULL)
        WHERE due_at IS NOT NULL ORDER BY due_at"""
    )
    return [DueSubscription(**by_name(row)) for row in rows]


async def select_due(
    connection: Connection, subscription_id: int, *, now: int, except_ids: Iterable[int], limit: int
) -> list[Delivery]:
    """The deliveries of a subscription that are due, in the order of their time."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM webhook_deliveries
        WHERE subscription_id = ? AND due_at IS NOT NULL AND due_at <= ?
            AND id NOT IN (SELECT value FROM json_each(?))
        ORDER BY due_at, id LIMIT ?""",
        (subscription_id, now, msgspec.json.encode(list(except_ids)).decode(), limit),
    )
    return [_from_row(row) for row in rows]


async def select_deliveries(
    connection: Connection, workspace_id: int, subscription_id: int, *, before_id: int | None, limit: int
) -> list[Delivery]:
    """Newest first, with integer ids below `before_id`."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM webhook_deliveries
        WHERE workspace_id = ? AND subscription_id = ? AND id < ? ORDER BY id DESC LIMIT ?""",
        (workspace_id, subscription_id, before_id or MAX_ID, limit),
    )
    return [_from_row(row) for row in rows]


async def select_hours(
    connection: Connection, workspace_id: int, subscription_id: int, *, since: int
) -> list[HourCount]:
    """The hours since `since` that have attempts, oldest first. Counts the newest deliveries only."""
    rows = await connection.execute_fetchall(
        """SELECT tried_at / :hour * :hour AS start,
            sum(error IS NULL) AS delivered, sum(error IS NOT NULL) AS failed
        FROM (SELECT tried_at, error FROM webhook_deliveries
            WHERE workspace_id = :workspace_id AND subscription_id = :subscription_id
            ORDER BY id DESC LIMIT :counted)
        WHERE tried_at >= :since GROUP BY start ORDER BY start""",
        {
            "hour": _HOUR,
            "workspace_id": workspace_id,
            "subscription_id": subscription_id,
            "counted": COUNTED,
            "since": since,
        },
    )
    return [HourCount(**by_name(row)) for row in rows]


async def select_delivery(
    connection: Connection, workspace_id: int, subscription_id: int, delivery_id: int
) -> Delivery | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE workspace_id = ? AND subscription_id = ? AND id = ?",
        (workspace_id, subscription_id, delivery_id),
    )
    return next(map(_from_row, rows), None)


async def update_attempted(connection: Connection, attempted: Sequence[Delivery]) -> None:
    """The results of the attempts. A delivery that was deleted stays deleted.

    The answer to an event about a subscriber who is deleted is not kept: it can be about them.
    """
    await connection.executemany(
        """UPDATE webhook_deliveries SET status = :status, attempts = :attempts, retries = :retries,
            due_at = :due_at, tried_at = :tried_at, answer_status = :answer_status,
            answer = CASE WHEN subscriber_id IS NULL
                OR EXISTS (SELECT 1 FROM subscribers WHERE subscribers.id = subscriber_id) THEN :answer END,
            error = :error, milliseconds = :milliseconds
        WHERE subscription_id = :subscription_id AND id = :id""",
        [msgspec.structs.asdict(one) for one in attempted],
    )


async def erase_answers(database: Database, workspace_id: int) -> None:
    """Deletes the answers to events about deleted subscribers. The events have ids only, and stay."""
    while True:
        async with database.read() as connection:
            rows = await connection.execute_fetchall(
                """SELECT json_group_array(json_array(subscription_id, id)) AS ids, count(*) AS count FROM (
                    SELECT subscription_id, id FROM webhook_deliveries
                    WHERE workspace_id = :workspace_id AND answer IS NOT NULL AND subscriber_id IN (
                        SELECT subscriber_id FROM erasures WHERE workspace_id = :workspace_id) LIMIT :limit)""",
                {"workspace_id": workspace_id, "limit": _ERASED_AT_ONCE},
            )
        row = next(iter(rows))
        if not row["count"]:
            return
        async with database.write(housekeeping=True) as connection:
            await connection.execute(
                """UPDATE webhook_deliveries SET answer = NULL
                WHERE (subscription_id, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))""",
                (row["ids"],),
            )


async def update_due_again(
    connection: Connection, workspace_id: int, subscription_id: int, delivery_id: int, now: int
) -> None:
    """The delivery is sent again, with all retries before it."""
    await connection.execute(
        """UPDATE webhook_deliveries SET status = 'waiting', retries = 0, due_at = ?
        WHERE workspace_id = ? AND subscription_id = ? AND id = ?""",
        (now, workspace_id, subscription_id, delivery_id),
    )


async def select_journal_events(
    connection: Connection, subscription_id: int, event_type: EventType | None, *, limit: int
) -> list[Delivery]:
    """Oldest first. None: of every type."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM webhook_deliveries
        WHERE subscription_id = ? AND type = coalesce(?, type) ORDER BY id LIMIT ?""",
        (subscription_id, event_type, limit),
    )
    return [_from_row(row) for row in rows]
