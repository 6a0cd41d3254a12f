"""The tables `bulk_changes` and `bulk_skips`: action, people, checkpoint and skips of each bulk change."""

from collections.abc import Sequence
from functools import partial
from typing import Final, Literal

import msgspec

from mailrith_lite.audience import skips
from mailrith_lite.audience.selection import Selection
from mailrith_lite.audience.skips import Skip
from mailrith_lite.bulk_changes.actions import ACTIONS, ActionName, Target
from mailrith_lite.database import Connection, Row, by_name
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import BULK_CHANGE, IMPORT
from mailrith_lite.jobs.queue import Job

UndoAction = Literal["undo_bulk_change"]
UNDO_ACTION: Final[UndoAction] = "undo_bulk_change"
_COLUMNS = "action, target_id, filter, subscriber_ids, expected_count, last_id, after_id, undone_by"
_SELECTED = _COLUMNS.replace("subscriber_ids", "json_array_length(subscriber_ids) AS listed_count")
_TABLES = "bulk_changes JOIN jobs ON jobs.id = bulk_changes.job_id"

SkipReason = Literal["not_found", "changed_since"]
NOT_FOUND: Final[SkipReason] = "not_found"
CHANGED_SINCE: Final[SkipReason] = "changed_since"


class BulkChange(msgspec.Struct, frozen=True, kw_only=True):
    """One of three says who is changed: `selection`, `subscriber_ids`, or `UNDO_ACTION` with its job.

    `target_id`: the integer id of the tag, of the sequence, or of the bulk change that an undo takes back.
    `subscriber_ids`: integer ids, in ascending order; None in what this module selects, which has their number
    as `listed_count`: `select_listed` reads them. `expected_count`: nobody is changed unless so many people
    are to be changed. `last_id`: later subscribers are newer than the job. `after_id`: the checkpoint, the last
    subscriber that the job has looked at. `undone_by`: the integer id of the completed undo.
    """

    action: ActionName | UndoAction
    target_id: int | None = None
    selection: Selection | None = None
    subscriber_ids: list[int] | None = None
    listed_count: int | None = None
    expected_count: int | None = None
    last_id: int = 0
    after_id: int = 0
    undone_by: int | None = None


_ids_decoder = msgspec.json.Decoder(list[int])
_selection_decoder = msgspec.json.Decoder(Selection)


def _from_row(row: Row) -> BulkChange:
    chosen = row["filter"]
    return BulkChange(
        action=row["action"],
        target_id=row["target_id"],
        selection=None if chosen is None else _selection_decoder.decode(chosen),
        listed_count=row["listed_count"],
        expected_count=row["expected_count"],
        last_id=row["last_id"],
        after_id=row["after_id"],
        undone_by=row["undone_by"],
    )


async def insert_bulk_change(connection: Connection, job_id: int, change: BulkChange) -> None:
    await connection.execute(
        f"INSERT INTO bulk_changes (job_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job_id,
            change.action,
            change.target_id,
            _optional_json(change.selection),
            _optional_json(change.subscriber_ids),
            change.expected_count,
            change.last_id,
            change.after_id,
            change.undone_by,
        ),
    )


async def select_bulk_change(connection: Connection, workspace_id: int, job_id: int) -> BulkChange:
    return (await select_bulk_changes(connection, workspace_id, [job_id]))[job_id]


async def select_bulk_changes(
    connection: Connection, workspace_id: int, job_ids: Sequence[int]
) -> dict[int, BulkChange]:
    """Integer id of a job -> its bulk change."""
    rows = await connection.execute_fetchall(
        f"""SELECT job_id, {_SELECTED} FROM {_TABLES}
        WHERE +workspace_id = ? AND job_id IN (SELECT value FROM json_each(?))""",
        (workspace_id, msgspec.json.encode(job_ids).decode()),
    )
    return {row["job_id"]: _from_row(row) for row in rows}


async def select_listed(connection: Connection, workspace_id: int, job_id: int) -> list[int]:
    """The integer ids that the request lists, in ascending order; empty if it has a filter."""
    rows = await connection.execute_fetchall(
        f"""SELECT subscriber_ids FROM {_TABLES}
        WHERE +workspace_id = ? AND job_id = ? AND subscriber_ids IS NOT NULL""",
        (workspace_id, job_id),
    )
    return next((_ids_decoder.decode(row["subscriber_ids"]) for row in rows), [])


async def select_undo_checkpoint(connection: Connection, job_id: int) -> int:
    """The integer id of the last person that earlier undos of this bulk change have processed; 0 without one."""
    rows = await connection.execute_fetchall(
        f"""SELECT coalesce(max(after_id), 0) FROM bulk_changes
        WHERE target_id = ? AND action = '{UNDO_ACTION}'""",
        (job_id,),
    )
    return int(next(iter(rows))[0])


async def select_undos(connection: Connection, workspace_id: int, job_ids: Sequence[int]) -> dict[int, Job]:
    """Integer id of a bulk change -> its newest undo."""
    rows = await connection.execute_fetchall(
        f"""SELECT target_id, max(job_id) AS undo_id FROM json_each(?) AS listed
        CROSS JOIN bulk_changes ON target_id = listed.value AND action = '{UNDO_ACTION}'
        JOIN jobs ON jobs.id = job_id AND workspace_id = ? AND deleted_at IS NULL GROUP BY target_id""",
        (msgspec.json.encode(job_ids).decode(), workspace_id),
    )
    undos = {}
    for row in rows:
        job = await queue.select_job(connection, workspace_id, BULK_CHANGE, row["undo_id"])
        if job is not None:
            undos[row["target_id"]] = job
    return undos


async def select_any_with_target(connection: Connection, workspace_id: int, target: Target, number: int) -> bool:
    """Whether an unfinished bulk change, or the unfinished undo of one, names the tag or the sequence."""
    actions = [action.name for action in ACTIONS if action.target == target]
    rows = await connection.execute_fetchall(
        f"""SELECT EXISTS (SELECT 1 FROM jobs JOIN bulk_changes AS own ON own.job_id = jobs.id
            LEFT JOIN bulk_changes AS undone ON own.action = '{UNDO_ACTION}' AND undone.job_id = own.target_id
            WHERE completed_at IS NULL AND workspace_id = ?
                AND coalesce(undone.action, own.action) IN (SELECT value FROM json_each(?))
                AND coalesce(undone.target_id, own.target_id) = ?)""",
        (workspace_id, msgspec.json.encode(actions).decode(), number),
    )
    return bool(next(iter(rows))[0])


async def select_open_of_import(connection: Connection, workspace_id: int, import_job_id: int) -> int | None:
    """The integer id of an unfinished bulk change that selects the people of this import."""
    rows = await connection.execute_fetchall(
        f"""SELECT job_id FROM {_TABLES} WHERE completed_at IS NULL AND workspace_id = ?
            AND filter ->> '$.import_job_id' = ? LIMIT 1""",
        (workspace_id, IMPORT.encode(import_job_id)),
    )
    return next((int(row["job_id"]) for row in rows), None)


async def select_open_naming(connection: Connection, workspace_id: int, public_id: str) -> int | None:
    """The integer id of an unfinished bulk change whose filter names this resource."""
    rows = await connection.execute_fetchall(
        f"""SELECT job_id FROM {_TABLES}
        WHERE completed_at IS NULL AND workspace_id = ? AND instr(filter, ?) LIMIT 1""",
        (workspace_id, f'"{public_id}"'),
    )
    return next((int(row["job_id"]) for row in rows), None)


async def select_finished(connection: Connection, workspace_id: int) -> dict[int, Selection]:
    """Integer id of a finished job -> its selection, where that has a text that can name somebody."""
    rows = await connection.execute_fetchall(
        f"""SELECT job_id, filter FROM {_TABLES}
        WHERE workspace_id = ? AND completed_at IS NOT NULL AND filter <> '{{}}'""",
        (workspace_id,),
    )
    return {row["job_id"]: _selection_decoder.decode(row["filter"]) for row in rows}


async def update_selection(connection: Connection, job_id: int, selection: Selection) -> None:
    """Changes its texts."""
    await connection.execute(
        "UPDATE bulk_changes SET filter = ? WHERE job_id = ?", (_optional_json(selection), job_id)
    )


async def update_after_id(connection: Connection, job_id: int, after_id: int) -> None:
    await connection.execute("UPDATE bulk_changes SET after_id = ? WHERE job_id = ?", (after_id, job_id))


async def update_undone(connection: Connection, job_id: int, undone_by: int) -> None:
    """`job_id`: of the bulk change that the undo has taken back."""
    await connection.execute("UPDATE bulk_changes SET undone_by = ? WHERE job_id = ?", (undone_by, job_id))


async def insert_skips(connection: Connection, job_id: int, subscriber_ids: str, reason: SkipReason) -> None:
    """`subscriber_ids`: a JSON list."""
    await connection.execute(
        "INSERT INTO bulk_skips (job_id, subscriber_id, reason) SELECT ?, value, ? FROM json_each(?)",
        (job_id, reason, subscriber_ids),
    )


async def select_skips(connection: Connection, workspace_id: int, job_id: int, *, after_id: int) -> list[Skip]:
    """The next people that the job has skipped, by their integer ids."""
    rows = await connection.execute_fetchall(
        """SELECT subscriber_id, coalesce(email, '') AS email, reason FROM bulk_skips
        JOIN jobs ON jobs.id = job_id AND jobs.workspace_id = :workspace_id
        LEFT JOIN subscribers ON subscribers.id = subscriber_id AND +subscribers.workspace_id = :workspace_id
        WHERE job_id = :job_id AND subscriber_id > :after_id ORDER BY subscriber_id LIMIT :limit""",
        {"workspace_id": workspace_id, "job_id": job_id, "after_id": after_id, "limit": skips.PAGE_SIZE},
    )
    return [Skip(**by_name(row)) for row in rows]


stream_report = partial(skips.stream_report, select_skips, ("subscriber_id", "email", "reason"))


async def delete_skips(connection: Connection, job_id: int) -> bool:
    """Deletes the next skips of a job. Returns False if there were none."""
    cursor = await connection.execute(
        """DELETE FROM bulk_skips WHERE job_id = :job_id AND subscriber_id IN (
            SELECT subscriber_id FROM bulk_skips WHERE job_id = :job_id ORDER BY subscriber_id LIMIT :limit)""",
        {"job_id": job_id, "limit": skips.PAGE_SIZE},
    )
    return cursor.rowcount > 0


def _optional_json(value: Selection | list[int] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
