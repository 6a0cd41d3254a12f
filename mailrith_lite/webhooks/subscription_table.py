"""The table `webhook_subscriptions`."""

from typing import Any, Literal

import msgspec

from mailrith_lite import ids
from mailrith_lite.database import MAX_ID, Connection, Reader, Row, by_name
from mailrith_lite.unicode_forms import fold
from mailrith_lite.webhooks import patterns

SubscriptionStatus = Literal["active", "disabled"]
LastStatus = Literal["delivered", "failed"]

_COLUMNS = """id, workspace_id, name, url, status, event_patterns, sees_subscribers, secret, delivery_attempts,
    last_delivery_status, last_delivery_error, last_delivered_at, last_failed_at, failing_since, created_at,
    updated_at"""
_patterns_decoder = msgspec.json.Decoder(list[str])


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """`url`: None for a journal, which keeps its events and sends none. `sees_subscribers`: whether `*` includes
    the events of subscribers. `failing_since`: the first attempt that failed after the last success.
    """

    id: int
    workspace_id: int
    name: str
    url: str | None
    status: SubscriptionStatus
    event_patterns: list[str]
    sees_subscribers: bool
    secret: bytes
    delivery_attempts: int = 0
    last_delivery_status: LastStatus | None = None
    last_delivery_error: str | None = None
    last_delivered_at: int | None = None
    last_failed_at: int | None = None
    failing_since: int | None = None
    created_at: int
    updated_at: int

    @property
    def public_id(self) -> str:
        return ids.encode(ids.WEBHOOK_SUBSCRIPTION, self.id)


class ActiveSubscriptions(msgspec.Struct, frozen=True, kw_only=True):
    """The active subscriptions of a workspace."""

    subscriptions: list[Subscription]

    def by(self, event_type: patterns.EventType) -> list[int]:
        """The integer ids of the subscriptions that get the event."""
        return [
            one.id
            for one in self.subscriptions
            if patterns.matches(one.event_patterns, event_type, sees_subscribers=one.sees_subscribers)
        ]

    def any_of(self, *event_types: patterns.EventType) -> bool:
        return any(map(self.by, event_types))


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """What the attempts of one moment change in a subscription. `count`: how many there were.

    `status`, `error`: of the last one. `disabled`: the subscription stops until somebody makes it active.
    """

    count: int
    status: LastStatus
    error: str | None
    delivered_at: int | None
    failed_at: int | None
    failing_since: int | None
    disabled: bool


def _from_row(row: Row) -> Subscription:
    values: dict[str, Any] = by_name(row)
    values["event_patterns"] = _patterns_decoder.decode(row["event_patterns"])
    values["sees_subscribers"] = bool(row["sees_subscribers"])
    return Subscription(**values)


async def select_active(connection: Connection, workspace_id: int) -> ActiveSubscriptions:
    """Call it in the transaction of the change: one look-up, which most workspaces answer with nothing."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM webhook_subscriptions
        WHERE workspace_id = ? AND deleted_at IS NULL AND status = 'active'""",
        (workspace_id,),
    )
    return ActiveSubscriptions(subscriptions=[_from_row(row) for row in rows])


async def select_subscriptions(
    connection: Reader, workspace_id: int, *, before_id: int | None = None, limit: int = MAX_ID
) -> list[Subscription]:
    """Without journals; newest first, with integer ids below `before_id`."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM webhook_subscriptions
        WHERE workspace_id = ? AND deleted_at IS NULL AND url IS NOT NULL AND id < ? ORDER BY id DESC LIMIT ?""",
        (workspace_id, before_id or MAX_ID, limit),
    )
    return [_from_row(row) for row in rows]


async def select_subscription(connection: Reader, workspace_id: int, subscription_id: int) -> Subscription | None:
    """None for a journal, too."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM webhook_subscriptions
        WHERE workspace_id = ? AND id = ? AND deleted_at IS NULL AND url IS NOT NULL""",
        (workspace_id, subscription_id),
    )
    return next(map(_from_row, rows), None)


async def select_receiver(connection: Connection, subscription_id: int) -> Subscription | None:
    """The subscription for the delivery of its events; None when it is not active any more."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM webhook_subscriptions
        WHERE id = ? AND status = 'active' AND deleted_at IS NULL AND url IS NOT NULL""",
        (subscription_id,),
    )
    return next(map(_from_row, rows), None)


async def select_journal(connection: Connection, workspace_id: int) -> int | None:
    """The integer id of the workspace's journal."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM webhook_subscriptions WHERE workspace_id = ? AND url IS NULL AND deleted_at IS NULL",
        (workspace_id,),
    )
    return next((int(row["id"]) for row in rows), None)


async def select_id_by_name(connection: Connection, workspace_id: int, name: str) -> int | None:
    """The name is compared ignoring case."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM webhook_subscriptions WHERE workspace_id = ? AND name_key = ? AND deleted_at IS NULL",
        (workspace_id, fold(name)),
    )
    return next((int(row["id"]) for row in rows), None)


async def insert_subscription(connection: Connection, subscription: Subscription) -> int:
    """Returns the new integer id. Ignores the subscription's own id and what its deliveries have changed."""
    row = await connection.execute_insert(
        """INSERT INTO webhook_subscriptions (workspace_id, name, name_key, url, status, event_patterns,
            sees_subscribers, secret, created_at, updated_at)
        VALUES (:workspace_id, :name, :name_key, :url, :status, :event_patterns, :sees_subscribers, :secret,
            :created_at, :updated_at)""",
        _parameters(subscription),
    )
    assert row is not None
    return int(row[0])


async def update_subscription(connection: Connection, subscription: Subscription) -> None:
    """What a client can change, and the beginning of its failures."""
    await connection.execute(
        """UPDATE webhook_subscriptions SET name = :name, name_key = :name_key, url = :url, status = :status,
            event_patterns = :event_patterns, sees_subscribers = :sees_subscribers, secret = :secret,
            failing_since = :failing_since, updated_at = :updated_at
        WHERE workspace_id = :workspace_id AND id = :id""",
        _parameters(subscription),
    )


async def update_attempted(connection: Connection, subscription_id: int, attempts: Attempts) -> None:
    await connection.execute(
        """UPDATE webhook_subscriptions SET delivery_attempts = delivery_attempts + :count,
            last_delivery_status = :status, last_delivery_error = :error,
            last_delivered_at = coalesce(:delivered_at, last_delivered_at),
            last_failed_at = coalesce(:failed_at, last_failed_at), failing_since = :failing_since,
            status = CASE WHEN :disabled THEN 'disabled' ELSE webhook_subscriptions.status END
        WHERE id = :id""",
        {**msgspec.structs.asdict(attempts), "id": subscription_id},
    )


async def update_deleted(connection: Connection, workspace_id: int, subscription_id: int, now: int) -> None:
    await connection.execute(
        "UPDATE webhook_subscriptions SET deleted_at = ?, status = 'disabled' WHERE workspace_id = ? AND id = ?",
        (now, workspace_id, subscription_id),
    )


async def update_all_deleted(connection: Connection, workspace_id: int, now: int) -> list[int]:
    """Deletes every subscription of the workspace, and returns their integer ids."""
    rows = await connection.execute_fetchall(
        """UPDATE webhook_subscriptions SET deleted_at = ?, status = 'disabled'
        WHERE workspace_id = ? AND deleted_at IS NULL RETURNING id""",
        (now, workspace_id),
    )
    return [int(row["id"]) for row in rows]


def _parameters(subscription: Subscription) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(subscription),
        "name_key": fold(subscription.name),
        "event_patterns": msgspec.json.encode(subscription.event_patterns).decode(),
    }
