"""Deletes a subscriber, tag, custom field, sequence or segment, with history, events and an entry of the audit.

Call each function in a transaction that changes the workspace's audience.
"""

from mailrith_lite import clock, ids
from mailrith_lite.access import audit
from mailrith_lite.audience import custom_fields, sequences, subscribers, tags
from mailrith_lite.audience.changes import Details
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.segments import segment_table
from mailrith_lite.audience.segments.segment_table import Segment
from mailrith_lite.audience.sequences import Sequence
from mailrith_lite.audience.tags import Tag
from mailrith_lite.catalog import field_change, in_use, recording
from mailrith_lite.catalog.door import Door
from mailrith_lite.database import Connection
from mailrith_lite.webhooks.outbox import Members


async def delete_subscriber(connection: Connection, door: Door, subscriber_id: int) -> None:
    await subscribers.delete_subscriber(connection, door.workspace_id, subscriber_id)
    await audit.record(connection, door.actor, "subscriber.deleted", ids.encode(ids.SUBSCRIBER, subscriber_id))


async def delete_tag(connection: Connection, door: Door, tag: Tag) -> None:
    """
    Raises:
        Conflict: a segment or an unfinished job names the tag.
    """
    await in_use.check_tag(connection, door.workspace_id, tag.id)
    lost = Members(sql=tags.MEMBERS, parameters={"id": tag.id}, changed="tags")
    await recording.record_members(connection, door, lost, Details(removed_tags=[tag.id]), clock.now())
    await tags.delete_tag(connection, door.workspace_id, tag.id)
    await audit.record(connection, door.actor, "tag.deleted", ids.encode(ids.TAG, tag.id))


async def delete_custom_field(connection: Connection, door: Door, field: CustomField) -> None:
    """
    Raises:
        Conflict: a segment or an unfinished job names the field.
    """
    await in_use.check_custom_field(connection, door.workspace_id, field.id)
    now = clock.now()
    await field_change.record_members(connection, door, field, custom_fields.HAVING_VALUE, now)
    await custom_fields.delete_custom_field(connection, door.workspace_id, field.id, now)
    await audit.record(connection, door.actor, "custom_field.deleted", ids.encode(ids.CUSTOM_FIELD, field.id))


async def delete_sequence(connection: Connection, door: Door, sequence: Sequence) -> None:
    """
    Raises:
        Conflict: a segment or an unfinished job names the sequence.
    """
    await in_use.check_sequence(connection, door.workspace_id, sequence.id)
    lost = Members(sql=sequences.MEMBERS, parameters={"id": sequence.id}, changed="sequence_ids")
    await recording.record_members(connection, door, lost, Details(left=[sequence.id]), clock.now())
    await sequences.delete_sequence(connection, door.workspace_id, sequence.id)
    await audit.record(connection, door.actor, "sequence.deleted", ids.encode(ids.SEQUENCE, sequence.id))


async def delete_segment(connection: Connection, door: Door, segment: Segment) -> None:
    """
    Raises:
        Conflict: another segment names the segment.
    """
    await in_use.check_segment(connection, door.workspace_id, segment.id)
    await segment_table.delete_segment(connection, door.workspace_id, segment.id)
    await audit.record(connection, door.actor, "segment.deleted", ids.encode(ids.SEGMENT, segment.id))
