"""The table `ended_sessions`: sessions that were signed out before they expired."""

from mailrith_lite.database import Connection, Reader


async def select_is_ended(connection: Reader, token: str) -> bool:
    rows = await connection.execute_fetchall("SELECT 1 FROM ended_sessions WHERE token = ?", (token,))
    return bool(list(rows))


async def insert_ended(connection: Connection, token: str, expires_at: int, now: int) -> None:
    """Also deletes the rows of expired sessions, whose cookies are invalid anyway."""
    await connection.execute("DELETE FROM ended_sessions WHERE expires_at <= ?", (now,))
    await connection.execute(
        "INSERT INTO ended_sessions (token, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (token, expires_at)
    )
