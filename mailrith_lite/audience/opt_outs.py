"""Whoever opted out after a backup does not become Active when the backup is restored."""

from mailrith_lite.database import Connection


async def update_opted_out(connection: Connection, now: int) -> int:
    """Gives Active subscribers the status that they have in the attached database `replaced`. Returns their number.

    A workspace of another origin, which only has the same id, is left out.
    """
    cursor = await connection.execute(
        """UPDATE main.subscribers SET status = later.status, updated_at = ?
        FROM replaced.subscribers AS later
        JOIN replaced.workspaces AS theirs ON theirs.id = later.workspace_id
        JOIN main.workspaces AS own ON own.id = theirs.id AND own.created_at = theirs.created_at
        WHERE subscribers.workspace_id = later.workspace_id AND subscribers.email = later.email
            AND subscribers.status = 'Active' AND later.status <> 'Active'""",
        (now,),
    )
    return cursor.rowcount
