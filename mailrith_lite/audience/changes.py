"""The tables `changes` and `subscriber_changes`: who has changed subscribers, when, and what.

Call each function in the transaction of the change. An import writes one row of `changes` for each chunk; what it
did to each subscriber is in its own tables, `import_creations` and `import_changes`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.vocabulary import SUPPRESSED, Status
from mailrith_lite.database import Connection

MOST_CHANGES: Final = 500
"""Changes of one subscriber that are kept, besides those of imports and undos: the newest ones."""
MAX_VALUES: Final = 8_192
"""Characters, in JSON, of the values that one change keeps. Of more, it keeps the names of the members."""
PLAIN: Final = ("email", "name", "status", "country", "subscribed_at", "last_opened_at")
_DELETED_CHUNKS = 2
"""At once: a chunk can have a row for each of its subscribers."""
_FIELD = "custom_fields."

ChangeSource = Literal["api", "console", "command", "import", "undo", "bulk_change"]
BY_IMPORT: Final = "import"
BY_UNDO: Final = "undo"
BY_BULK_CHANGE: Final = "bulk_change"
"""Three of the sources. The rooms above have kinds of job of the same names."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a change. `key_id`: of a request or a console session. Both ids are integers."""

    source: ChangeSource
    key_id: int | None = None
    job_id: int | None = None


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a change has done to a subscriber.

    `before`, `after`: member -> value; that of a custom field is named `custom_fields.` and its integer id.
    `members`: those that have changed, and whose values are not kept. The other lists have integer ids. `evidence`:
    the change came with evidence of consent. `reason`: what a person has written. `rejoined`: those of
    `joined` from which the subscriber had been removed. `changed_by_job`: the import or bulk change that had made
    the latest change before.
    """

    created: bool = False
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    members: list[str] = []
    tags: list[int] = []
    removed_tags: list[int] = []
    joined: list[int] = []
    left: list[int] = []
    rejoined: list[int] = []
    evidence: bool = False
    reason: str = ""
    changed_by_job: int | None = None

    def without_values(self) -> "Details":
        """The details with the names of the changed members, but with no value except the status."""
        return msgspec.structs.replace(
            self,
            before=_status_of(self.before),
            after=_status_of(self.after),
            members=sorted({*self.members, *self.before, *self.after} - {"status"}),
        )


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says about consent. `status`: the one that it sets, also if the subscriber has it already."""

    status: Status | None = None
    evidence: bool = False
    reason: str = ""


NO_STATEMENT: Final = Statement()
decoder = msgspec.json.Decoder(Details, float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def as_json(details: Details) -> str:
    return _encoder.encode(details).decode()


def field_name(number: int | str) -> str:
    """The name of a custom field's value in `Details`."""
    return f"{_FIELD}{number}"


def field_number(member: str) -> int | None:
    """The integer id of the custom field; None for another member."""
    return int(member.removeprefix(_FIELD)) if member.startswith(_FIELD) else None


def state(subscriber: Subscriber) -> dict[str, Any]:
    """Member -> value, as in `Details`."""
    plain = {name: getattr(subscriber, name) for name in PLAIN}
    return plain | {field_name(number): value for number, value in subscriber.custom_fields.items()}


def of_change(before: Subscriber | None, after: Subscriber, said: Statement = NO_STATEMENT) -> Details | None:
    """None if no member has changed and the request says nothing about consent."""
    if before is None:
        return Details(
            created=True,
            after={"status": after.status},
            tags=sorted(tag.id for tag in after.tags),
            joined=sorted(after.sequence_ids),
            evidence=said.evidence,
        )
    old, new = state(before), state(after)
    changed = [name for name in (*PLAIN, *_fields(old | new)) if old.get(name) != new.get(name)]
    if said.status in SUPPRESSED and "status" not in changed:
        changed.append("status")  # a repeated opt-out
    had, has = {tag.id for tag in before.tags}, {tag.id for tag in after.tags}
    was_in, is_in = set(before.sequence_ids), set(after.sequence_ids)
    details = Details(
        before={name: old.get(name) for name in changed},
        after={name: new.get(name) for name in changed},
        tags=sorted(has - had),
        removed_tags=sorted(had - has),
        joined=sorted(is_in - was_in),
        left=sorted(was_in - is_in),
        evidence=said.evidence,
    )
    if details == Details():
        return None
    return msgspec.structs.replace(details, reason=said.reason, changed_by_job=before.changed_by_job)


async def insert_change(
    connection: Connection,
    workspace_id: int,
    origin: Origin,
    now: int,
    *,
    details: Details | None = None,
    keeps_values: bool = False,
) -> int:
    """Returns the integer id of the change. `details`: None, unless they are the same for all its subscribers.

    `keeps_values`: the rows of the subscribers contain the old and new values.
    """
    row = await connection.execute_insert(
        """INSERT INTO changes (workspace_id, source, key_id, job_id, occurred_at, details, keeps_values)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (
            workspace_id,
            origin.source,
            origin.key_id,
            origin.job_id,
            now,
            None if details is None else as_json(details),
            keeps_values,
        ),
    )
    assert row is not None
    return int(row[0])


async def insert_of_subscriber(
    connection: Connection,
    workspace_id: int,
    origin: Origin,
    subscriber_id: int,
    details: Details,
    now: int,
    *,
    keeps_values: bool,
) -> None:
    """One change of one subscriber. `keeps_values`: whether undos, and so old values, are on."""
    if not keeps_values or len(as_json(details)) > MAX_VALUES:
        details = details.without_values()
    valued = details != details.without_values()
    change_id = await insert_change(connection, workspace_id, origin, now, keeps_values=valued)
    await connection.execute(
        "INSERT INTO subscriber_changes (subscriber_id, change_id, details) VALUES (?, ?, ?)",
        (subscriber_id, change_id, as_json(details)),
    )
    await _delete_surplus(connection, subscriber_id)


async def insert_of_members(
    connection: Connection,
    workspace_id: int,
    origin: Origin,
    members: str,
    parameters: Mapping[str, Any],
    details: Details,
    now: int,
) -> None:
    """The same change of many subscribers. `members`: SQL that selects their integer ids as `id`."""
    change_id = await insert_change(connection, workspace_id, origin, now, details=details)
    await connection.execute(
        f"INSERT INTO subscriber_changes (subscriber_id, change_id) SELECT id, :change_id FROM ({members})",
        {**parameters, "change_id": change_id},
    )


async def update_keeps_values(connection: Connection, change_id: int) -> None:
    """Records that the rows of the change's subscribers contain values."""
    await connection.execute("UPDATE changes SET keeps_values = 1 WHERE id = ?", (change_id,))


async def insert_repeated_status(connection: Connection, change_id: int, subscriber_ids: str) -> None:
    """Records that a job repeats the status of these subscribers. `subscriber_ids`: a JSON list."""
    await connection.execute(
        """INSERT INTO subscriber_changes (subscriber_id, change_id, details)
        SELECT subscribers.id, ?, json_object('before', json_object('status', status),
            'after', json_object('status', status), 'changed_by_job', changed_by_job)
        FROM json_each(?) AS listed CROSS JOIN subscribers ON subscribers.id = listed.value""",
        (change_id, subscriber_ids),
    )


async def insert_rows(connection: Connection, change_id: int, rows: Mapping[int, Details]) -> None:
    """`rows`: the integer id of a subscriber -> the details of the change."""
    await connection.executemany(
        "INSERT INTO subscriber_changes (subscriber_id, change_id, details) VALUES (?, ?, ?)",
        [(number, change_id, as_json(details)) for number, details in rows.items()],
    )


async def delete_of_job(connection: Connection, job_id: int) -> bool:
    """Deletes the next changes that a job has made. Returns False if there were none."""
    cursor = await connection.execute(
        "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE job_id = ? LIMIT ?)",
        (job_id, _DELETED_CHUNKS),
    )
    return cursor.rowcount > 0


async def _delete_surplus(connection: Connection, subscriber_id: int) -> None:
    rows = await connection.execute_fetchall(
        """DELETE FROM subscriber_changes WHERE subscriber_id = :id AND change_id <= (
            SELECT change_id FROM subscriber_changes WHERE subscriber_id = :id
            ORDER BY change_id DESC LIMIT 1 OFFSET :most) RETURNING change_id""",
        {"id": subscriber_id, "most": MOST_CHANGES},
    )
    for row in rows:
        await connection.execute(
            """DELETE FROM changes WHERE id = :id AND job_id IS NULL
                AND NOT EXISTS (SELECT 1 FROM subscriber_changes WHERE change_id = :id)""",
            {"id": row["change_id"]},
        )


def _fields(members: Mapping[str, Any]) -> list[str]:
    return [name for name in members if name.startswith(_FIELD)]


def _status_of(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name == "status"}
