"""Whoever opted out after a backup stays opted out when the backup is restored."""

from typing import Final

from mailrith_lite.audience import changes
from mailrith_lite.audience.changes import Origin
from mailrith_lite.audience.vocabulary import STRICTEST_FIRST, SUPPRESSED
from mailrith_lite.database import Connection

_TABLES = """replaced.subscribers AS later
    JOIN replaced.workspaces AS theirs ON theirs.id = later.workspace_id
    JOIN main.workspaces AS own ON own.id = theirs.id AND own.created_at = theirs.created_at"""
_SUPPRESSED: Final = ", ".join(f"'{status}'" for status in sorted(SUPPRESSED))
# the address can have changed after the backup
_SAME_PERSON = """subscribers.workspace_id = later.workspace_id AND (subscribers.email = later.email
    OR (subscribers.id = later.id AND subscribers.created_at = later.created_at))"""


def _rank(column: str) -> str:
    """0 for the strictest status."""
    cases = " ".join(f"WHEN '{status}' THEN {rank}" for rank, status in enumerate(STRICTEST_FIRST))
    return f"CASE {column} {cases} END"


_STRICTER = f"{_SAME_PERSON} AND {_rank('later.status')} < {_rank('subscribers.status')}"


async def update_opted_out(connection: Connection, now: int) -> int:
    """Gives subscribers the status that they have in the attached database `replaced`, if it is a stricter one.

    Returns the number of these subscribers. A workspace of another origin, which only has the same id, is left out.

    Undos of earlier imports skip these subscribers, and those who have opted out again since the backup.
    """
    rows = await connection.execute_fetchall(
        f"SELECT DISTINCT main.subscribers.workspace_id FROM {_TABLES} JOIN main.subscribers ON {_STRICTER}"
    )
    for row in rows:
        await _insert_history(connection, row["workspace_id"], now)
    cursor = await connection.execute(
        f"""UPDATE main.subscribers SET status = later.status, updated_at = ?, changed_by_job = NULL
        FROM {_TABLES} WHERE {_STRICTER}""",
        (now,),
    )
    await connection.execute(
        f"""UPDATE main.subscribers SET changed_by_job = NULL
        FROM {_TABLES} WHERE {_SAME_PERSON} AND later.status IN ({_SUPPRESSED})
            AND subscribers.changed_by_job IS NOT NULL
            AND later.changed_by_job IS NOT subscribers.changed_by_job"""
    )
    return cursor.rowcount


async def _insert_history(connection: Connection, workspace_id: int, now: int) -> None:
    """Call it before the statuses change."""
    change_id = await changes.insert_change(connection, workspace_id, Origin(source="command"), now)
    await connection.execute(
        f"""INSERT INTO main.subscriber_changes (subscriber_id, change_id, details)
        SELECT main.subscribers.id, ?, json_object('before', json_object('status', main.subscribers.status),
            'after', json_object('status', later.status), 'changed_by_job', main.subscribers.changed_by_job)
        FROM {_TABLES} JOIN main.subscribers ON {_STRICTER} WHERE main.subscribers.workspace_id = ?""",
        (change_id, workspace_id),
    )
