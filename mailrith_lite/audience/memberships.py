"""The tables `subscriber_tags` and `subscriber_sequences`: rows of one subscriber, and of many for a job.

`pairs`: a JSON list of [subscriber's integer id, integer id of the tag or sequence]. `subscriber_ids`: a JSON list
of integers.
"""

from mailrith_lite.audience import blocks
from mailrith_lite.database import Connection


async def insert_tag(connection: Connection, subscriber_id: int, tag_id: int) -> bool:
    """Returns False when the subscriber already has the tag."""
    await blocks.update_tag_counts(connection, f"[{subscriber_id}]", f"[{tag_id}]")
    cursor = await connection.execute(
        "INSERT INTO subscriber_tags (subscriber_id, tag_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (subscriber_id, tag_id),
    )
    return cursor.rowcount == 1


async def delete_tag(connection: Connection, subscriber_id: int, tag_id: int) -> bool:
    """Returns False when the subscriber does not have the tag."""
    cursor = await connection.execute(
        "DELETE FROM subscriber_tags WHERE subscriber_id = ? AND tag_id = ?", (subscriber_id, tag_id)
    )
    return cursor.rowcount == 1


async def insert_sequence(connection: Connection, subscriber_id: int, sequence_id: int) -> bool:
    """A removed subscriber becomes active again; a completed one stays completed. Returns False for no change."""
    cursor = await connection.execute(
        """INSERT INTO subscriber_sequences (subscriber_id, sequence_id) VALUES (?, ?)
        ON CONFLICT DO UPDATE SET status = 'active' WHERE status = 'removed'""",
        (subscriber_id, sequence_id),
    )
    return cursor.rowcount == 1


async def update_sequence_removed(connection: Connection, subscriber_id: int, sequence_id: int) -> bool:
    """The membership stays on record as `removed`. Returns False when the subscriber is not an active member."""
    cursor = await connection.execute(
        """UPDATE subscriber_sequences SET status = 'removed'
        WHERE subscriber_id = ? AND sequence_id = ? AND status = 'active'""",
        (subscriber_id, sequence_id),
    )
    return cursor.rowcount == 1


_PAIRS = "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"


async def delete_tags(connection: Connection, pairs: str) -> None:
    await connection.execute(f"DELETE FROM subscriber_tags WHERE (subscriber_id, tag_id) IN {_PAIRS}", (pairs,))


async def delete_sequences(connection: Connection, pairs: str) -> None:
    """The memberships do not stay on record."""
    await connection.execute(
        f"DELETE FROM subscriber_sequences WHERE (subscriber_id, sequence_id) IN {_PAIRS}", (pairs,)
    )


async def update_sequences_removed(connection: Connection, pairs: str) -> None:
    """The memberships stay on record as removed."""
    await connection.execute(
        f"""UPDATE subscriber_sequences SET status = 'removed'
        WHERE (subscriber_id, sequence_id) IN {_PAIRS}""",
        (pairs,),
    )


async def delete_tag_of_many(connection: Connection, subscriber_ids: str, tag_id: int) -> None:
    await connection.execute(
        """DELETE FROM subscriber_tags
        WHERE tag_id = ? AND subscriber_id IN (SELECT value FROM json_each(?))""",
        (tag_id, subscriber_ids),
    )


async def update_removed_of_many(connection: Connection, subscriber_ids: str, sequence_id: int) -> None:
    """The active memberships in the sequence stay on record as removed."""
    await connection.execute(
        """UPDATE subscriber_sequences SET status = 'removed'
        WHERE sequence_id = ? AND status = 'active' AND subscriber_id IN (SELECT value FROM json_each(?))""",
        (sequence_id, subscriber_ids),
    )
