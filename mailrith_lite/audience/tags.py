"""The table `tags`."""

from collections.abc import Iterable

import msgspec

from mailrith_lite import errors
from mailrith_lite.audience import list_page
from mailrith_lite.audience.input_checks import check_description, check_label
from mailrith_lite.database import Connection, Reader, Row, by_name
from mailrith_lite.unicode_forms import compose, fold

MAX_NAME = 100
MAX_DESCRIPTION = 1_000

MEMBERS = "SELECT subscriber_id AS id FROM subscriber_tags WHERE tag_id = :id"
"""Selects the integer ids of the subscribers who have the tag."""
_COLUMNS = "id, name, description, created_at, updated_at, subscriber_count"


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    description: str | None
    subscriber_count: int
    created_at: int
    updated_at: int


def _from_row(row: Row) -> Tag:
    return Tag(**by_name(row))


def clean_name(name: str, field: str) -> str:
    """
    Raises:
        InvalidRequest: the trimmed name does not have 1 to 100 characters, or has a control character.
    """
    trimmed = compose(name.strip())
    check_label(trimmed, field, MAX_NAME)
    return trimmed


async def create_tag(
    connection: Connection, workspace_id: int, *, name: str, description: str | None, now: int
) -> Tag:
    """
    Raises:
        InvalidRequest: the name or the description breaks its limit.
        Conflict: a tag with this name, ignoring case, exists.
    """
    name = clean_name(name, "name")
    check_description(description, MAX_DESCRIPTION)
    await _check_name_is_free(connection, workspace_id, name, None)
    tag_id = await insert_tag(connection, workspace_id, name, description, now)
    return Tag(id=tag_id, name=name, description=description, subscriber_count=0, created_at=now, updated_at=now)


async def change_tag(
    connection: Connection, workspace_id: int, tag: Tag, *, name: str, description: str | None, now: int
) -> Tag:
    """
    Raises:
        InvalidRequest: the name or the description breaks its limit.
        Conflict: another tag has this name, ignoring case.
    """
    name = clean_name(name, "name")
    check_description(description, MAX_DESCRIPTION)
    await _check_name_is_free(connection, workspace_id, name, tag.id)
    if (name, description) == (tag.name, tag.description):
        return tag
    await connection.execute(
        """UPDATE tags SET name = ?, name_key = ?, description = ?, updated_at = ?
        WHERE workspace_id = ? AND id = ?""",
        (name, fold(name), description, now, workspace_id, tag.id),
    )
    return msgspec.structs.replace(tag, name=name, description=description, updated_at=now)


async def _check_name_is_free(connection: Connection, workspace_id: int, name: str, own_id: int | None) -> None:
    if await select_tag_id(connection, workspace_id, name) not in (None, own_id):
        raise name_taken()


def name_taken() -> errors.Conflict:
    return errors.Conflict(
        "A tag of this name exists already; choose another name.", code="tag_name_conflict", field="name"
    )


async def select_tags(
    connection: Reader, workspace_id: int, *, search: str | None, before_id: int | None, limit: int
) -> list[Tag]:
    """Newest first, with integer ids below `before_id`. `search`: part of the name or description, any case."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM tags WHERE workspace_id = :workspace_id AND id < :before_id
            AND (:search IS NULL OR instr(name_key, :search) OR instr(fold(description), :search))
        ORDER BY id DESC LIMIT :limit""",
        list_page.parameters(workspace_id, search, before_id, limit),
    )
    return [_from_row(row) for row in rows]


async def select_tag(connection: Reader, workspace_id: int, tag_id: int) -> Tag | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM tags WHERE workspace_id = ? AND id = ?", (workspace_id, tag_id)
    )
    return next(map(_from_row, rows), None)


async def delete_tag(connection: Connection, workspace_id: int, tag_id: int) -> None:
    """Deletes the tag and its memberships."""
    await connection.execute(
        """DELETE FROM tag_blocks -- first: else a trigger would update them for each membership
        WHERE tag_id = (SELECT id FROM tags WHERE workspace_id = ? AND id = ?)""",
        (workspace_id, tag_id),
    )
    await connection.execute("DELETE FROM tags WHERE workspace_id = ? AND id = ?", (workspace_id, tag_id))


async def select_count(connection: Connection, workspace_id: int) -> int:
    rows = await connection.execute_fetchall("SELECT count(*) FROM tags WHERE workspace_id = ?", (workspace_id,))
    return int(next(iter(rows))[0])


async def select_tag_id(connection: Connection, workspace_id: int, name: str) -> int | None:
    """The name is compared ignoring case."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM tags WHERE workspace_id = ? AND name_key = ?", (workspace_id, fold(name))
    )
    return next((int(row["id"]) for row in rows), None)


async def select_known_tag_ids(connection: Connection, workspace_id: int, tag_ids: Iterable[int]) -> set[int]:
    """The ids of them that are tags of the workspace."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM tags WHERE +workspace_id = ? AND id IN (SELECT value FROM json_each(?))",
        (workspace_id, msgspec.json.encode(list(tag_ids)).decode()),
    )
    return {int(row["id"]) for row in rows}


async def insert_tag(
    connection: Connection, workspace_id: int, name: str, description: str | None, now: int
) -> int:
    row = await connection.execute_insert(
        """INSERT INTO tags (workspace_id, name, name_key, description, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?)""",
        (workspace_id, name, fold(name), description, now, now),
    )
    assert row is not None
    return int(row[0])
