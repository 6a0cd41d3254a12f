"""The tags and sequences that a request adds to one subscriber. It never takes one away."""

from collections.abc import Sequence

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import listed_ids, memberships, sequences, tags, upsert
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.database import Connection

MAX_NEW_TAGS = 100


class AddedMemberships(msgspec.Struct, frozen=True, kw_only=True):
    """`new_tags`: names, ignoring case. `existing_tag_ids`, `sequence_ids`: public ids."""

    new_tags: Sequence[str] = ()
    existing_tag_ids: Sequence[str] = ()
    sequence_ids: Sequence[str] = ()

    @property
    def any(self) -> bool:
        return bool(self.new_tags or self.existing_tag_ids or self.sequence_ids)


async def add(
    connection: Connection, workspace_id: int, subscriber: Subscriber, added: AddedMemberships, now: int
) -> Subscriber:
    """Creates a new tag that does not exist. Returns the subscriber as it is now.

    Raises:
        InvalidRequest: too many items, a name that a tag cannot have, or an id that the workspace does not have.
    """
    tag_ids = await _known_tags(connection, workspace_id, added.existing_tag_ids)
    tag_ids += await _new_tags(connection, workspace_id, added.new_tags, now)
    sequence_ids = await _known_sequences(connection, workspace_id, added.sequence_ids)
    altered = False
    for tag_id in tag_ids:
        altered |= await memberships.insert_tag(connection, subscriber.id, tag_id)
    for sequence_id in sequence_ids:
        altered |= await memberships.insert_sequence(connection, subscriber.id, sequence_id)
    return await upsert.touch(connection, workspace_id, subscriber.id, now) if altered else subscriber


async def _known_tags(connection: Connection, workspace_id: int, public_ids: Sequence[str]) -> list[int]:
    numbers = listed_ids.decode(ids.TAG, public_ids, "existing_tag_ids")
    known = await tags.select_known_tag_ids(connection, workspace_id, numbers)
    listed_ids.check(numbers, known, "existing_tag_ids", "tag")
    return numbers


async def _known_sequences(connection: Connection, workspace_id: int, public_ids: Sequence[str]) -> list[int]:
    numbers = listed_ids.decode(ids.SEQUENCE, public_ids, "sequence_ids")
    known = await sequences.select_known_sequence_ids(connection, workspace_id, numbers)
    listed_ids.check(numbers, known, "sequence_ids", "sequence")
    return numbers


async def _new_tags(connection: Connection, workspace_id: int, names: Sequence[str], now: int) -> list[int]:
    if len(names) > MAX_NEW_TAGS:
        raise errors.InvalidRequest(f"new_tags takes at most {MAX_NEW_TAGS} names.", field="new_tags")
    tag_ids = []
    for position, name in enumerate(names):
        cleaned = tags.clean_name(name, f"new_tags[{position}]")
        tag_id = await tags.select_tag_id(connection, workspace_id, cleaned)
        tag_ids.append(tag_id or await tags.insert_tag(connection, workspace_id, cleaned, None, now))
    return tag_ids
