"""The table `api_keys`."""

from typing import Any, Literal

import msgspec

from mailrith_lite import ids
from mailrith_lite.database import Connection, Reader, Row, by_name

KeyStatus = Literal["active", "expired", "revoked", "rotated"]

_COLUMNS = """api_keys.id, api_keys.workspace_id, api_keys.name, key_hash, preview, scopes, expires_at,
    last_used_at, rotated_at, revoked_at, api_keys.created_at, api_keys.updated_at,
    workspaces.name AS workspace_name"""
_TABLES = "api_keys JOIN workspaces ON workspaces.id = api_keys.workspace_id"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A stored key: its SHA-256 and a preview, never the key itself."""

    id: int
    workspace_id: int
    workspace_name: str
    name: str
    key_hash: bytes
    preview: str
    scopes: tuple[str, ...]
    expires_at: int | None
    last_used_at: int | None
    rotated_at: int | None
    revoked_at: int | None
    created_at: int
    updated_at: int

    @property
    def public_id(self) -> str:
        return ids.encode(ids.API_KEY, self.id)

    def status(self, now: int) -> KeyStatus:
        if self.revoked_at is not None:
            return "revoked"
        if self.rotated_at is not None:
            return "rotated"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active"


def _from_row(row: Row) -> ApiKey:
    values: dict[str, Any] = by_name(row)
    values["scopes"] = tuple(row["scopes"].split())
    return ApiKey(**values)


async def select_keys(connection: Connection, workspace_id: int | None) -> list[ApiKey]:
    """The keys of a workspace, oldest first. None: of every workspace, for the command line of the operator."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM {_TABLES}
        WHERE :workspace_id IS NULL OR workspace_id = :workspace_id ORDER BY api_keys.id""",
        {"workspace_id": workspace_id},
    )
    return [_from_row(row) for row in rows]


async def select_key(connection: Reader, key_id: int) -> ApiKey | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE api_keys.id = ?",
        (key_id,),
    )
    return next(map(_from_row, rows), None)


async def select_key_by_hash(connection: Reader, key_hash: bytes) -> ApiKey | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE key_hash = ?",
        (key_hash,),
    )
    return next(map(_from_row, rows), None)


async def insert_key(
    connection: Connection,
    *,
    workspace_id: int,
    name: str,
    key_hash: bytes,
    preview: str,
    scopes: tuple[str, ...],
    expires_at: int | None,
    now: int,
) -> int:
    """Returns the integer id of the new key."""
    row = await connection.execute_insert(
        """INSERT INTO api_keys (workspace_id, name, key_hash, preview, scopes, expires_at, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (workspace_id, name, key_hash, preview, " ".join(scopes), expires_at, now, now),
    )
    assert row is not None
    return int(row[0])


async def update_key_revoked(connection: Connection, key_id: int, now: int) -> None:
    await connection.execute("UPDATE api_keys SET revoked_at = ?, updated_at = ? WHERE id = ?", (now, now, key_id))


async def update_key_rotated(connection: Connection, key_id: int, now: int) -> None:
    await connection.execute("UPDATE api_keys SET rotated_at = ?, updated_at = ? WHERE id = ?", (now, now, key_id))


async def update_keys_ended(connection: Connection) -> int:
    """Ends the keys that were ended in the attached database `replaced`. Returns their number."""
    cursor = await connection.execute(
        """UPDATE main.api_keys SET revoked_at = later.revoked_at, rotated_at = later.rotated_at,
            updated_at = later.updated_at
        FROM replaced.api_keys AS later WHERE later.key_hash = api_keys.key_hash
            AND api_keys.revoked_at IS NULL AND api_keys.rotated_at IS NULL
            AND (later.revoked_at IS NOT NULL OR later.rotated_at IS NOT NULL)"""
    )
    return cursor.rowcount


async def update_keys_moved(connection: Connection, workspace_id: int, new_workspace_id: int) -> None:
    """Moves all keys of a workspace to another workspace."""
    await connection.execute(
        "UPDATE api_keys SET workspace_id = ? WHERE workspace_id = ?", (new_workspace_id, workspace_id)
    )


async def update_keys_used(connection: Connection, last_uses: dict[int, int]) -> None:
    """`last_uses`: integer id of a key -> time of its last use."""
    await connection.executemany(
        "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?",
        [(time, key_id) for key_id, time in last_uses.items()],
    )
