"""Tags, sequences and custom fields by name, where the key's scopes allow to read them; else by id."""

from collections.abc import Iterable

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience import custom_fields, sequences, tags
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.unicode_forms import fold

MAX_OPTIONS = 500  # the newest ones


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a list to choose from. `id`: public."""

    id: str
    name: str


async def tag_options(connection: Connection, call: SessionRequest) -> list[Option]:
    """By name; empty without the scope."""
    if not call.may("tags:read"):
        return []
    newest = await tags.select_tags(connection, call.workspace_id, search=None, before_id=None, limit=MAX_OPTIONS)
    return _sorted(Option(id=ids.encode(ids.TAG, tag.id), name=tag.name) for tag in newest)


async def sequence_options(connection: Connection, call: SessionRequest) -> list[Option]:
    """By name; empty without the scope."""
    if not call.may("sequences:read"):
        return []
    newest = await sequences.select_sequences(
        connection, call.workspace_id, search=None, before_id=None, limit=MAX_OPTIONS
    )
    return _sorted(Option(id=ids.encode(ids.SEQUENCE, sequence.id), name=sequence.name) for sequence in newest)


async def field_labels(connection: Connection, call: SessionRequest) -> dict[int, str]:
    """The labels of all custom fields by integer id; empty without the scope."""
    if not call.may("custom_fields:read"):
        return {}
    fields = await custom_fields.select_all_custom_fields(connection, call.workspace_id)
    return {field.id: field.label for field in fields}


async def tag_names(connection: Connection, call: SessionRequest, tag_ids: Iterable[int]) -> list[str]:
    """In the order of the ids. Without the scope, and for a deleted tag, the public id instead of the name."""
    names: list[str] = []
    for tag_id in tag_ids:
        tag = await tags.select_tag(connection, call.workspace_id, tag_id) if call.may("tags:read") else None
        names.append(tag.name if tag else ids.encode(ids.TAG, tag_id))
    return names


async def sequence_names(connection: Connection, call: SessionRequest, sequence_ids: Iterable[int]) -> list[str]:
    """As `tag_names`."""
    names: list[str] = []
    readable = call.may("sequences:read")
    for sequence_id in sequence_ids:
        sequence = await sequences.select_sequence(connection, call.workspace_id, sequence_id) if readable else None
        names.append(sequence.settings.name if sequence else ids.encode(ids.SEQUENCE, sequence_id))
    return names


def _sorted(options: Iterable[Option]) -> list[Option]:
    return sorted(options, key=lambda option: fold(option.name))
