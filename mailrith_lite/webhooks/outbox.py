"""Writes events in the transaction of the change that they describe, so that either both are saved or neither is.

Each function first selects the active subscriptions, and returns if there are none.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mailrith_lite import clock
from mailrith_lite.audience.alterations import Alteration
from mailrith_lite.audience.bulk_plan import Plan
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.database import Connection
from mailrith_lite.jobs.queue import Job
from mailrith_lite.webhooks import delivery_table, events, patterns
from mailrith_lite.webhooks.delivery_table import Events
from mailrith_lite.webhooks.events import Source
from mailrith_lite.webhooks.subscription_table import ActiveSubscriptions, Subscription, select_active


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """Subscribers in which the same member changes. `sql` selects their integer ids as `id`, with `parameters`."""

    sql: str
    parameters: Mapping[str, Any]
    changed: str


class Outbox:
    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Called inside each transaction that writes events; it has not committed yet."""
        self._listeners.append(listener)

    async def record_change(
        self,
        connection: Connection,
        workspace_id: int,
        source: Source,
        before: Subscriber | None,
        after: Subscriber,
        now: int,
    ) -> None:
        """One subscriber who is new (`before` is None) or may have changed."""
        active = await select_active(connection, workspace_id)
        if active.subscriptions:
            await self._record(connection, workspace_id, active, events.of_change(before, after, source), now)

    async def record_chunk(
        self, connection: Connection, workspace_id: int, source: Source, plan: Plan, now: int
    ) -> None:
        """The subscribers that a chunk of an import creates or changes."""
        active = await select_active(connection, workspace_id)
        if active.any_of(patterns.CREATED, patterns.UPDATED, patterns.STATUS_CHANGED):
            planned = await asyncio.to_thread(events.of_plan, plan, source)
            await self._record(connection, workspace_id, active, planned, now)

    async def record_alterations(
        self,
        connection: Connection,
        workspace_id: int,
        source: Source,
        altered: Sequence[Alteration],
        now: int,
    ) -> None:
        """Many subscribers who change in different ways."""
        active = await select_active(connection, workspace_id)
        if active.any_of(patterns.UPDATED, patterns.STATUS_CHANGED):
            planned = await asyncio.to_thread(events.of_alterations, altered, source)
            await self._record(connection, workspace_id, active, planned, now)

    async def record_members(
        self, connection: Connection, workspace_id: int, source: Source, members: Members, now: int
    ) -> None:
        """Many subscribers who lose a tag, a sequence or a value. Call it while `sql` selects them."""
        active = await select_active(connection, workspace_id)
        if not active.by(patterns.UPDATED):
            return
        rows = await connection.execute_fetchall(
            f"SELECT json_group_array(json_array(id)) AS rows, count(*) AS count FROM ({members.sql})",
            members.parameters,
        )
        row = next(iter(rows))
        lost = events.of_members(row["rows"], row["count"], members.changed, source)
        await self._record(connection, workspace_id, active, [lost], now)

    async def record_job(self, connection: Connection, job: Job) -> None:
        """A job that has just become final. A dry run changes nothing, and makes no event."""
        if not job.dry_run:
            active = await select_active(connection, job.workspace_id)
            await self._record(connection, job.workspace_id, active, [events.of_job(job)], clock.now())

    async def record_test(self, connection: Connection, subscription: Subscription, now: int) -> int:
        """An event of the type `webhook.test` for this subscription alone. Returns the delivery's integer id."""
        number = await delivery_table.insert_events(
            connection, subscription.workspace_id, [subscription.id], events.of_test(subscription), now
        )
        self.notify()
        return number

    def notify(self) -> None:
        """Call it inside a transaction after which events may be due."""
        for listener in self._listeners:
            listener()

    async def _record(
        self,
        connection: Connection,
        workspace_id: int,
        active: ActiveSubscriptions,
        recorded: Iterable[Events],
        now: int,
    ) -> None:
        for some in recorded:
            if some.count and (subscription_ids := active.by(some.type)):
                await delivery_table.insert_events(connection, workspace_id, subscription_ids, some, now)
                self.notify()
