"""The table `audit_entries`: what people and keys did that matters, and from where.

An entry has no address of a subscriber, no cell and no key. It outlives what it names.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from mailrith_lite import clock, errors, ids, logs
from mailrith_lite.database import MAX_ID, Connection, Database, Row, by_name

Action = Literal[
    "key.created",
    "key.rotated",
    "key.revoked",
    "key.refused",
    "console.signed_in",
    "console.signed_out",
    "workspace.created",
    "workspace.updated",
    "import.created",
    "import.undone",
    "bulk_change.created",
    "bulk_change.undone",
    "bulk_change.erased",
    "export.created",
    "export.downloaded",
    "report.downloaded",
    "job.deleted",
    "subscriber.deleted",
    "tag.deleted",
    "custom_field.deleted",
    "sequence.deleted",
    "segment.deleted",
    "webhook.created",
    "webhook.updated",
    "webhook.secret_rotated",
    "webhook.deleted",
    "database.restored",
    "service.started",
]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

Via = Literal["api", "console", "link", "command", "service"]
"""`link`: a signed link. `command`: the command line on the data directory."""

_COLUMNS = "occurred_at, action, via, workspace_id, key_id, address, request_id, object_id, details"
_BATCH = 2_000


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts. `key_id`: the key of the request or the console session. `address`: the client's address."""

    via: Via
    workspace_id: int | None = None
    key_id: int | None = None
    address: str | None = None
    request_id: str | None = None


class Entry(Actor, frozen=True, kw_only=True):
    """`workspace_name`, `key_name`: None if the entry has no workspace or key, or it no longer exists.

    `object_id`: a public id.
    """

    id: int
    occurred_at: int
    action: str
    workspace_name: str | None
    key_name: str | None
    object_id: str | None
    details: dict[str, Any]

    @property
    def public_id(self) -> str:
        return ids.encode(ids.AUDIT_ENTRY, self.id)


def command_line(workspace_id: int | None = None) -> Actor:
    """The actor of a command: a person who may use the data directory. There is no key."""
    return Actor(via="command", workspace_id=workspace_id)


async def record(
    connection: Connection,
    actor: Actor,
    action: Action,
    object_id: str | None = None,
    *,
    details: Mapping[str, object] | None = None,
) -> None:
    """Call it in the transaction of the change. `object_id`: public id of what was made, changed or deleted.

    `details`: no address of a subscriber, no cell, no key.
    """
    await connection.execute(
        f"""INSERT INTO audit_entries ({_COLUMNS})
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            clock.now(),
            action,
            actor.via,
            actor.workspace_id,
            actor.key_id,
            actor.address,
            actor.request_id,
            object_id,
            msgspec.json.encode(details or {}).decode(),
        ),
    )


async def record_alone(
    database: Database,
    actor: Actor,
    action: Action,
    object_id: str | None = None,
    *,
    details: Mapping[str, object] | None = None,
) -> None:
    """As `record`, for what has no transaction of its own, such as a download.

    If the database cannot be written, this raises nothing, and the log has the entry instead.
    """
    try:
        async with database.write(durable=True, housekeeping=True) as connection:
            await record(connection, actor, action, object_id, details=details)
    except (errors.StorageFull, errors.StorageLost, errors.DatabaseBusy):
        fields = {
            "action": action,
            "object": object_id,
            "key": None if actor.key_id is None else ids.encode(ids.API_KEY, actor.key_id),
            "address": actor.address,
            "request_id": actor.request_id,
        }
        logs.service.warning("the audit cannot be written; this line takes its place", extra={"fields": fields})


def _from_row(row: Row) -> Entry:
    values: dict[str, Any] = by_name(row)
    values["details"] = msgspec.json.decode(row["details"])
    return Entry(**values)


async def select_entries(
    connection: Connection,
    workspace_id: int | None,
    *,
    limit: int,
    before_id: int | None = None,
    since: int = 0,
    actions: Sequence[str] = (),
) -> list[Entry]:
    """Newest first. `workspace_id`: None for the entries of all workspaces, for the command line of the operator.

    `since`: milliseconds. `actions`: each an action such as `tag.deleted` or its first part, `tag`; empty: all.
    """
    rows = await connection.execute_fetchall(
        f"""SELECT entry.*, workspaces.name AS workspace_name, api_keys.name AS key_name
        FROM audit_entries AS entry
        LEFT JOIN workspaces ON workspaces.id = entry.workspace_id
        LEFT JOIN api_keys ON api_keys.id = entry.key_id
            AND api_keys.created_at <= entry.occurred_at -- after a restore, a new key can have the id of a lost one
        WHERE {"true" if workspace_id is None else "entry.workspace_id = :workspace_id"}
            AND entry.id < :before_id AND entry.occurred_at >= :since
            AND (:actions = '[]' OR EXISTS (SELECT 1 FROM json_each(:actions)
                WHERE value = action OR action GLOB value || '.*'))
        ORDER BY entry.id DESC LIMIT :limit""",
        {
            "workspace_id": workspace_id,
            "before_id": MAX_ID if before_id is None else before_id,
            "since": since,
            "actions": msgspec.json.encode(list(actions)).decode(),
            "limit": limit,
        },
    )
    return [_from_row(row) for row in rows]


async def insert_later(connection: Connection) -> None:
    """Takes over the entries that the attached database `replaced` has after the last one of this database.

    It may be the database of another service, or of a version without an audit: entries of a workspace that this
    database does not have stay there.
    """
    tables = await connection.execute_fetchall(
        "SELECT 1 FROM replaced.sqlite_schema WHERE type = 'table' AND name = 'audit_entries'"
    )
    if not list(tables):
        return
    await connection.execute(
        f"""INSERT INTO main.audit_entries ({_COLUMNS})
        SELECT {_COLUMNS} FROM replaced.audit_entries AS later
        WHERE id > (SELECT coalesce(max(id), 0) FROM main.audit_entries)
            AND (workspace_id IS NULL OR EXISTS (SELECT 1
                FROM main.workspaces AS own JOIN replaced.workspaces AS other USING (id, created_at)
                WHERE own.id = later.workspace_id))
        ORDER BY id"""
    )


async def remove_expired(database: Database, *, ttl: int) -> None:
    """Deletes the entries that are older than `ttl` seconds, a batch in each transaction. 0 keeps all."""
    if ttl == 0:
        return
    before = clock.now() - ttl * clock.SECOND
    async with database.read() as connection:
        rows = await connection.execute_fetchall(
            "SELECT EXISTS (SELECT 1 FROM audit_entries WHERE occurred_at < ?)", (before,)
        )
    more = bool(next(iter(rows))[0])
    while more:
        async with database.write(housekeeping=True) as connection:
            cursor = await connection.execute(
                """DELETE FROM audit_entries WHERE id IN (
                    SELECT id FROM audit_entries WHERE occurred_at < ? LIMIT ?)""",
                (before, _BATCH),
            )
            more = cursor.rowcount == _BATCH
