"""One chunk of a bulk change or of its undo. Call each function in the transaction of the chunk.

A list of subscribers with the type `str` is a JSON list of integer ids.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from mailrith_lite.audience import changes, deletion, memberships
from mailrith_lite.audience.alterations import Alteration
from mailrith_lite.audience.changes import BY_BULK_CHANGE, Details, Origin
from mailrith_lite.audience.conditions import Bindings
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.bulk_changes import actions
from mailrith_lite.bulk_changes.actions import ERASE, UNSUBSCRIBE, UNSUBSCRIBED, Action
from mailrith_lite.database import Connection
from mailrith_lite.jobs.queue import Job
from mailrith_lite.webhooks.events import Source
from mailrith_lite.webhooks.outbox import Members, Outbox

_LISTED: Final = "SELECT value AS id FROM json_each(:ids)"


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """The subscribers of a chunk that exist and match. `altered`: those that the action alters.

    `repeated`: those who have opted out already. They do not change, but the history records the second opt-out.
    """

    matched: int
    altered: str
    altered_count: int
    repeated: str


class Restored(msgspec.Struct, frozen=True, array_like=True):
    """A subscriber who has not changed since the bulk change. `details`: what the bulk change did."""

    id: int
    details: Details


class UndoChunk(msgspec.Struct, frozen=True, kw_only=True):
    """The next people of an undo. `last_id`: the last of them; None if there are no more. `skipped`: a list."""

    last_id: int | None
    restored: list[Restored]
    skipped: str
    skipped_count: int


_restored_decoder = msgspec.json.Decoder(list[Restored])


async def select_split(
    connection: Connection,
    workspace_id: int,
    action: Action,
    target_id: int | None,
    subscriber_filter: SubscriberFilter,
    listed: str,
    now: int,
) -> Split:
    """`listed`: who may be changed; those who do not exist or do not match the filter any more are left out."""
    bindings = Bindings()
    where = subscriber_filter.where(bindings, workspace_id, now)
    rows = await connection.execute_fetchall(
        f"""{where.with_clause()} SELECT count(*) AS matched, json_group_array(id) FILTER (WHERE alters) AS altered,
            count(*) FILTER (WHERE alters) AS altered_count,
            json_group_array(id) FILTER (WHERE NOT alters AND changed_by_job IS NOT NULL) AS repeated
        FROM (SELECT subscribers.id, changed_by_job, ({action.alters}) AS alters
            FROM json_each(:listed) AS listed CROSS JOIN subscribers ON subscribers.id = listed.value
            WHERE {where.condition})""",
        bindings.values | {"target": target_id, "listed": listed},
    )
    row = next(iter(rows))
    return Split(
        matched=row["matched"],
        altered=row["altered"],
        altered_count=row["altered_count"],
        repeated=row["repeated"] if action is UNSUBSCRIBE else "[]",
    )


async def select_unknown(connection: Connection, workspace_id: int, listed: str) -> str:
    """The list of those who are not subscribers of the workspace."""
    rows = await connection.execute_fetchall(
        """SELECT json_group_array(value) FROM json_each(?) WHERE NOT EXISTS (
            SELECT 1 FROM subscribers WHERE id = value AND +workspace_id = ?)""",
        (listed, workspace_id),
    )
    return str(next(iter(rows))[0])


async def apply(
    connection: Connection,
    outbox: Outbox,
    job: Job,
    action: Action,
    target_id: int | None,
    split: Split,
    now: int,
) -> None:
    """Writes the change of `split`, its history and its events."""
    if action is ERASE:
        await deletion.delete_subscribers(connection, job.workspace_id, split.altered)
        return
    parameters = {"ids": split.altered, "target": target_id, "job_id": job.id, "now": now}
    if split.altered_count:
        change_id = await _insert_change(connection, job, now)
        await connection.execute(
            f"""INSERT INTO subscriber_changes (subscriber_id, change_id, details)
            SELECT subscribers.id, :change_id, json_object({action.details}, 'changed_by_job', changed_by_job)
            FROM ({_LISTED}) AS listed CROSS JOIN subscribers ON subscribers.id = listed.id""",
            parameters | {"change_id": change_id},
        )
        await _record_events(connection, outbox, job, action, split.altered, now)
        if action.apply is not None and target_id is not None:
            await action.apply(connection, split.altered, target_id)
        status = f"status = '{UNSUBSCRIBED}'," if action is UNSUBSCRIBE else ""
        await connection.execute(
            f"""UPDATE subscribers SET {status} updated_at = :now, changed_by_job = :job_id
            WHERE id IN ({_LISTED}) AND +workspace_id = :workspace_id""",
            parameters | {"workspace_id": job.workspace_id},
        )
    if split.repeated != "[]":
        await _record_repeated(connection, job, split.repeated, now)


_DONE: Final = """FROM changes CROSS JOIN subscriber_changes AS own ON own.change_id = changes.id
    CROSS JOIN subscribers ON subscribers.id = own.subscriber_id AND +subscribers.workspace_id = :workspace_id
    WHERE changes.job_id = :undone_id AND own.subscriber_id > :after_id
        AND (own.details -> '$.before' IS NULL OR own.details -> '$.before' <> own.details -> '$.after')"""
"""The people that a bulk change has altered. A repeated opt-out alters nobody."""


async def select_undone_count(connection: Connection, workspace_id: int, undone_id: int, *, after_id: int) -> int:
    """The number of people that the bulk change has altered and that still exist.

    `undone_id`: its integer id. Only people after `after_id` count.
    """
    rows = await connection.execute_fetchall(
        f"SELECT count(*) {_DONE}", {"workspace_id": workspace_id, "undone_id": undone_id, "after_id": after_id}
    )
    return int(next(iter(rows))[0])


async def select_undone(
    connection: Connection, workspace_id: int, undone_id: int, *, after_id: int, limit: int
) -> UndoChunk:
    """`undone_id`: the integer id of the bulk change."""
    rows = await connection.execute_fetchall(
        f"""SELECT max(id) AS last_id,
            json_group_array(json_array(id, json(details))) FILTER (WHERE unchanged) AS restored,
            json_group_array(id) FILTER (WHERE NOT unchanged) AS skipped,
            count(*) FILTER (WHERE NOT unchanged) AS skipped_count
        FROM (SELECT subscribers.id, own.details, changed_by_job IS :undone_id AS unchanged
            {_DONE}
            ORDER BY changes.id, own.subscriber_id LIMIT :limit)""",
        {"workspace_id": workspace_id, "undone_id": undone_id, "after_id": after_id, "limit": limit},
    )
    row = next(iter(rows))
    return UndoChunk(
        last_id=row["last_id"],
        restored=_restored_decoder.decode(row["restored"]),
        skipped=row["skipped"],
        skipped_count=row["skipped_count"],
    )


async def restore(
    connection: Connection, outbox: Outbox, job: Job, undone_id: int, restored: Sequence[Restored], now: int
) -> None:
    """Takes back what the history says. `job`: the undo. `undone_id`: the integer id of the bulk change."""
    change_id = await _insert_change(connection, job, now)
    inverse = {one.id: _inverse(one.details, undone_id) for one in restored}
    await changes.insert_rows(connection, change_id, inverse)
    await _restore_memberships(connection, restored)
    await update_restored(connection, job.workspace_id, restored, now)
    await outbox.record_alterations(
        connection, job.workspace_id, Source.of_job(job), [_alteration(one) for one in restored], now
    )


async def update_restored(
    connection: Connection, workspace_id: int, restored: Sequence[Restored], now: int
) -> None:
    """Writes the status that each had, and which job had changed each before."""
    rows = [(one.id, one.details.before.get("status"), one.details.changed_by_job) for one in restored]
    await connection.execute(
        """UPDATE subscribers SET status = coalesce(row.value ->> 1, status), changed_by_job = row.value ->> 2,
            updated_at = :now
        FROM json_each(:rows) AS row
        WHERE subscribers.id = row.value ->> 0 AND +workspace_id = :workspace_id""",
        {"rows": _json(rows), "workspace_id": workspace_id, "now": now},
    )


async def _insert_change(connection: Connection, job: Job, now: int) -> int:
    origin = Origin(source=BY_BULK_CHANGE, job_id=job.id)
    return await changes.insert_change(connection, job.workspace_id, origin, now)


async def _record_events(
    connection: Connection, outbox: Outbox, job: Job, action: Action, altered: str, now: int
) -> None:
    source = Source.of_job(job)
    if action is not UNSUBSCRIBE:
        members = Members(sql=_LISTED, parameters={"ids": altered}, changed=action.member)
        await outbox.record_members(connection, job.workspace_id, source, members, now)
        return
    rows = await connection.execute_fetchall(
        f"SELECT id, status FROM subscribers WHERE id IN ({_LISTED}) AND +workspace_id = :workspace_id",
        {"ids": altered, "workspace_id": job.workspace_id},
    )
    moved = [
        Alteration(subscriber_id=row["id"], changed=[], previous_status=row["status"], status=UNSUBSCRIBED)
        for row in rows
    ]
    await outbox.record_alterations(connection, job.workspace_id, source, moved, now)


async def _record_repeated(connection: Connection, job: Job, repeated: str, now: int) -> None:
    """No undo of an earlier job may bring back somebody who opts out again."""
    change_id = await _insert_change(connection, job, now)
    await changes.insert_repeated_status(connection, change_id, repeated)
    await connection.execute(
        f"UPDATE subscribers SET changed_by_job = NULL WHERE id IN ({_LISTED}) AND +workspace_id = :workspace_id",
        {"ids": repeated, "workspace_id": job.workspace_id},
    )


async def _restore_memberships(connection: Connection, restored: Sequence[Restored]) -> None:
    """A bulk change has one tag or one sequence, so each of these lists has one number at most."""
    for tag_id, listed in _by_number(restored, "tags"):
        await memberships.delete_tag_of_many(connection, listed, tag_id)
    for tag_id, listed in _by_number(restored, "removed_tags"):
        await actions.insert_tag(connection, listed, tag_id)
    for sequence_id, listed in _by_number(restored, "rejoined"):
        await memberships.update_removed_of_many(connection, listed, sequence_id)
    pairs = [(one.id, number) for one in restored for number in one.details.joined if not one.details.rejoined]
    await memberships.delete_sequences(connection, _json(pairs))
    for sequence_id, listed in _by_number(restored, "left"):
        await actions.insert_sequence(connection, listed, sequence_id)


def _by_number(
    restored: Sequence[Restored], member: Literal["tags", "removed_tags", "rejoined", "left"]
) -> list[tuple[int, str]]:
    """The integer id of each tag or sequence, and the list of subscribers whose history has it in the member."""
    listed: dict[int, list[int]] = {}
    for one in restored:
        for number in getattr(one.details, member):
            listed.setdefault(number, []).append(one.id)
    return [(number, _json(numbers)) for number, numbers in listed.items()]


def _inverse(done: Details, undone_id: int) -> Details:
    return Details(
        before=done.after,
        after=done.before,
        tags=done.removed_tags,
        removed_tags=done.tags,
        joined=done.left,
        left=done.joined,
        rejoined=done.left,
        changed_by_job=undone_id,
    )


def _alteration(one: Restored) -> Alteration:
    """A status that has not changed is the same before and after; events do not show it."""
    done = one.details
    changed = ["tags"] if done.tags or done.removed_tags else []
    changed += ["sequence_ids"] if done.joined or done.left else []
    return Alteration(
        subscriber_id=one.id,
        changed=changed,
        previous_status=done.after.get("status", UNSUBSCRIBED),
        status=done.before.get("status", UNSUBSCRIBED),
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
