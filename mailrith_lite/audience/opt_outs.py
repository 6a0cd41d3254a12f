"""Whoever opted out after a backup stays opted out when the backup is restored."""

from typing import Final

from mailrith_lite.audience import changes
from mailrith_lite.audience.changes import Origin
from mailrith_lite.audience.vocabulary import SUPPRESSED
from mailrith_lite.database import Connection

_TABLES = """replaced.subscribers AS later
    JOIN replaced.workspaces AS theirs ON theirs.id = later.workspace_id
    JOIN main.workspaces AS own ON own.id = theirs.id AND own.created_at = theirs.created_at"""
_SUPPRESSED: Final = ", ".join(f"'{status}'" for status in sorted(SUPPRESSED))
_SAME_PERSON = f"""subscribers.workspace_id = later.workspace_id AND subscribers.email = later.email
    AND later.status <> 'Active' AND (subscribers.status = 'Active'
        OR (later.status IN ({_SUPPRESSED}) AND subscribers.status NOT IN ({_SUPPRESSED})))"""


async def update_opted_out(connection: Connection, now: int) -> int:
    """Gives subscribers the status that they have in the attached database `replaced`, if it is a stricter one.

    That is any other than Active for who is Active, and a suppressed one for who is Unconfirmed. Returns the number
    of these subscribers.

    A workspace of another origin, which only has the same id, is left out. Undos of earlier imports skip them.
    """
    rows = await connection.execute_fetchall(
        f"SELECT DISTINCT main.subscribers.workspace_id FROM {_TABLES} JOIN main.subscribers ON {_SAME_PERSON}"
    )
    for row in rows:
        await _insert_history(connection, row["workspace_id"], now)
    cursor = await connection.execute(
        f"""UPDATE main.subscribers SET status = later.status, updated_at = ?, changed_by_job = NULL
        FROM {_TABLES} WHERE {_SAME_PERSON}""",
        (now,),
    )
    return cursor.rowcount


async def _insert_history(connection: Connection, workspace_id: int, now: int) -> None:
    """Call it before the statuses change."""
    change_id = await changes.insert_change(connection, workspace_id, Origin(source="command"), now)
    await connection.execute(
        f"""INSERT INTO main.subscriber_changes (subscriber_id, change_id, details)
        SELECT main.subscribers.id, ?, json_object('before', json_object('status', main.subscribers.status),
            'after', json_object('status', later.status), 'changed_by_job', main.subscribers.changed_by_job)
        FROM {_TABLES} JOIN main.subscribers ON {_SAME_PERSON} WHERE main.subscribers.workspace_id = ?""",
        (change_id, workspace_id),
    )
