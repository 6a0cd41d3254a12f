"""The table `sequences`. Memberships only: nothing is ever sent."""

from collections.abc import Iterable

import msgspec

from mailrith_lite.database import Connection


async def select_known_sequence_ids(
    connection: Connection, workspace_id: int, sequence_ids: Iterable[int]
) -> set[int]:
    """Those of the ids that are sequences of this workspace."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM sequences WHERE +workspace_id = ? AND id IN (SELECT value FROM json_each(?))",
        (workspace_id, msgspec.json.encode(list(sequence_ids)).decode()),
    )
    return {int(row["id"]) for row in rows}


async def insert_sequence(connection: Connection, workspace_id: int, name: str, now: int) -> int:
    row = await connection.execute_insert(
        "INSERT INTO sequences (workspace_id, name, created_at, updated_at) VALUES (?, ?, ?, ?)",
        (workspace_id, name, now, now),
    )
    assert row is not None
    return int(row[0])
