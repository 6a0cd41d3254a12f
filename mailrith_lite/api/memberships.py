"""/v1/subscribers/{subscriber_id}/tags/{tag_id} and …/sequences/{sequence_id}"""

from collections.abc import Awaitable, Callable
from typing import Any

from mailrith_lite.api import resources
from mailrith_lite.api.call import Call
from mailrith_lite.api.responses import Data
from mailrith_lite.api.subscribers import SubscriberResource, change_subscriber, subscriber_resource
from mailrith_lite.audience import memberships, sequences, tags, upsert
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.upsert import UpsertContext
from mailrith_lite.database import Connection


async def add_subscriber_tag(call: Call) -> Data[SubscriberResource]:
    """Add a tag to a subscriber

    Returns the subscriber, also when they have the tag already.
    """
    return await _change_membership(call, "tag", tags.select_tag, memberships.insert_tag)


async def remove_subscriber_tag(call: Call) -> Data[SubscriberResource]:
    """Remove a tag from a subscriber

    Returns the subscriber, also when they do not have the tag.
    """
    return await _change_membership(call, "tag", tags.select_tag, memberships.delete_tag)


async def add_subscriber_sequence(call: Call) -> Data[SubscriberResource]:
    """Add a subscriber to a sequence

    Returns the subscriber, also when they are in the sequence already. This service sends no email.
    """
    return await _change_membership(call, "sequence", sequences.select_sequence, memberships.insert_sequence)


async def remove_subscriber_sequence(call: Call) -> Data[SubscriberResource]:
    """Remove a subscriber from a sequence

    Returns the subscriber, also when they are not in the sequence. Their past membership stays on record.
    """
    return await _change_membership(
        call, "sequence", sequences.select_sequence, memberships.update_sequence_removed
    )


async def _change_membership(
    call: Call,
    resource: str,
    select: Callable[[Connection, int, int], Awaitable[Any]],
    alter: Callable[[Connection, int, int], Awaitable[bool]],
) -> Data[SubscriberResource]:
    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        other = await resources.find(call, connection, resource, select)
        if not await alter(connection, saved.id, other.id):
            return saved
        return await upsert.touch(connection, terms.workspace_id, saved.id, terms.now)

    return Data(subscriber_resource(await change_subscriber(call, change)))
