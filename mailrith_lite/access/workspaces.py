"""The table `workspaces`."""

import msgspec

from mailrith_lite import ids
from mailrith_lite.database import Connection, Row


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    created_at: int

    @property
    def public_id(self) -> str:
        return ids.encode(ids.WORKSPACE, self.id)


def _from_row(row: Row) -> Workspace:
    return Workspace(id=row["id"], name=row["name"], created_at=row["created_at"])


async def select_workspaces(connection: Connection) -> list[Workspace]:
    """All of them, oldest first."""
    rows = await connection.execute_fetchall("SELECT id, name, created_at FROM workspaces ORDER BY id")
    return [_from_row(row) for row in rows]


async def select_workspace(connection: Connection, name_or_id: str) -> Workspace | None:
    """By public id, or by name (its ASCII letters in any case); an id wins over a name that looks like one."""
    rows = await connection.execute_fetchall(
        "SELECT id, name, created_at FROM workspaces WHERE id = ? OR name = ? ORDER BY id = ? DESC",
        (number := ids.decode(ids.WORKSPACE, name_or_id), name_or_id, number),
    )
    return next(map(_from_row, rows), None)


async def insert_workspace(connection: Connection, name: str, now: int) -> Workspace:
    row = await connection.execute_insert(
        "INSERT INTO workspaces (name, created_at, updated_at) VALUES (?, ?, ?)", (name, now, now)
    )
    assert row is not None
    return Workspace(id=row[0], name=name, created_at=now)
