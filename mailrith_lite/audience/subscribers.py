"""The table `subscribers`: single subscribers."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from mailrith_lite.audience import blocks
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Connection, Row
from mailrith_lite.unicode_forms import fold

_encoder = msgspec.json.Encoder(decimal_format="number")
_fields_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_sequences_decoder = msgspec.json.Decoder(list[int])

_TAGS = """(SELECT json_group_array(json_array(tags.id, tags.name)) FROM subscriber_tags
    JOIN tags ON tags.id = subscriber_tags.tag_id WHERE subscriber_tags.subscriber_id = subscribers.id)"""
_SEQUENCES = """(SELECT json_group_array(sequence_id) FROM subscriber_sequences
    WHERE subscriber_sequences.subscriber_id = subscribers.id AND subscriber_sequences.status = 'active')"""
COLUMNS = f"""subscribers.id, email, name, status, country, custom_fields, subscribed_at, last_opened_at,
    created_at, updated_at, changed_by_job, {_TAGS} AS tags, {_SEQUENCES} AS sequence_ids"""


class SubscriberTag(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A tag of a subscriber. `_TAGS` selects the members in this order."""

    id: int
    name: str


_tags_decoder = msgspec.json.Decoder(list[SubscriberTag])


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """`custom_fields`: the field's integer id, as text, -> its value. `sequence_ids`: the active memberships.

    `changed_by_job`: the import or bulk change that has made the latest change; None if something else has.
    """

    id: int
    email: str
    name: str
    status: Status
    country: str | None
    custom_fields: dict[str, Any]
    tags: list[SubscriberTag]
    sequence_ids: list[int]
    subscribed_at: int
    last_opened_at: int | None
    created_at: int
    updated_at: int
    changed_by_job: int | None = None


async def select_subscriber(connection: Connection, workspace_id: int, subscriber_id: int) -> Subscriber | None:
    rows = await connection.execute_fetchall(
        f"SELECT {COLUMNS} FROM subscribers WHERE workspace_id = ? AND id = ?",
        (workspace_id, subscriber_id),
    )
    return next(map(from_row, rows), None)


async def select_subscriber_id(connection: Connection, workspace_id: int, email: str) -> int | None:
    """`email`: in the form of `values.email`, which is the saved one."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM subscribers WHERE workspace_id = ? AND email = ?", (workspace_id, email)
    )
    return next((int(row["id"]) for row in rows), None)


async def select_count(connection: Connection, workspace_id: int) -> int:
    rows = await connection.execute_fetchall(
        "SELECT coalesce(sum(members), 0) FROM subscriber_blocks WHERE workspace_id = ?", (workspace_id,)
    )
    return int(next(iter(rows))[0])


async def select_known_count(connection: Connection, workspace_id: int, subscriber_ids: Sequence[int]) -> int:
    """How many of these are subscribers of the workspace."""
    rows = await connection.execute_fetchall(
        """SELECT count(*) FROM json_each(?) AS listed
        CROSS JOIN subscribers ON subscribers.id = listed.value AND +workspace_id = ?""",
        (msgspec.json.encode(subscriber_ids).decode(), workspace_id),
    )
    return int(next(iter(rows))[0])


async def insert_subscriber(connection: Connection, workspace_id: int, subscriber: Subscriber) -> int:
    """Returns the new integer id. Ignores the subscriber's own id, tags and sequences."""
    row = await connection.execute_insert(
        """INSERT INTO subscribers (workspace_id, email, name, name_key, status, country, custom_fields,
            subscribed_at, created_at, updated_at)
        VALUES (:workspace_id, :email, :name, :name_key, :status, :country, :custom_fields,
            :subscribed_at, :created_at, :updated_at)""",
        _parameters(workspace_id, subscriber),
    )
    assert row is not None
    await blocks.update_subscriber_counts(connection, workspace_id, row[0])
    return int(row[0])


async def update_subscriber(connection: Connection, workspace_id: int, subscriber: Subscriber) -> None:
    """A change by hand. Ignores the subscriber's tags and sequences."""
    await connection.execute(
        """UPDATE subscribers SET email = :email, name = :name, name_key = :name_key, status = :status,
            country = :country, custom_fields = :custom_fields, subscribed_at = :subscribed_at,
            last_opened_at = :last_opened_at, updated_at = :updated_at, changed_by_job = NULL
        WHERE workspace_id = :workspace_id AND id = :id""",
        _parameters(workspace_id, subscriber),
    )


async def update_changed_by_hand(connection: Connection, workspace_id: int, subscriber_id: int) -> None:
    """Makes undos skip the subscriber. For a request that says that they opted out or in, but alters no member."""
    await connection.execute(
        "UPDATE subscribers SET changed_by_job = NULL WHERE workspace_id = ? AND id = ?",
        (workspace_id, subscriber_id),
    )


async def delete_subscriber(connection: Connection, workspace_id: int, subscriber_id: int) -> None:
    """Deletes the subscriber, their memberships and their evidence of consent."""
    await connection.execute(
        "DELETE FROM subscribers WHERE workspace_id = ? AND id = ?", (workspace_id, subscriber_id)
    )


def name_key(name: str) -> str | None:
    """The name as a search compares it, or None where SQLite's lower() gives the same."""
    return None if name.isascii() else fold(name)


def _parameters(workspace_id: int, subscriber: Subscriber) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "id": subscriber.id,
        "email": subscriber.email,
        "name": subscriber.name,
        "name_key": name_key(subscriber.name),
        "status": subscriber.status,
        "country": subscriber.country,
        "custom_fields": _encoder.encode(subscriber.custom_fields).decode(),
        "subscribed_at": subscriber.subscribed_at,
        "last_opened_at": subscriber.last_opened_at,
        "created_at": subscriber.created_at,
        "updated_at": subscriber.updated_at,
    }


def from_row(row: Row) -> Subscriber:
    return Subscriber(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        status=row["status"],
        country=row["country"],
        custom_fields=_fields_decoder.decode(row["custom_fields"]),
        tags=_tags_decoder.decode(row["tags"]),
        sequence_ids=_sequences_decoder.decode(row["sequence_ids"]),
        subscribed_at=row["subscribed_at"],
        last_opened_at=row["last_opened_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        changed_by_job=row["changed_by_job"],
    )
