"""The webhooks of a sandbox: what was sent, and a gate that holds events and plans failures."""

import asyncio
import contextlib
from collections import defaultdict, deque

import msgspec

from mailrith_lite import clock
from mailrith_lite.database import Database
from mailrith_lite.webhooks import delivery_table, events, journal, subscription_table
from mailrith_lite.webhooks.delivery_table import DeliveryStatus
from mailrith_lite.webhooks.dispatcher import Dispatcher
from mailrith_lite.webhooks.events import Event
from mailrith_lite.webhooks.outbox import Outbox
from mailrith_lite.webhooks.patterns import CONTRACT_EVENTS, JOB_PATTERNS

MOST_DELIVERIES = 1_000
_TYPES = (*CONTRACT_EVENTS, *(pattern for pattern in JOB_PATTERNS if not pattern.endswith("*")))


class SentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event for one subscription, and the result of its last attempt. `subscription`: its name.

    `next_attempt_at`: RFC 3339; None when no attempt follows.
    """

    subscription: str
    event: Event
    status: DeliveryStatus
    attempts: int
    answer_status: int | None
    answer: str | None
    error: str | None
    next_attempt_at: str | None


class WebhookBox:
    """The gate of the dispatcher (`webhooks.lane.Gate`), and the queries of a test. For the server's loop only."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._planned: defaultdict[int, deque[int]] = defaultdict(deque)
        self._next_change = asyncio.Event()

    def attach(self, database: Database, outbox: Outbox, dispatcher: Dispatcher) -> None:
        self._database = database
        self._dispatcher = dispatcher
        outbox.add_listener(self._notify)

    def holds(self, workspace_id: int) -> bool:
        return workspace_id in self._held

    def planned_status(self, workspace_id: int) -> int | None:
        planned = self._planned[workspace_id]
        return planned.popleft() if planned else None

    def hold(self, workspace_id: int) -> None:
        self._held.add(workspace_id)

    def release(self, workspace_id: int) -> None:
        self._held.discard(workspace_id)
        self._dispatcher.wake()

    def fail_next(self, workspace_id: int, status: int, times: int) -> None:
        """
        Raises:
            ValueError: the status is not that of a failure.
        """
        if not 300 <= status <= 599:
            raise ValueError("a planned failure takes a status from 300 to 599")
        self._planned[workspace_id].extend([status] * times)

    def unmet(self, workspace_id: int) -> list[str]:
        """A sentence for planned failures that no attempt has met."""
        count = len(self._planned[workspace_id])
        attempts = f"{count} more attempt{'' if count == 1 else 's'}"
        return [f"a planned failure of webhooks waits for {attempts}"] if count else []

    async def clear(self, workspace_id: int) -> None:
        """Ends every delivery of the workspace."""
        self._held.discard(workspace_id)
        self._planned.pop(workspace_id, None)
        async with self._database.write() as connection:
            deleted = await subscription_table.update_all_deleted(connection, workspace_id, clock.now())
        for subscription_id in deleted:
            self._dispatcher.reload(subscription_id)

    async def drain(self) -> None:
        """Waits until no event is due, or the gate holds every event that is due."""
        await self._dispatcher.drain()

    async def select_events(self, workspace_id: int, event_type: str | None) -> list[Event]:
        """
        Raises:
            ValueError: no event has this type.
        """
        if event_type not in (None, *_TYPES):
            raise ValueError(f"there is no event {event_type}; events are {', '.join(_TYPES)}")
        await self._database.settled()
        async with self._database.read() as connection:
            return await journal.select_events(connection, workspace_id, event_type)

    async def wait_for_events(
        self, workspace_id: int, event_type: str | None, count: int, seconds: float
    ) -> list[Event]:
        """The events: at least `count` of them, unless `seconds` pass before.

        Raises:
            ValueError: no event has this type.
        """
        events: list[Event] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    changed = self._next_change
                    events = await self.select_events(workspace_id, event_type)
                    if len(events) >= count:
                        break
                    await changed.wait()
        return events

    async def select_sent(self, workspace_id: int) -> list[SentEvent]:
        """Of all subscriptions of the workspace, oldest first, at most MOST_DELIVERIES of each."""
        sent: list[tuple[int, SentEvent]] = []
        async with self._database.read() as connection:
            for one in await subscription_table.select_subscriptions(connection, workspace_id):
                rows = await delivery_table.select_deliveries(
                    connection, workspace_id, one.id, before_id=None, limit=MOST_DELIVERIES
                )
                sent += [(row.id, _sent(one.name, row)) for row in rows]
        return [one for _, one in sorted(sent, key=lambda pair: pair[0])]

    def _notify(self) -> None:
        self._next_change.set()
        self._next_change = asyncio.Event()


def _sent(name: str, delivery: delivery_table.Delivery) -> SentEvent:
    return SentEvent(
        subscription=name,
        event=events.as_received(delivery),
        status=delivery.status,
        attempts=delivery.attempts,
        answer_status=delivery.answer_status,
        answer=delivery.answer,
        error=delivery.error,
        next_attempt_at=clock.optional_rfc3339(delivery.due_at),
    )
