"""A journal: a subscription without an address. It keeps all events of its workspace, and sends none.

A sandbox gives one to each workspace, for tests that look at events without a receiver.
"""

from typing import Final

from mailrith_lite.database import Connection
from mailrith_lite.webhooks import delivery_table, events, patterns, signing, subscription_table
from mailrith_lite.webhooks.events import Event
from mailrith_lite.webhooks.subscription_table import Subscription

MOST_EVENTS: Final = 1_000
_NAME = "\n"  # the name of a subscription has no control character, so this one takes none away


async def insert_journal(connection: Connection, workspace_id: int, now: int) -> None:
    journal = Subscription(
        id=0,
        workspace_id=workspace_id,
        name=_NAME,
        url=None,
        status="active",
        event_patterns=["*", *patterns.JOB_PATTERNS],
        sees_subscribers=True,
        secret=signing.new_secret(),
        created_at=now,
        updated_at=now,
    )
    await subscription_table.insert_subscription(connection, journal)


async def select_events(connection: Connection, workspace_id: int, event_type: str | None) -> list[Event]:
    """The first MOST_EVENTS events of the type (None: of any type), oldest first."""
    journal_id = await subscription_table.select_journal(connection, workspace_id)
    if journal_id is None:
        return []
    kept = await delivery_table.select_journal_events(connection, journal_id, event_type, limit=MOST_EVENTS)
    return [events.as_received(one) for one in kept]
