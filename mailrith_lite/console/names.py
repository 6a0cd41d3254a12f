"""The names of tags, sequences and custom fields, as far as the key may read them; else their ids."""

from collections.abc import Iterable
from typing import Any

from mailrith_lite import ids
from mailrith_lite.audience import custom_fields, sequences, tags
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.console.session_request import Visit
from mailrith_lite.database import Connection

MOST = 500  # that a page offers to choose from, the newest


async def groups(connection: Connection, visit: Visit) -> dict[str, Any]:
    """`tags` and `sequences` to choose from, as (public id, name), by name."""
    workspace_id, found = visit.workspace_id, {}
    if visit.may("tags:read"):
        known = await tags.select_tags(connection, workspace_id, search=None, before_id=None, limit=MOST)
        found["tags"] = _by_name(ids.TAG, [(tag.id, tag.name) for tag in known])
    if visit.may("sequences:read"):
        listed = await sequences.select_sequences(connection, workspace_id, search=None, before_id=None, limit=MOST)
        found["sequences"] = _by_name(ids.SEQUENCE, [(sequence.id, sequence.name) for sequence in listed])
    return {"tags": [], "sequences": [], **found}


async def all_fields(connection: Connection, visit: Visit) -> list[CustomField]:
    if not visit.may("custom_fields:read"):
        return []
    return await custom_fields.select_all_custom_fields(connection, visit.workspace_id)


async def field_labels(connection: Connection, visit: Visit) -> dict[int, str]:
    return {field.id: field.label for field in await all_fields(connection, visit)}


async def tag_names(connection: Connection, visit: Visit, tag_ids: Iterable[int]) -> list[str]:
    return await _names(connection, visit, tag_ids, ids.TAG)


async def sequence_names(connection: Connection, visit: Visit, sequence_ids: Iterable[int]) -> list[str]:
    return await _names(connection, visit, sequence_ids, ids.SEQUENCE)


def _by_name(prefix: str, named: Iterable[tuple[int, str]]) -> list[tuple[str, str]]:
    return [(ids.encode(prefix, number), name) for number, name in sorted(named, key=lambda one: one[1].casefold())]


async def _names(connection: Connection, visit: Visit, numbers: Iterable[int], prefix: str) -> list[str]:
    names: list[str] = []
    for number in numbers:
        name = await _name(connection, visit, number, prefix)
        names.append(name or ids.encode(prefix, number))
    return names


async def _name(connection: Connection, visit: Visit, number: int, prefix: str) -> str | None:
    if not visit.may(f"{prefix}s:read"):
        return None
    if prefix == ids.TAG:
        tag = await tags.select_tag(connection, visit.workspace_id, number)
        return tag.name if tag else None
    sequence = await sequences.select_sequence(connection, visit.workspace_id, number)
    return sequence.settings.name if sequence else None
