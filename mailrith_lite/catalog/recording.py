"""Changes a subscriber, and records what a request does to subscribers: in their history, and as events.

Call each function in the transaction of the change.
"""

from collections.abc import Awaitable, Callable

from mailrith_lite import clock
from mailrith_lite.access import workspaces
from mailrith_lite.audience import changes
from mailrith_lite.audience.changes import NO_STATEMENT, Details, Statement
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.upsert import UpsertContext
from mailrith_lite.catalog.door import Door
from mailrith_lite.database import Connection
from mailrith_lite.webhooks.outbox import Members

Change = Callable[[Connection, Subscriber, UpsertContext], Awaitable[Subscriber]]


async def change_subscriber(
    connection: Connection, door: Door, saved: Subscriber, change: Change, said: Statement = NO_STATEMENT
) -> Subscriber:
    """`said`: what the request says about consent."""
    now = clock.now()
    changed = await change(connection, saved, await select_terms(connection, door, now))
    await record_change(connection, door, saved, changed, now, said=said)
    return changed


async def select_terms(connection: Connection, door: Door, now: int) -> UpsertContext:
    workspace = await workspaces.select_own(connection, door.workspace_id)
    return UpsertContext(
        workspace_id=door.workspace_id,
        time_zone=workspace.time_zone,
        require_evidence=door.require_evidence,
        now=now,
    )


async def record_change(
    connection: Connection,
    door: Door,
    before: Subscriber | None,
    after: Subscriber,
    now: int,
    *,
    said: Statement = NO_STATEMENT,
) -> None:
    """Records the change of one subscriber, if there is one. `before`: None for a new subscriber.

    `said`: what the request says about consent.
    """
    details = changes.of_change(before, after, said)
    if details is not None:
        await changes.insert_of_subscriber(
            connection, door.workspace_id, door.origin, after.id, details, now, keeps_values=door.keeps_values
        )
    await door.outbox.record_change(connection, door.workspace_id, door.source, before, after, now)


async def record_members(connection: Connection, door: Door, members: Members, details: Details, now: int) -> None:
    """Many subscribers who lose a tag, a sequence or a value. Call it while `members.sql` selects them."""
    await changes.insert_of_members(
        connection, door.workspace_id, door.origin, members.sql, members.parameters, details, now
    )
    await door.outbox.record_members(connection, door.workspace_id, door.source, members, now)
