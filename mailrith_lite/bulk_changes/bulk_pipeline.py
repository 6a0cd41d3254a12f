"""Runs a bulk change, or the undo of one: chunk after chunk, in the order of the subscribers' ids.

Each chunk is one transaction with its history, its events, its counters and its checkpoint. A reader looks for the
people of a chunk, so that nobody waits to write meanwhile; the transaction changes those who still match.
"""

import msgspec

from mailrith_lite import clock, errors
from mailrith_lite.access import workspaces
from mailrith_lite.audience import selection, sequences, subscribers, tags
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.bulk_changes import actions, bulk_chunk, bulk_table, selected_people
from mailrith_lite.bulk_changes.actions import Action
from mailrith_lite.bulk_changes.bulk_table import CHANGED_SINCE, NOT_FOUND, UNDO_ACTION, BulkChange
from mailrith_lite.bulk_changes.selected_people import Batch
from mailrith_lite.database import Connection, Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.pace import Pace
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.run import JobFailed, Run
from mailrith_lite.webhooks.outbox import Outbox

_MAX_CHUNK_ROWS = 6_000


class _Work(msgspec.Struct, kw_only=True):
    """How far a run is. `target`: the bulk change whose action it does, or takes back: for an undo, another one.

    `filter`: as it was when the people of this chunk were selected.
    """

    run: Run
    change: BulkChange
    target: BulkChange
    progress: Progress
    pace: Pace
    filter: SubscriberFilter = msgspec.field(default_factory=SubscriberFilter)

    @property
    def undoes(self) -> bool:
        return self.change.action == UNDO_ACTION

    @property
    def action(self) -> Action:
        return actions.BY_NAME[self.target.action]

    @property
    def rows(self) -> int:
        """How many people the next chunk has at most."""
        return min(self.pace.rows, self.run.chunk_rows or _MAX_CHUNK_ROWS)


class BulkPipeline:
    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def run(self, run: Run) -> None:
        job = run.job
        async with self._database.read() as connection:
            change = target = await bulk_table.select_bulk_change(connection, job.workspace_id, job.id)
            if change.action == UNDO_ACTION and change.target_id is not None:
                target = await bulk_table.select_bulk_change(connection, job.workspace_id, change.target_id)
            if change.listed_count is not None:
                listed = await bulk_table.select_listed(connection, job.workspace_id, job.id)
                change = msgspec.structs.replace(change, subscriber_ids=listed)
        pace = Pace(self._database, _MAX_CHUNK_ROWS)
        work = _Work(run=run, change=change, target=target, progress=job.progress, pace=pace)
        if job.progress.rows_total is None:
            await self._count(work)
        more = True
        while more:
            run.check()
            rows = work.rows
            with work.pace.measure(rows):
                more = await (self._undo_chunk(work, rows) if work.undoes else self._change_chunk(work, rows))
            if more:
                await run.step()
        await self._finish(work)

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        """Notes that a bulk change is undone. The last checkpoint has all counts."""
        change = await bulk_table.select_bulk_change(connection, job.workspace_id, job.id)
        if change.action == UNDO_ACTION and change.target_id is not None:
            await bulk_table.update_undone(connection, change.target_id, job.id)

    async def tidy(self, job: Job) -> None:
        """Does nothing: a bulk change has no files."""

    async def _count(self, work: _Work) -> None:
        """
        Raises:
            JobFailed: there are more or fewer people than the request expects.
        """
        job, change = work.run.job, work.change
        async with self._database.snapshot() as connection:
            if work.undoes:
                assert change.target_id is not None
                people = total = await bulk_chunk.select_undone_count(
                    connection, job.workspace_id, change.target_id, after_id=change.after_id
                )
            elif change.subscriber_ids is not None:
                total = len(change.subscriber_ids)
                people = await subscribers.select_known_count(connection, job.workspace_id, change.subscriber_ids)
            else:
                await _resolve(work, connection)
                people = total = await selected_people.select_count(
                    connection, job.workspace_id, work.filter, last_id=change.last_id, now=clock.now()
                )
        if change.expected_count not in (None, people):
            raise JobFailed(_unexpected(people, change.expected_count))
        work.progress = Progress(rows_total=total)
        async with self._database.write(changes="nobody") as connection:
            await queue.update_checkpoint(connection, job.id, work.progress, clock.now())

    async def _change_chunk(self, work: _Work, rows: int) -> bool:
        """Returns False if there are no more people."""
        job, change, action = work.run.job, work.change, work.action
        batch = await self._next_batch(work, rows)
        if batch.last_id is None:
            return False
        async with self._database.write(changes=job.workspace_id, bulk=True) as connection:
            if not await _has_target(connection, job.workspace_id, work.target):
                raise JobFailed(f"The {action.target} of this job was deleted; the people after it are unchanged.")
            now = clock.now()
            split = await bulk_chunk.select_split(
                connection, job.workspace_id, action, change.target_id, work.filter, batch.listed, now
            )
            _check_expected(work, split.matched)
            skipped = 0
            if change.subscriber_ids is not None and split.matched < batch.count:
                skipped = batch.count - split.matched
                unknown = await bulk_chunk.select_unknown(connection, job.workspace_id, batch.listed)
                await bulk_table.insert_skips(connection, job.id, unknown, NOT_FOUND)
            await bulk_chunk.apply(connection, self._outbox, job, action, change.target_id, split, now)
            unchanged = split.matched - split.altered_count
            await self._save(
                connection, work, batch.last_id, changed=split.altered_count, unchanged=unchanged, skipped=skipped
            )
        return True

    async def _next_batch(self, work: _Work, rows: int) -> Batch:
        if work.change.subscriber_ids is not None:
            return selected_people.next_listed(work.change, rows)
        async with self._database.read() as connection:
            await _resolve(work, connection)
            return await selected_people.select_matching(
                connection,
                work.run.job.workspace_id,
                work.filter,
                after_id=work.change.after_id,
                last_id=work.change.last_id,
                limit=rows,
                now=clock.now(),
            )

    async def _undo_chunk(self, work: _Work, rows: int) -> bool:
        """Returns False if there are no more people. Without the tag or sequence, there is nothing to restore."""
        job, undone_id = work.run.job, work.change.target_id
        assert undone_id is not None
        async with self._database.write(changes=job.workspace_id) as connection:
            chunk = await bulk_chunk.select_undone(
                connection, job.workspace_id, undone_id, after_id=work.change.after_id, limit=rows
            )
            if chunk.last_id is None:
                return False
            now = clock.now()
            await bulk_table.insert_skips(connection, job.id, chunk.skipped, CHANGED_SINCE)
            changed = len(chunk.restored)
            if not await _has_target(connection, job.workspace_id, work.target):
                await bulk_chunk.update_restored(connection, job.workspace_id, chunk.restored, now)
                changed = 0
            elif chunk.restored:
                await bulk_chunk.restore(connection, self._outbox, job, undone_id, chunk.restored, now)
            await self._save(
                connection,
                work,
                chunk.last_id,
                changed=changed,
                unchanged=len(chunk.restored) - changed,
                skipped=chunk.skipped_count,
            )
        return True

    async def _finish(self, work: _Work) -> None:
        """The total becomes the number of people who were looked at: some may match no more, or no longer exist."""
        job = work.run.job
        progress = msgspec.structs.replace(work.progress, rows_total=work.progress.rows_processed)
        async with self._database.write(changes="nobody") as connection:
            await queue.update_checkpoint(connection, job.id, progress, clock.now())

    async def _save(
        self, connection: Connection, work: _Work, after_id: int, *, changed: int, unchanged: int, skipped: int
    ) -> None:
        """Writes the checkpoint as the last part of the chunk's transaction."""
        before, job = work.progress, work.run.job
        progress = msgspec.structs.replace(
            before,
            rows_processed=before.rows_processed + changed + unchanged + skipped,
            changed_count=before.changed_count + changed,
            unchanged_count=before.unchanged_count + unchanged,
            skipped_count=before.skipped_count + skipped,
        )
        await bulk_table.update_after_id(connection, job.id, after_id)
        await queue.update_checkpoint(connection, job.id, progress, clock.now())
        work.change = msgspec.structs.replace(work.change, after_id=after_id)
        work.progress = progress


async def _resolve(work: _Work, connection: Connection) -> None:
    """Reads what the filter names, such as a segment, which can change while the job runs.

    Raises:
        JobFailed: a custom field of the filter was deleted, or has another type now.
    """
    workspace_id, chosen = work.run.job.workspace_id, work.change.selection
    if chosen is None:
        return
    workspace = await workspaces.select_own(connection, workspace_id)
    try:
        work.filter = await selection.resolve(
            connection, workspace_id, chosen, time_zone=workspace.time_zone, now=clock.now()
        )
    except errors.InvalidRequest as error:
        raise JobFailed(f"The filter of this job no longer works: {error.message}") from error


async def _has_target(connection: Connection, workspace_id: int, change: BulkChange) -> bool:
    """Whether the tag or sequence of the bulk change exists; True if it has none."""
    target = actions.BY_NAME[change.action].target
    if target is None or change.target_id is None:
        return True
    if target == "tag":
        return bool(await tags.select_known_tag_ids(connection, workspace_id, [change.target_id]))
    return bool(await sequences.select_known_sequence_ids(connection, workspace_id, [change.target_id]))


def _check_expected(work: _Work, matched: int) -> None:
    """`matched`: the people of the next chunk. Listed people who do not exist do not count.

    Raises:
        JobFailed: with this chunk, the job changes more people than the request expects.
    """
    expected, progress = work.change.expected_count, work.progress
    people = progress.changed_count + progress.unchanged_count
    if expected is not None and people + matched > expected:
        raise JobFailed(
            f"More people match now than the {expected:,} that the request expects, so the job stopped after "
            f"{people:,}; look at who is selected, and start again with the number."
        )


def _unexpected(total: int, expected: int | None) -> str:
    return (
        f"The job is for {total:,} people, and the request expects {expected:,}; nobody was changed. "
        "Look at who is selected, and start again with the number."
    )
