"""Runs an undo: deletes the people that the import created, restores those that it changed, then deletes what is
unused of its tags and custom fields.

Each chunk is one transaction with its counters and its checkpoint.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from mailrith_lite import clock
from mailrith_lite.audience import bulk, changes, deletion, memberships
from mailrith_lite.audience.changes import Origin
from mailrith_lite.audience.custom_fields import select_all_custom_fields
from mailrith_lite.database import Connection, Database
from mailrith_lite.imports.undo import change_table, leftovers, restoration, undo_table
from mailrith_lite.imports.undo.change_table import IdRange
from mailrith_lite.imports.undo.leftovers import IsNamed
from mailrith_lite.imports.undo.restoration import Restoration
from mailrith_lite.imports.undo.undo_table import Undo
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.pace import Pace
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.run import Run
from mailrith_lite.webhooks.events import Source
from mailrith_lite.webhooks.outbox import Outbox

_MAX_CHUNK_ROWS = 6_000


class _Work(msgspec.Struct, kw_only=True):
    """How far a run is."""

    run: Run
    undo: Undo
    progress: Progress
    pace: Pace

    @property
    def rows(self) -> int:
        """How many people the next chunk has at most."""
        return min(self.pace.rows, self.run.chunk_rows or _MAX_CHUNK_ROWS)


class UndoPipeline:
    def __init__(self, database: Database, outbox: Outbox, is_named_by_job: IsNamed) -> None:
        """`is_named_by_job`: whether an unfinished export or bulk change names a tag or custom field."""
        self._database = database
        self._outbox = outbox
        self._is_named_by_job = is_named_by_job

    async def run(self, run: Run) -> None:
        job = run.job
        async with self._database.read() as connection:
            undo = await undo_table.select_undo(connection, job.workspace_id, job.id)
            ranges = await change_table.select_ranges(connection, undo.import_job_id)
        work = _Work(run=run, undo=undo, progress=job.progress, pace=Pace(self._database, _MAX_CHUNK_ROWS))
        if job.progress.rows_total is None:
            await self._count(work)
        await self._delete_created(work, ranges)
        await self._restore_changed(work)
        await self._finish(work)

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        """Does nothing: the last checkpoint has all counts."""

    async def tidy(self, job: Job) -> None:
        """Does nothing: an undo has no files."""

    async def _count(self, work: _Work) -> None:
        job = work.run.job
        async with self._database.read() as connection:
            total = await change_table.select_people_count(connection, job.workspace_id, work.undo.import_job_id)
        work.progress = Progress(rows_total=total)
        async with self._database.write(changes="nobody") as connection:
            await queue.update_checkpoint(connection, job.id, work.progress, clock.now())

    async def _delete_created(self, work: _Work, ranges: Sequence[IdRange]) -> None:
        for created in ranges:
            while created.last_id > work.undo.created_after:
                work.run.check()
                rows = work.rows
                with work.pace.measure(rows):
                    await self._delete_chunk(work, created, rows)
                await work.run.step()

    async def _delete_chunk(self, work: _Work, created: IdRange, rows: int) -> None:
        job, import_job_id = work.run.job, work.undo.import_job_id
        async with self._database.write(changes=job.workspace_id, bulk=True) as connection:
            first_id = max(created.first_id, work.undo.created_after + 1)
            chunk = await change_table.select_created(
                connection, job.workspace_id, import_job_id, first_id, created.last_id, limit=rows
            )
            deleted = await deletion.delete_subscribers(connection, job.workspace_id, chunk.unchanged)
            await undo_table.insert_skips(connection, job.id, chunk.skipped)
            undo = msgspec.structs.replace(work.undo, created_after=chunk.last_id)
            await self._save(connection, work, undo, deleted=deleted, skipped=chunk.skipped_count)

    async def _restore_changed(self, work: _Work) -> None:
        more = True
        while more:
            work.run.check()
            rows = work.rows
            with work.pace.measure(rows):
                more = await self._restore_chunk(work, rows)
            if more:
                await work.run.step()

    async def _restore_chunk(self, work: _Work, rows: int) -> bool:
        """Returns False if there are no more people."""
        job, import_job_id = work.run.job, work.undo.import_job_id
        async with self._database.write(changes=job.workspace_id) as connection:
            fields = {field.id: field for field in await select_all_custom_fields(connection, job.workspace_id)}
            batch = await change_table.select_changed(
                connection, job.workspace_id, import_job_id, after_id=work.undo.changed_after, limit=rows
            )
            planned = await asyncio.to_thread(restoration.plan, batch, fields)
            if planned is None:
                return False
            await self._apply(connection, job, import_job_id, planned)
            await undo_table.insert_skips(connection, job.id, planned.skipped)
            undo = msgspec.structs.replace(work.undo, changed_after=planned.last_id)
            await self._save(connection, work, undo, restored=planned.restored_count, skipped=planned.skipped_count)
        return True

    async def _apply(self, connection: Connection, job: Job, import_job_id: int, planned: Restoration) -> None:
        now = clock.now()
        await bulk.update_states(connection, job.workspace_id, planned.states, planned.standings, now)
        await memberships.delete_tags(connection, planned.tags)
        await memberships.delete_sequences(connection, planned.joined)
        await memberships.update_sequences_removed(connection, planned.rejoined)
        origin = Origin(source=changes.BY_UNDO, job_id=job.id)
        change_id = await changes.insert_change(connection, job.workspace_id, origin, now)
        await change_table.update_restored(connection, import_job_id, change_id, planned.restored)
        await self._outbox.record_alterations(
            connection, job.workspace_id, Source.of_job(job), planned.altered, now
        )

    async def _finish(self, work: _Work) -> None:
        """The total becomes the number of processed people: some may have been deleted after they were counted."""
        job = work.run.job
        async with self._database.write(changes=job.workspace_id) as connection:
            await leftovers.delete_unused(
                connection, job.workspace_id, work.undo.import_job_id, self._is_named_by_job, clock.now()
            )
            progress = msgspec.structs.replace(work.progress, rows_total=work.progress.rows_processed)
            await queue.update_checkpoint(connection, job.id, progress, clock.now())

    async def _save(
        self,
        connection: Connection,
        work: _Work,
        undo: Undo,
        *,
        restored: int = 0,
        deleted: int = 0,
        skipped: int = 0,
    ) -> None:
        """Writes the checkpoint as the last part of the chunk's transaction."""
        before = work.progress
        progress = Progress(
            rows_total=before.rows_total,
            rows_processed=before.rows_processed + restored + deleted + skipped,
            restored_count=before.restored_count + restored,
            deleted_count=before.deleted_count + deleted,
            skipped_count=before.skipped_count + skipped,
        )
        await undo_table.update_undo(connection, work.run.job.id, undo)
        await queue.update_checkpoint(connection, work.run.job.id, progress, clock.now())
        work.undo, work.progress = undo, progress
