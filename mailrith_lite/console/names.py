"""Tags, sequences and custom fields by name, where the key's scopes allow to read them; else by id."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience import custom_fields, naming, sequences, tags
from mailrith_lite.audience.segments import segment_table
from mailrith_lite.audience.selection import Selection
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.unicode_forms import fold

MAX_OPTIONS = 500  # the newest ones
FEW_OPTIONS = 100  # where a page has several lists, which would make it large
_TEXT_AND_NUMBER = re.compile(r"([^0-9]*)([0-9]*)")


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a list to choose from. `id`: public."""

    id: str
    name: str


async def tag_options(
    connection: Connection, call: SessionRequest, *, chosen: Iterable[str] = (), most: int = MAX_OPTIONS
) -> list[Option]:
    """The newest tags and those in `chosen` (public ids), sorted by name. Empty if the key lacks `tags:read`."""
    if not call.may("tags:read"):
        return []
    newest = await tags.select_tags(connection, call.workspace_id, search=None, before_id=None, limit=most)
    options = {ids.encode(ids.TAG, tag.id): tag.name for tag in newest}
    for number in _missing(ids.TAG, chosen, options):
        if (tag := await tags.select_tag(connection, call.workspace_id, number)) is not None:
            options[ids.encode(ids.TAG, number)] = tag.name
    return _sorted(Option(id=public_id, name=name) for public_id, name in options.items())


async def sequence_options(
    connection: Connection, call: SessionRequest, *, chosen: Iterable[str] = (), most: int = MAX_OPTIONS
) -> list[Option]:
    """As `tag_options`."""
    if not call.may("sequences:read"):
        return []
    newest = await sequences.select_sequences(
        connection, call.workspace_id, search=None, before_id=None, limit=most
    )
    options = {ids.encode(ids.SEQUENCE, sequence.id): sequence.name for sequence in newest}
    for number in _missing(ids.SEQUENCE, chosen, options):
        sequence = await sequences.select_sequence(connection, call.workspace_id, number)
        if sequence is not None:
            options[ids.encode(ids.SEQUENCE, number)] = sequence.settings.name
    return _sorted(Option(id=public_id, name=name) for public_id, name in options.items())


async def segment_options(
    connection: Connection, call: SessionRequest, *, chosen: str | None, most: int
) -> list[Option]:
    """As `tag_options`."""
    if not call.may("segments:read"):
        return []
    newest = await segment_table.select_segments(
        connection, call.workspace_id, search=None, before_id=None, limit=most
    )
    options = {ids.encode(ids.SEGMENT, segment.id): segment.name for segment in newest}
    for number in _missing(ids.SEGMENT, [chosen] if chosen else [], options):
        segment = await segment_table.select_segment(connection, call.workspace_id, number)
        if segment is not None:
            options[ids.encode(ids.SEGMENT, number)] = segment.name
    return _sorted(Option(id=public_id, name=name) for public_id, name in options.items())


async def of_selections(
    connection: Connection, call: SessionRequest, selections: Iterable[Selection]
) -> dict[str, str]:
    """Public id -> name, of the tags, sequences, segments and custom fields that the key may read."""
    chosen = list(selections)
    named = {
        ids.TAG: ("tags:read", [public_id for one in chosen for public_id in one.tag_ids or ()]),
        ids.SEQUENCE: ("sequences:read", [public_id for one in chosen for public_id in one.sequence_ids or ()]),
        ids.SEGMENT: ("segments:read", [one.segment_id for one in chosen if one.segment_id is not None]),
    }
    names: dict[str, str] = {}
    for resource, (scope, public_ids) in named.items():
        numbers = [number for one in public_ids if (number := ids.decode(resource, one)) is not None]
        if numbers and call.may(scope):
            found = await naming.select_names(connection, call.workspace_id, resource, numbers)
            names |= {ids.encode(resource, number): name for number, name in found.items()}
    if any(one.custom_fields for one in chosen):
        labels = await field_labels(connection, call)
        names |= {ids.encode(ids.CUSTOM_FIELD, number): label for number, label in labels.items()}
    return names


def field_options(labels: Mapping[int, str]) -> list[Option]:
    """By label. `labels`: as `field_labels` returns them."""
    return _sorted(Option(id=ids.encode(ids.CUSTOM_FIELD, number), name=label) for number, label in labels.items())


def _missing(prefix: str, chosen: Iterable[str], options: Mapping[str, str]) -> list[int]:
    """The integer ids of the chosen ones that are not among the options."""
    numbers = (ids.decode(prefix, public_id) for public_id in chosen if public_id not in options)
    return [number for number in numbers if number is not None]


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
    """By name, and numbers in it by their value: Wave 2 comes before Wave 10."""
    return sorted(options, key=lambda option: _order(option.name))


def _order(name: str) -> list[tuple[str, int]]:
    """Each text that is no number, with the number after it."""
    return [(text, int(number or -1)) for text, number in _TEXT_AND_NUMBER.findall(fold(name))]
