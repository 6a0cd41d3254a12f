"""The table `ended_sessions`: those that somebody has signed out of before their time."""

from mailrith_lite.database import Connection


async def select_is_ended(connection: Connection, token: str) -> bool:
    rows = await connection.execute_fetchall("SELECT 1 FROM ended_sessions WHERE token = ?", (token,))
    return bool(list(rows))


async def insert_ended(connection: Connection, token: str, expires_at: int, now: int) -> None:
    """Those whose time is over by now are forgotten: their cookies open nothing any more."""
    await connection.execute("DELETE FROM ended_sessions WHERE expires_at <= ?", (now,))
    await connection.execute(
        "INSERT INTO ended_sessions (token, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (token, expires_at)
    )
