"""A chunk of changes at once, each an upsert by email in the order of the file.

The chunk's existing subscribers are read first, the outcome is worked out in memory, and what is left to do is
a few set-based statements: SQLite runs each over the whole chunk without the interpreter lock, so the API stays
quick and the next chunk is parsed meanwhile. Every statement walks the emails in index order, because random places
in the index are what an import into a large table pays for.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from mailrith_lite.audience import blocks
from mailrith_lite.audience.sequences import select_known_sequence_ids
from mailrith_lite.audience.subscribers import name_key
from mailrith_lite.audience.values import SUPPRESSED, Status
from mailrith_lite.database import Connection

MAX_CHARACTERS = 1 << 23
_NEW_STATUS: Status = "Active"


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one row asks for; None, or a custom field that is not named, leaves what is saved.

    `custom_fields`: the field's integer id, as text, -> its value.
    """

    line: int
    email: str
    name: str | None = None
    status: Status | None = None
    country: str | None = None
    custom_fields: dict[str, Any] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Each change is counted once. `status_kept`: the lines whose status would have lifted a suppression."""

    created: int
    updated: int
    unchanged: int
    status_kept: list[int]


class _State(msgspec.Struct, array_like=True, gc=False):
    """A subscriber as it stands while the chunk goes on; the order of the fields is that of the SQL below."""

    id: int
    email: str
    name: str
    status: Status
    country: str | None
    custom_fields: dict[str, Any]
    name_key: str | None
    complete: int  # has each of the job's tags and sequences already


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a chunk comes to, and the JSON texts from which SQLite makes it so. `first_id`: of those who are new."""

    first_id: int
    inserts: str
    updates: str
    members: str
    tag_ids: str
    sequence_ids: str
    outcome: Outcome


STATE = """json_array(subscribers.id, email, name, status, country, json(custom_fields), name_key,
    NOT EXISTS (SELECT 1 FROM json_each(:tags) AS wanted WHERE NOT EXISTS (
        SELECT 1 FROM subscriber_tags WHERE subscriber_id = subscribers.id AND tag_id = wanted.value))
    AND NOT EXISTS (SELECT 1 FROM json_each(:sequences) AS wanted WHERE NOT EXISTS (
        SELECT 1 FROM subscriber_sequences AS member WHERE subscriber_id = subscribers.id
        AND sequence_id = wanted.value AND member.status <> 'removed')))"""
"""A `_State` in SQL. `:tags` and `:sequences` are JSON lists of integers."""

_states_decoder = msgspec.json.Decoder(list[_State], float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class ChunkTooLarge(Exception):
    """The chunk's subscribers have more custom fields than shall be in memory at a time."""


async def plan(
    connection: Connection,
    workspace_id: int,
    changes: Sequence[Change],
    *,
    tag_ids: Sequence[int],
    sequence_ids: Sequence[int],
) -> Plan:
    """Works out what the changes alter, given what is saved. Every applied row gets the tags, and the sequences
    that are still there.

    Raises:
        ChunkTooLarge: what is saved of these subscribers is too much to hold; plan fewer changes at once.
    """
    tags = as_json(list(dict.fromkeys(tag_ids)))
    sequences = as_json(sorted(await select_known_sequence_ids(connection, workspace_id, sequence_ids)))
    emails = await asyncio.to_thread(sorted_emails, changes)
    count, characters = await _select_size(connection, workspace_id, emails)
    if characters > MAX_CHARACTERS and len(changes) > 1:
        raise ChunkTooLarge
    states = await _select_states(connection, workspace_id, emails, tags, sequences) if count else "[]"
    next_id = await select_next_id(connection)
    return await asyncio.to_thread(work_out, states, changes, next_id, tags, sequences)


async def apply(connection: Connection, workspace_id: int, plan: Plan, now: int) -> None:
    """Carries out a plan that was made in the same transaction."""
    if plan.inserts:
        await _insert_subscribers(connection, workspace_id, plan.inserts, now)
        await blocks.count_subscribers(connection, workspace_id, plan.first_id)
    if plan.updates:
        await _update_subscribers(connection, workspace_id, plan.updates, now)
    if plan.members:
        await blocks.count_tagged(connection, plan.members, plan.tag_ids, new_from=plan.first_id)
        await _insert_tags(connection, plan.members, plan.tag_ids)
        await _insert_sequences(connection, plan.members, plan.sequence_ids)


def sorted_emails(changes: Sequence[Change]) -> str:
    """As a JSON list, each once."""
    return as_json(sorted({change.email for change in changes}))


def work_out(states: str, changes: Sequence[Change], next_id: int, tag_ids: str, sequence_ids: str) -> Plan:
    """`states`: a JSON list of those of the changes' subscribers who are there, each as `STATE` has it."""
    by_email = {state.email: state for state in _states_decoder.decode(states)}
    first_new = next_id
    updated_states: dict[int, _State] = {}
    incomplete: list[int] = []
    status_kept: list[int] = []
    created = updated = 0
    for change in changes:
        state = by_email.get(change.email)
        if state is None:
            by_email[change.email] = _new_state(next_id, change)
            next_id += 1
            created += 1
            continue
        altered, kept = _alter(state, change)
        if kept:
            status_kept.append(change.line)
        if not state.complete:
            state.complete = 1
            incomplete.append(state.id)
            altered = True
        if altered:
            updated += 1
            if state.id < first_new:
                updated_states[state.id] = state
    inserts = sorted((state for state in by_email.values() if state.id >= first_new), key=attrgetter("email"))
    members = [*incomplete, *range(first_new, next_id)]
    return Plan(
        first_id=first_new,
        inserts=as_json(inserts) if inserts else "",
        updates=as_json(list(updated_states.values())) if updated_states else "",
        members=as_json(members) if members else "",
        tag_ids=tag_ids,
        sequence_ids=sequence_ids,
        outcome=Outcome(
            created=created,
            updated=updated,
            unchanged=len(changes) - created - updated,
            status_kept=status_kept,
        ),
    )


def _new_state(subscriber_id: int, change: Change) -> _State:
    return _State(
        subscriber_id,
        change.email,
        change.name or "",
        change.status or _NEW_STATUS,
        change.country,
        dict(change.custom_fields),
        name_key(change.name or ""),
        1,
    )


def _alter(state: _State, change: Change) -> tuple[bool, bool]:
    """Was anything altered, and was a suppressed status kept against the row's wish?"""
    altered = kept = False
    if change.name is not None and change.name != state.name:
        state.name, state.name_key, altered = change.name, name_key(change.name), True
    if change.country is not None and change.country != state.country:
        state.country, altered = change.country, True
    if change.status is not None and change.status != state.status:
        if state.status in SUPPRESSED and change.status not in SUPPRESSED:
            kept = True
        else:
            state.status, altered = change.status, True
    for field_id, value in change.custom_fields.items():
        if state.custom_fields.get(field_id) != value:
            state.custom_fields[field_id], altered = value, True
    return altered, kept


def as_json(value: Any) -> str:
    return _encoder.encode(value).decode()


async def _select_size(connection: Connection, workspace_id: int, emails: str) -> tuple[int, int]:
    """How many of the subscribers are there, and how long their custom fields are together."""
    rows = await connection.execute_fetchall(
        """SELECT count(*), coalesce(sum(length(custom_fields)), 0) FROM json_each(:emails) AS row
        CROSS JOIN subscribers ON subscribers.workspace_id = :workspace_id AND subscribers.email = row.value""",
        {"workspace_id": workspace_id, "emails": emails},
    )
    row = next(iter(rows))
    return row[0], row[1]


async def _select_states(connection: Connection, workspace_id: int, emails: str, tags: str, sequences: str) -> str:
    """One JSON list of `_State`s: the subscribers of this workspace that have one of the emails."""
    rows = await connection.execute_fetchall(
        f"""SELECT json_group_array({STATE})
        FROM json_each(:emails) AS row
        CROSS JOIN subscribers ON subscribers.workspace_id = :workspace_id AND subscribers.email = row.value""",
        {"workspace_id": workspace_id, "emails": emails, "tags": tags, "sequences": sequences},
    )
    return str(next(iter(rows))[0])


async def select_next_id(connection: Connection) -> int:
    rows = await connection.execute_fetchall("SELECT seq FROM sqlite_sequence WHERE name = 'subscribers'")
    return 1 + next((int(row[0]) for row in rows), 0)


async def _insert_subscribers(connection: Connection, workspace_id: int, states: str, now: int) -> None:
    await connection.execute(
        """INSERT INTO subscribers (id, workspace_id, email, name, status, country, custom_fields,
            name_key, subscribed_at, created_at, updated_at)
        SELECT json_extract(value, '$[0]'), :workspace_id, json_extract(value, '$[1]'),
            json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'),
            json_extract(value, '$[5]'), json_extract(value, '$[6]'), :now, :now, :now
        FROM json_each(:states)""",
        {"workspace_id": workspace_id, "states": states, "now": now},
    )


async def _update_subscribers(connection: Connection, workspace_id: int, states: str, now: int) -> None:
    """The plus keeps SQLite from walking the workspace's index and looking for each subscriber in the list."""
    await connection.execute(
        """UPDATE subscribers SET name = json_extract(row.value, '$[2]'),
            status = json_extract(row.value, '$[3]'), country = json_extract(row.value, '$[4]'),
            custom_fields = json_extract(row.value, '$[5]'), name_key = json_extract(row.value, '$[6]'),
            updated_at = :now
        FROM json_each(:states) AS row
        WHERE subscribers.id = json_extract(row.value, '$[0]') AND +workspace_id = :workspace_id""",
        {"workspace_id": workspace_id, "states": states, "now": now},
    )


async def _insert_tags(connection: Connection, subscriber_ids: str, tag_ids: str) -> None:
    await connection.execute(
        """INSERT INTO subscriber_tags (subscriber_id, tag_id)
        SELECT subscriber.value, tag.value FROM json_each(?) AS subscriber CROSS JOIN json_each(?) AS tag
        WHERE true ON CONFLICT DO NOTHING""",
        (subscriber_ids, tag_ids),
    )


async def _insert_sequences(connection: Connection, subscriber_ids: str, sequence_ids: str) -> None:
    """Somebody who was taken out of a sequence is active in it again; who completed it stays completed."""
    await connection.execute(
        """INSERT INTO subscriber_sequences (subscriber_id, sequence_id)
        SELECT subscriber.value, sequence.value
        FROM json_each(?) AS subscriber CROSS JOIN json_each(?) AS sequence
        WHERE true ON CONFLICT DO UPDATE SET status = 'active' WHERE status = 'removed'""",
        (subscriber_ids, sequence_ids),
    )
