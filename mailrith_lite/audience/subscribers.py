"""The table `subscribers`: who is shown by a filter, and how a row becomes a subscriber."""

from decimal import Decimal
from typing import Any

import msgspec

from mailrith_lite import clock, ids
from mailrith_lite.audience import values
from mailrith_lite.audience.values import Status
from mailrith_lite.database import Connection, Row

_BATCH_ROWS = 2_000
_BATCH_CHARACTERS = 1 << 20  # of custom fields, which are what can be large
COLD_AFTER_OPEN = 90 * clock.DAY
COLD_WITHOUT_OPEN = 30 * clock.DAY

_fields_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_tags_decoder = msgspec.json.Decoder(list[tuple[int, str]])
_sequences_decoder = msgspec.json.Decoder(list[int])

_TAGS = """(SELECT json_group_array(json_array(tags.id, tags.name)) FROM subscriber_tags
    JOIN tags ON tags.id = subscriber_tags.tag_id WHERE subscriber_tags.subscriber_id = subscribers.id)"""
_SEQUENCES = """(SELECT json_group_array(sequence_id) FROM subscriber_sequences
    WHERE subscriber_sequences.subscriber_id = subscribers.id AND subscriber_sequences.status = 'active')"""
_COLUMNS = f"""id, email, name, status, country, custom_fields, subscribed_at, last_opened_at,
    created_at, updated_at, {_TAGS} AS tags, {_SEQUENCES} AS sequence_ids"""


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """`custom_fields`: the field's integer id, as text, -> its value. `tags`: (integer id, name)."""

    id: int
    email: str
    name: str
    status: Status
    country: str | None
    custom_fields: dict[str, Any]
    tags: list[tuple[int, str]]
    sequence_ids: list[int]
    subscribed_at: int
    last_opened_at: int | None
    created_at: int
    updated_at: int


class ExportBatch(msgspec.Struct, frozen=True, kw_only=True):
    """`rows`: a JSON list of lists of email, name, status, country, subscribed at, last opened at,
    tag names, sequence names and custom fields. `last_id`: the integer id of the last of them.
    """

    rows: str
    last_id: int
    count: int


class SubscriberFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which subscribers a list shows and an export holds: the same rules for both.

    `search`: the id or status is it, or the name or email has it in it, in any case.
    `cold_only`: Active and not opened for 90 days, or never opened and subscribed for 30 (Kit's definition).
    """

    search: str | None = None
    email: str | None = None
    status: Status | None = None
    cold_only: bool = False

    def where(self, workspace_id: int, now: int) -> tuple[str, dict[str, Any]]:
        """A condition on `subscribers` and its named parameters."""
        conditions = ["subscribers.workspace_id = :workspace_id"]
        parameters: dict[str, Any] = {"workspace_id": workspace_id}
        if self.email is not None:
            conditions.append("subscribers.email = :email")
            parameters["email"] = _comparable(self.email)
        if self.status is not None:
            conditions.append("subscribers.status = :status")
            parameters["status"] = self.status
        if self.search is not None:
            conditions.append(
                "(subscribers.id = :search_id OR lower(subscribers.status) = :search_status"
                " OR instr(subscribers.email, :search)"
                " OR instr(coalesce(subscribers.name_key, lower(subscribers.name)), :search))"
            )
            needle = self.search.strip()
            parameters["search_id"] = ids.decode(ids.SUBSCRIBER, needle)
            parameters["search_status"] = needle.lower()
            parameters["search"] = needle.casefold()
        if self.cold_only:
            conditions.append(
                "subscribers.status = 'Active' AND CASE WHEN subscribers.last_opened_at IS NULL"
                " THEN subscribers.subscribed_at <= :cold_subscribed"
                " ELSE subscribers.last_opened_at <= :cold_opened END"
            )
            parameters["cold_subscribed"] = now - COLD_WITHOUT_OPEN
            parameters["cold_opened"] = now - COLD_AFTER_OPEN
        return " AND ".join(conditions), parameters


async def select_subscribers(
    connection: Connection,
    workspace_id: int,
    subscriber_filter: SubscriberFilter,
    *,
    before_id: int | None,
    limit: int,
    now: int,
) -> list[Subscriber]:
    """Newest first, those with an integer id below `before_id`."""
    condition, parameters = subscriber_filter.where(workspace_id, now)
    if before_id is not None:
        condition += " AND subscribers.id < :before_id"
        parameters["before_id"] = before_id
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM subscribers WHERE {condition} ORDER BY subscribers.id DESC LIMIT :limit",
        parameters | {"limit": limit},
    )
    return [_from_row(row) for row in rows]


async def select_subscriber(connection: Connection, workspace_id: int, subscriber_id: int) -> Subscriber | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM subscribers WHERE workspace_id = ? AND id = ?",
        (workspace_id, subscriber_id),
    )
    return next(map(_from_row, rows), None)


async def select_export_batch(
    connection: Connection,
    workspace_id: int,
    subscriber_filter: SubscriberFilter,
    *,
    after_id: int,
    now: int,
) -> ExportBatch:
    """The next subscribers above `after_id`, oldest first: many, or few when they are large.

    One text for all of them, because SQLite then makes a whole batch without the interpreter lock.
    """
    condition, parameters = subscriber_filter.where(workspace_id, now)
    rows = await connection.execute_fetchall(
        f"""WITH sizes AS (
            SELECT id, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - size AS before
            FROM (SELECT id, length(custom_fields) AS size FROM subscribers
                WHERE {condition} AND subscribers.id > :after_id ORDER BY id LIMIT :rows)
        )
        SELECT json_group_array(json_array(email, name, status, country, subscribed_at, last_opened_at,
            (SELECT json_group_array(tags.name) FROM subscriber_tags
                JOIN tags ON tags.id = tag_id WHERE subscriber_id = batch.id),
            (SELECT json_group_array(sequences.name) FROM subscriber_sequences
                JOIN sequences ON sequences.id = sequence_id
                WHERE subscriber_id = batch.id AND subscriber_sequences.status = 'active'),
            json(custom_fields))), max(id), count(*)
        FROM (SELECT * FROM subscribers WHERE {condition} AND subscribers.id > :after_id
            AND subscribers.id <= (SELECT max(id) FROM sizes WHERE before < :characters)
            ORDER BY subscribers.id) AS batch""",
        parameters | {"after_id": after_id, "rows": _BATCH_ROWS, "characters": _BATCH_CHARACTERS},
    )
    row = next(iter(rows))
    return ExportBatch(rows=row[0], last_id=row[1] or after_id, count=row[2])


def _from_row(row: Row) -> Subscriber:
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
    )


def _comparable(email: str) -> str:
    """In the form in which addresses are saved; a text that is none stays, and finds nobody."""
    try:
        return values.email(email)
    except values.Refused:
        return email
