"""The table `workspaces`."""

from collections.abc import Mapping

import msgspec

from mailrith_lite import ids
from mailrith_lite.database import Connection, Reader, Row, by_name

_COLUMNS = """id, name, logo, address, city, state, postal_code, country, time_zone, created_at, updated_at"""


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """`time_zone`: an IANA name; None is UTC."""

    id: int
    name: str
    logo: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    time_zone: str | None = None
    created_at: int
    updated_at: int

    @property
    def public_id(self) -> str:
        return ids.encode(ids.WORKSPACE, self.id)


def _from_row(row: Row) -> Workspace:
    return Workspace(**by_name(row))


async def select_workspaces(connection: Connection) -> list[Workspace]:
    """All workspaces, oldest first."""
    rows = await connection.execute_fetchall(f"SELECT {_COLUMNS} FROM workspaces ORDER BY id")
    return [_from_row(row) for row in rows]


async def select_workspace(connection: Connection, name_or_id: str) -> Workspace | None:
    """Finds a workspace by its public id, or else by its name, with ASCII letters compared ignoring case."""
    workspace_id = ids.decode(ids.WORKSPACE, name_or_id)
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM workspaces WHERE id = ? OR name = ? ORDER BY id = ? DESC",
        (workspace_id, name_or_id, workspace_id),
    )
    return next(map(_from_row, rows), None)


async def select_own(connection: Reader, workspace_id: int) -> Workspace:
    """The workspace of a key. It exists as long as the key exists."""
    rows = await connection.execute_fetchall(f"SELECT {_COLUMNS} FROM workspaces WHERE id = ?", (workspace_id,))
    return _from_row(next(iter(rows)))


async def insert_workspace(connection: Connection, name: str, now: int) -> Workspace:
    row = await connection.execute_insert(
        "INSERT INTO workspaces (name, created_at, updated_at) VALUES (?, ?, ?)", (name, now, now)
    )
    assert row is not None
    return Workspace(id=row[0], name=name, created_at=now, updated_at=now)


async def update_workspace(
    connection: Connection, workspace_id: int, values: Mapping[str, str | None], now: int
) -> None:
    """`values`: column -> new value. The other columns stay."""
    known = {field for field in Workspace.__struct_fields__ if field not in ("id", "created_at", "updated_at")}
    assignments = ", ".join(f"{field} = :{field}" for field in values if field in known)
    await connection.execute(
        f"UPDATE workspaces SET {assignments}, updated_at = :now WHERE id = :id",
        {**values, "now": now, "id": workspace_id},
    )
