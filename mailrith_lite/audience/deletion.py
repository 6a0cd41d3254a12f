"""Deletes many subscribers at once.

When one subscriber is deleted, triggers correct the counts and record the erasure, and foreign keys delete the rows
in other tables. For each subscriber, this costs more than the deletion itself. Here each of these steps is one
statement for the whole set. The table `deletions` has the set meanwhile: the triggers leave out whoever is in it.
"""

from typing import Final

from mailrith_lite.database import Connection

CASCADES: Final = (
    "subscriber_tags",
    "subscriber_sequences",
    "consent_evidence",
    "import_changes",
    "subscriber_changes",
)
"""The tables whose rows are deleted with their subscriber."""

DELETE: Final = "DELETE FROM subscribers WHERE id IN (SELECT subscriber_id FROM deletions) AND +workspace_id = ?"
_PEOPLE: Final = "deletions CROSS JOIN subscribers ON subscribers.id = deletions.subscriber_id"
_STEPS: Final = (
    f"""UPDATE subscriber_blocks SET members = members - gone.count, stale = 1
    FROM (SELECT workspace_id, id >> 8 AS block, count(*) AS count FROM {_PEOPLE} GROUP BY 1, 2) AS gone
    WHERE subscriber_blocks.workspace_id = gone.workspace_id AND subscriber_blocks.block = gone.block""",
    f"""INSERT OR IGNORE INTO search_backlog (workspace_id, subscriber_id, email, name)
    SELECT workspace_id, id, email, coalesce(name_key, name) FROM {_PEOPLE}
    WHERE id <= (SELECT up_to_id FROM search_state)""",
    f"""INSERT INTO erasures (workspace_id, subscriber_id, email, name, last_job_id)
    SELECT workspace_id, id, email, coalesce(name_key, name), (SELECT coalesce(max(id), 0) FROM jobs)
    FROM {_PEOPLE}""",
    """UPDATE idempotency_records SET body = x''
    WHERE subscriber_id IN (SELECT subscriber_id FROM deletions)""",
    """UPDATE tag_blocks SET members = members - gone.count
    FROM (SELECT tag_id, subscriber_id >> 8 AS block, count(*) AS count
        FROM deletions CROSS JOIN subscriber_tags USING (subscriber_id) GROUP BY 1, 2) AS gone
    WHERE tag_blocks.tag_id = gone.tag_id AND tag_blocks.block = gone.block""",
    """UPDATE sequence_blocks SET members = members - gone.count
    FROM (SELECT sequence_id, status, subscriber_id >> 8 AS block, count(*) AS count
        FROM deletions CROSS JOIN subscriber_sequences USING (subscriber_id) GROUP BY 1, 2, 3) AS gone
    WHERE sequence_blocks.sequence_id = gone.sequence_id AND sequence_blocks.status = gone.status
        AND sequence_blocks.block = gone.block""",
    *(f"DELETE FROM {table} WHERE subscriber_id IN (SELECT subscriber_id FROM deletions)" for table in CASCADES),
)


async def delete_subscribers(connection: Connection, workspace_id: int, subscriber_ids: str) -> int:
    """Deletes those of the workspace. Returns their number. `subscriber_ids`: a JSON list of integer ids.

    Call it in a `Database.write(bulk=True)`. With foreign keys it does the same, but slowly.
    """
    cursor = await connection.execute(
        """INSERT INTO deletions (subscriber_id) SELECT subscribers.id FROM json_each(?) AS listed
        CROSS JOIN subscribers ON subscribers.id = listed.value AND +workspace_id = ?""",
        (subscriber_ids, workspace_id),
    )
    if not cursor.rowcount:
        return 0
    for step in _STEPS:
        await connection.execute(step)
    await connection.execute(DELETE, (workspace_id,))
    await connection.execute("DELETE FROM deletions")
    return cursor.rowcount
