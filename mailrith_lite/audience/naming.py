"""The names of many tags, sequences or segments by id, and their ids by name."""

from collections.abc import Iterable
from typing import Final

import msgspec

from mailrith_lite import ids
from mailrith_lite.database import Connection
from mailrith_lite.unicode_forms import fold

TABLES: Final = {ids.TAG: "tags", ids.SEQUENCE: "sequences", ids.SEGMENT: "segments"}


async def select_names(
    connection: Connection, workspace_id: int, resource: str, numbers: Iterable[int]
) -> dict[int, str]:
    """Integer id -> name, as far as they exist. `resource`: one of `TABLES`."""
    rows = await connection.execute_fetchall(
        f"""SELECT id, name FROM {TABLES[resource]}
        WHERE +workspace_id = ? AND id IN (SELECT value FROM json_each(?))""",
        (workspace_id, msgspec.json.encode(list(numbers)).decode()),
    )
    return {row["id"]: row["name"] for row in rows}


async def select_ids(
    connection: Connection, workspace_id: int, resource: str, names: Iterable[str]
) -> dict[str, int]:
    """Name as it was given -> integer id of the oldest one with this name, ignoring case. `resource`: as above."""
    keys = {name: fold(name.strip()) for name in names}
    rows = await connection.execute_fetchall(
        f"""SELECT min(id) AS id, fold(name) AS name_key FROM {TABLES[resource]}
        WHERE workspace_id = ? AND fold(name) IN (SELECT value FROM json_each(?)) GROUP BY fold(name)""",
        (workspace_id, msgspec.json.encode(list(keys.values())).decode()),
    )
    by_key = {row["name_key"]: row["id"] for row in rows}
    return {name: by_key[key] for name, key in keys.items() if key in by_key}


async def select_newest_names(connection: Connection, workspace_id: int, resource: str, limit: int) -> list[str]:
    """The names of the newest ones, sorted. `resource`: as above."""
    rows = await connection.execute_fetchall(
        f"SELECT name FROM {TABLES[resource]} WHERE workspace_id = ? ORDER BY id DESC LIMIT ?",
        (workspace_id, limit),
    )
    return sorted((row["name"] for row in rows), key=fold)
