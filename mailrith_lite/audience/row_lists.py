"""The tags and sequences that the rows of a chunk name."""

from collections.abc import Iterable, Mapping, Sequence

from mailrith_lite import ids
from mailrith_lite.audience.bulk_plan import Change, RowLists, as_json
from mailrith_lite.database import Connection
from mailrith_lite.unicode_forms import fold


async def select_tags(
    connection: Connection, workspace_id: int, changes: Sequence[Change]
) -> dict[str, int | None]:
    """Name, as a change has it -> the tag's integer id; None where the workspace has no such tag."""
    names = dict.fromkeys(name for change in changes for name in change.tags)
    if not names:
        return {}
    keys = {name: fold(name) for name in names}
    known = await select_tag_ids(connection, workspace_id, keys.values())
    return {name: known.get(key) for name, key in keys.items()}


async def select_tag_ids(connection: Connection, workspace_id: int, keys: Iterable[str]) -> dict[str, int]:
    """Folded name -> integer id, of those that exist."""
    rows = await connection.execute_fetchall(
        """SELECT tags.name_key, tags.id FROM json_each(?) AS row
        CROSS JOIN tags ON tags.workspace_id = ? AND tags.name_key = row.value""",
        (as_json(sorted(set(keys))), workspace_id),
    )
    return {row["name_key"]: row["id"] for row in rows}


async def insert_tags(connection: Connection, workspace_id: int, names: Iterable[str], now: int) -> None:
    """Creates the tags that do not exist; of names that are equal ignoring case, the first."""
    await connection.execute(
        """INSERT INTO tags (workspace_id, name, name_key, created_at, updated_at)
        SELECT :workspace_id, json_extract(value, '$[0]'), json_extract(value, '$[1]'), :now, :now
        FROM json_each(:names) WHERE true ORDER BY key ON CONFLICT DO NOTHING""",
        {"workspace_id": workspace_id, "names": as_json([(name, fold(name)) for name in names]), "now": now},
    )


async def select_sequences(connection: Connection, workspace_id: int, changes: Sequence[Change]) -> dict[str, int]:
    """Name or public id, as a change has it -> the sequence's integer id, of those that exist.

    Of several sequences with one name, ignoring case, the oldest: an older database may have some.
    """
    names = dict.fromkeys(name for change in changes for name in change.sequences)
    if not names:
        return {}
    by_key: dict[str, int] = {}
    keys = {name: fold(name) for name in names}
    rows = await connection.execute_fetchall(
        """SELECT id, fold(name) AS name_key FROM sequences WHERE workspace_id = :workspace_id
            AND (fold(name) IN (SELECT value FROM json_each(:keys))
                OR id IN (SELECT value FROM json_each(:numbers)))
        ORDER BY id DESC""",
        {
            "workspace_id": workspace_id,
            "keys": as_json(sorted(set(keys.values()))),
            "numbers": as_json(
                [number for name in names if (number := ids.decode(ids.SEQUENCE, name)) is not None]
            ),
        },
    )
    known: set[int] = set()
    for row in rows:
        by_key[row["name_key"]] = row["id"]
        known.add(row["id"])
    return {
        name: number for name, key in keys.items() if (number := _by_id(name, known) or by_key.get(key)) is not None
    }


def _by_id(name: str, known: set[int]) -> int | None:
    number = ids.decode(ids.SEQUENCE, name)
    return number if number in known else None


async def resolve(connection: Connection, workspace_id: int, changes: Sequence[Change], now: int) -> RowLists:
    """Creates the tags that do not exist. Call it in the transaction that applies the changes."""
    tags = await select_tags(connection, workspace_id, changes)
    missing = [name for name, tag_id in tags.items() if tag_id is None]
    if missing:
        await insert_tags(connection, workspace_id, missing, now)
        tags = await select_tags(connection, workspace_id, changes)
    known = _known(tags)
    return RowLists(
        tags=known,
        sequences=await select_sequences(connection, workspace_id, changes),
        new_tags=sorted({known[name] for name in missing}),
    )


def _known(tags: Mapping[str, int | None]) -> dict[str, int]:
    return {name: tag_id for name, tag_id in tags.items() if tag_id is not None}
