"""The tables `subscriber_blocks` and `tag_blocks`: counts for each block of 256 neighbouring subscriber ids.

A list skips every block in which no subscriber can match. Code that inserts rows calls these functions in the same
transaction; triggers keep the counts for updates and deletions.
"""

from mailrith_lite.audience.conditions import COLD_AFTER_OPEN, COLD_WITHOUT_OPEN
from mailrith_lite.database import MAX_ID, Connection, Database

REFRESH_BATCH = 50

_COLD_FROM = f"""min(CASE WHEN status <> 'Active' THEN {MAX_ID}
    ELSE coalesce(last_opened_at + {COLD_AFTER_OPEN}, subscribed_at + {COLD_WITHOUT_OPEN}) END)"""


async def update_subscriber_counts(connection: Connection, workspace_id: int, first_id: int) -> None:
    """Call it after an insert. All subscribers of the workspace from `first_id` on are new."""
    await connection.execute(
        f"""INSERT INTO subscriber_blocks (workspace_id, block, members, cold_from)
        SELECT workspace_id, id >> 8 AS block, count(*), {_COLD_FROM} FROM subscribers
        WHERE workspace_id = ? AND id >= ? GROUP BY block
        ON CONFLICT DO UPDATE SET members = members + excluded.members,
            cold_from = min(cold_from, excluded.cold_from)""",
        (workspace_id, first_id),
    )


async def update_tag_counts(
    connection: Connection, subscriber_ids: str, tag_ids: str, *, new_from: int = MAX_ID
) -> None:
    """Call it before an insert of each tag for each subscriber; both are JSON lists of integer ids.

    Subscribers who already have a tag are not counted again. `new_from`: subscribers from this id on are new, and
    have no tags.
    """
    await connection.execute(
        """INSERT INTO tag_blocks (tag_id, block, members)
        SELECT tag.value, subscriber.value >> 8, count(*)
        FROM json_each(?) AS subscriber CROSS JOIN json_each(?) AS tag
        WHERE subscriber.value >= ? OR NOT EXISTS (SELECT 1 FROM subscriber_tags
            WHERE subscriber_id = subscriber.value AND tag_id = tag.value)
        GROUP BY tag.value, subscriber.value >> 8
        ON CONFLICT DO UPDATE SET members = members + excluded.members""",
        (subscriber_ids, tag_ids, new_from),
    )


async def update_row_tag_counts(connection: Connection, members: str) -> None:
    """Call it before an insert of tags that none of the subscribers has.

    `members`: a JSON object, tag's integer id -> list of subscribers' integer ids.
    """
    await connection.execute(
        """INSERT INTO tag_blocks (tag_id, block, members)
        SELECT CAST(tag.key AS INTEGER) AS tag_id, subscriber.value >> 8 AS block, count(*)
        FROM json_each(?) AS tag CROSS JOIN json_each(tag.value) AS subscriber
        WHERE true GROUP BY tag_id, block
        ON CONFLICT DO UPDATE SET members = members + excluded.members""",
        (members,),
    )


async def refresh(database: Database) -> bool:
    """Corrects the next stale blocks in a transaction of its own. Returns False when no block is stale."""
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT EXISTS (SELECT 1 FROM subscriber_blocks WHERE stale)")
        if not next(iter(rows))[0]:
            return False
    async with database.write(housekeeping=True) as connection:
        await connection.execute(
            f"""UPDATE subscriber_blocks SET stale = 0, cold_from = coalesce((SELECT {_COLD_FROM} FROM subscribers
                WHERE subscribers.workspace_id = subscriber_blocks.workspace_id
                    AND subscribers.id BETWEEN block << 8 AND (block << 8) + 255), {MAX_ID})
            WHERE (workspace_id, block) IN (SELECT workspace_id, block FROM subscriber_blocks
                WHERE stale LIMIT {REFRESH_BATCH})"""
        )
    return True


async def select_miscounts(connection: Connection) -> list[str]:
    """A sentence for each table with a wrong count."""
    problems = []
    for table, counted, actual in (
        (
            "subscriber_blocks",
            "SELECT workspace_id, block, members FROM subscriber_blocks WHERE members <> 0",
            "SELECT workspace_id, id >> 8, count(*) FROM subscribers GROUP BY workspace_id, id >> 8",
        ),
        (
            "tags",
            "SELECT id, subscriber_count FROM tags WHERE subscriber_count <> 0",
            "SELECT tag_id, count(*) FROM subscriber_tags GROUP BY tag_id",
        ),
        (
            "sequences",
            "SELECT id, subscriber_count FROM sequences WHERE subscriber_count <> 0",
            "SELECT sequence_id, count(*) FROM subscriber_sequences WHERE status = 'active' GROUP BY 1",
        ),
        (
            "tag_blocks",
            "SELECT tag_id, block, members FROM tag_blocks WHERE members <> 0",
            "SELECT tag_id, subscriber_id >> 8, count(*) FROM subscriber_tags GROUP BY 1, 2",
        ),
        (
            "sequence_blocks",
            "SELECT sequence_id, status, block, members FROM sequence_blocks WHERE members <> 0",
            """SELECT sequence_id, status, subscriber_id >> 8, count(*) FROM subscriber_sequences
            GROUP BY 1, 2, 3""",
        ),
    ):
        rows = await connection.execute_fetchall(
            f"SELECT 1 FROM ({counted} EXCEPT {actual}) UNION ALL SELECT 1 FROM ({actual} EXCEPT {counted}) LIMIT 1"
        )
        if list(rows):
            problems.append(f"{table} has a wrong count")
    return problems
