"""The table `sequences`. A sequence has members only: no email is ever sent."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import list_page
from mailrith_lite.audience.input_checks import check_label
from mailrith_lite.audience.values import has_control
from mailrith_lite.database import Connection, Reader, Row, by_name
from mailrith_lite.unicode_forms import compose, fold

SequenceStatus = Literal["running", "paused"]

MAX_NAME = 200
MAX_TEXT = 500

MEMBERS = "SELECT subscriber_id AS id FROM subscriber_sequences WHERE sequence_id = :id AND status = 'active'"
"""Selects the integer ids of the active members."""
_TEXTS = (
    "connection_id",
    "reply_to_email",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
)
_COLUMNS = f"""id, name, status, definition, email_count, track_opens, track_clicks, {", ".join(_TEXTS)},
    created_at, updated_at, subscriber_count"""
_SUMMARY = "id, name, status, email_count, created_at, updated_at, subscriber_count"


class SequenceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The members that a client sets. `definition`: JSON, saved as it was sent, with `email_count` emails."""

    name: str
    definition: bytes
    email_count: int
    connection_id: str | None = None
    reply_to_email: str | None = None
    track_opens: bool = True
    track_clicks: bool = True
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None


class Sequence(msgspec.Struct, frozen=True, kw_only=True):
    """`subscriber_count`: the active members."""

    id: int
    status: SequenceStatus
    settings: SequenceSettings
    subscriber_count: int
    created_at: int
    updated_at: int


class SequenceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A sequence in a list, without its definition, which can be large."""

    id: int
    name: str
    status: SequenceStatus
    email_count: int
    subscriber_count: int
    created_at: int
    updated_at: int


def _from_row(row: Row) -> Sequence:
    columns: dict[str, Any] = by_name(row)
    settings = {name: columns.pop(name) for name in SequenceSettings.__struct_fields__}
    settings["definition"] = settings["definition"].encode()
    for name in ("track_opens", "track_clicks"):
        settings[name] = bool(settings[name])
    return Sequence(settings=SequenceSettings(**settings), **columns)


def check(settings: SequenceSettings) -> SequenceSettings:
    """Returns the settings with a trimmed name in the normal form NFC.

    Raises:
        InvalidRequest: with the field that breaks a limit.
    """
    name = compose(settings.name.strip())
    check_label(name, "name", MAX_NAME)
    for field in _TEXTS:
        text = getattr(settings, field)
        if text is not None and (len(text) > MAX_TEXT or has_control(text)):
            raise errors.InvalidRequest(
                f"{field} takes at most {MAX_TEXT} characters, without control characters.", field=field
            )
    return msgspec.structs.replace(settings, name=name)


async def create_sequence(
    connection: Connection, workspace_id: int, settings: SequenceSettings, now: int
) -> Sequence:
    """
    Raises:
        InvalidRequest: a member breaks a limit, or another sequence has the name, ignoring case.
    """
    settings = check(settings)
    await _check_name_is_free(connection, workspace_id, settings.name, None)
    return await insert_sequence(connection, workspace_id, settings, now)


async def change_settings(
    connection: Connection, workspace_id: int, sequence: Sequence, *, settings: SequenceSettings, now: int
) -> Sequence:
    """
    Raises:
        InvalidRequest: a member breaks a limit, or another sequence has the name, ignoring case.
        Conflict: the sequence is running.
    """
    settings = check(settings)
    if sequence.status == "running":
        raise must_be_paused(sequence.id)
    if settings.name != sequence.settings.name:
        await _check_name_is_free(connection, workspace_id, settings.name, sequence.id)
    return await update_sequence(
        connection, workspace_id, sequence, settings=settings, status=sequence.status, now=now
    )


def must_be_paused(sequence_id: int) -> errors.Conflict:
    return errors.Conflict(
        "This sequence is running; set its status to paused before you change it.",
        code="sequence_must_be_paused",
        resource=(ids.SEQUENCE, ids.encode(ids.SEQUENCE, sequence_id)),
    )


async def _check_name_is_free(connection: Connection, workspace_id: int, name: str, own_id: int | None) -> None:
    """Older databases may have several sequences of one name: these stay."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM sequences WHERE workspace_id = ? AND fold(name) = ? AND id IS NOT ? LIMIT 1",
        (workspace_id, fold(name), own_id),
    )
    if list(rows):
        raise errors.InvalidRequest(
            "A sequence of this name exists already; choose another name.", field="name", reason="name_taken"
        )


async def insert_sequence(
    connection: Connection, workspace_id: int, settings: SequenceSettings, now: int
) -> Sequence:
    """A new sequence is paused."""
    names = SequenceSettings.__struct_fields__
    row = await connection.execute_insert(
        f"""INSERT INTO sequences (workspace_id, created_at, updated_at, {", ".join(names)})
        VALUES (:workspace_id, :now, :now, {", ".join(f":{name}" for name in names)})""",
        {"workspace_id": workspace_id, "now": now, **_parameters(settings)},
    )
    assert row is not None
    return Sequence(
        id=row[0], status="paused", settings=settings, subscriber_count=0, created_at=now, updated_at=now
    )


async def update_sequence(
    connection: Connection,
    workspace_id: int,
    sequence: Sequence,
    *,
    settings: SequenceSettings,
    status: SequenceStatus,
    now: int,
) -> Sequence:
    if (settings, status) == (sequence.settings, sequence.status):
        return sequence
    assignments = ", ".join(f"{name} = :{name}" for name in SequenceSettings.__struct_fields__)
    await connection.execute(
        f"""UPDATE sequences SET {assignments}, status = :status, updated_at = :now
        WHERE workspace_id = :workspace_id AND id = :id""",
        {"workspace_id": workspace_id, "id": sequence.id, "status": status, "now": now, **_parameters(settings)},
    )
    return msgspec.structs.replace(sequence, settings=settings, status=status, updated_at=now)


async def select_sequences(
    connection: Reader, workspace_id: int, *, search: str | None, before_id: int | None, limit: int
) -> list[SequenceSummary]:
    """Newest first, with integer ids below `before_id`. `search`: part of name, status, reply address, any case."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_SUMMARY} FROM sequences
        WHERE workspace_id = :workspace_id AND id < :before_id AND (:search IS NULL
            OR instr(fold(name), :search) OR instr(status, :search)
            OR instr(fold(reply_to_email), :search))
        ORDER BY id DESC LIMIT :limit""",
        list_page.parameters(workspace_id, search, before_id, limit),
    )
    return [SequenceSummary(**by_name(row)) for row in rows]


async def select_sequence(connection: Reader, workspace_id: int, sequence_id: int) -> Sequence | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM sequences WHERE workspace_id = ? AND id = ?", (workspace_id, sequence_id)
    )
    return next(map(_from_row, rows), None)


async def select_sequence_id(connection: Connection, workspace_id: int, name: str) -> int | None:
    """The oldest sequence with this name, ignoring case: an older database may have several."""
    rows = await connection.execute_fetchall(
        "SELECT min(id) FROM sequences WHERE workspace_id = ? AND fold(name) = ?",
        (workspace_id, fold(name)),
    )
    sequence_id: int | None = next(iter(rows))[0]
    return sequence_id


async def select_known_sequence_ids(
    connection: Connection, workspace_id: int, sequence_ids: Iterable[int]
) -> set[int]:
    """The ids of them that are sequences of the workspace."""
    rows = await connection.execute_fetchall(
        "SELECT id FROM sequences WHERE +workspace_id = ? AND id IN (SELECT value FROM json_each(?))",
        (workspace_id, msgspec.json.encode(list(sequence_ids)).decode()),
    )
    return {int(row["id"]) for row in rows}


async def delete_sequence(connection: Connection, workspace_id: int, sequence_id: int) -> None:
    """Deletes the sequence and its memberships."""
    await connection.execute(
        """DELETE FROM sequence_blocks -- first: else a trigger would update them for each membership
        WHERE sequence_id = (SELECT id FROM sequences WHERE workspace_id = ? AND id = ?)""",
        (workspace_id, sequence_id),
    )
    await connection.execute("DELETE FROM sequences WHERE workspace_id = ? AND id = ?", (workspace_id, sequence_id))


def _parameters(settings: SequenceSettings) -> dict[str, Any]:
    return {**msgspec.structs.asdict(settings), "definition": settings.definition.decode()}
