"""Runs an export: one snapshot becomes one file. A file with its final name is complete."""

import asyncio
import itertools
import os
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from mailrith_lite import clock, disk, errors
from mailrith_lite.access import workspaces
from mailrith_lite.audience import selection, subscribers
from mailrith_lite.audience.custom_fields import select_all_custom_fields
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.segments import segment_query
from mailrith_lite.database import Connection, Database
from mailrith_lite.exports import batch_query, export_table
from mailrith_lite.exports.batch_query import BatchQuery, Span
from mailrith_lite.exports.file_columns import chosen_columns
from mailrith_lite.exports.writer import Writer
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.run import JobFailed, Run

TOO_LARGE = "The export needs more space than the service's disk has. Free some space, or export fewer subscribers."
_READERS = 2
"""How many batches SQLite reads at the same time. More would leave the API without a processor."""
PROGRESS_SECONDS = 1.0
"""A running export saves its progress so often."""
_SHORT_ID = slice(-13, -5)
_FILE_NAME = re.compile(rf"{EXPORT.id_prefix}_.*")


class ExportPipeline:
    def __init__(self, database: Database, directory: Path, *, formula_guard: bool, ttl: int) -> None:
        """`directory`: of the files. `ttl`: seconds for which a file can be downloaded."""
        self._database = database
        self._directory = directory
        self._formula_guard = formula_guard
        self._ttl = ttl

    async def run(self, run: Run) -> None:
        part = self._part(run.job)
        try:
            with disk.create_private(part) as file:
                count = await self._write(run, file)
                await asyncio.to_thread(disk.sync_file, file)
        except BaseException as error:
            await disk.remove(part)  # first of all: on a full disk, the state of the job needs the space
            if disk.is_full(error) and disk.has_room(self._directory):  # so the file was too large
                raise JobFailed(TOO_LARGE) from error
            raise
        await asyncio.to_thread(_rename, part, file_path(self._directory, run.job.public_id), clock.now())
        async with self._database.write(changes="nobody") as connection:
            progress = Progress(rows_total=count, rows_processed=count)
            await queue.update_checkpoint(connection, run.job.id, progress, clock.now())

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        file_name = f"subscribers-{clock.rfc3339(now)[:10]}-{job.public_id[_SHORT_ID]}.csv"
        await export_table.update_file(connection, job.id, file_name, now + self._ttl * clock.SECOND)

    async def tidy(self, job: Job) -> None:
        """Deletes the files of a job that did not complete."""
        async with self._database.read() as connection:
            export = await export_table.select_export(connection, job.workspace_id, job.id)
        if export.file_name is None:
            await disk.remove(self._part(job), file_path(self._directory, job.public_id))

    async def sweep(self) -> None:
        """Deletes the incomplete files of a process that died. Call it before any job runs."""
        async with self._database.read() as connection:
            named = await named_files(connection)
        await disk.sweep(self._directory, named)

    async def remove_expired(self) -> None:
        """Deletes the files whose link has expired, before it writes: on a full disk this makes room."""
        now = clock.now()
        async with self._database.read() as connection:
            expired = await export_table.select_expired_ids(connection, now)
        if expired:
            await disk.remove(*(file_path(self._directory, EXPORT.encode(job_id)) for job_id in expired))
            async with self._database.write(changes="nobody") as connection:
                await export_table.update_file_removed(connection, expired, now)

    def _part(self, job: Job) -> Path:
        return self._directory / f"{job.public_id}.csv.part"

    async def _write(self, run: Run, file: BinaryIO) -> int:
        """Writes the whole file and returns the number of subscribers."""
        async with self._database.snapshots(1 + _READERS) as (planner, *readers):
            writer, query, total = await self._prepare(planner, run.job, clock.now())
            await asyncio.to_thread(file.write, writer.header())
            progress = _RunningProgress(self._database, run.job, total)
            return await _write_rows(run, file, query, writer, planner, readers, progress)

    async def _prepare(self, connection: Connection, job: Job, now: int) -> tuple[Writer, BatchQuery, int]:
        """With the number of selected subscribers.

        Raises:
            JobFailed: the undo of an import has deleted something that the export names.
        """
        export = await export_table.select_export(connection, job.workspace_id, job.id)
        fields = await select_all_custom_fields(connection, job.workspace_id)
        workspace = await workspaces.select_own(connection, job.workspace_id)
        try:
            columns = chosen_columns(export.order.columns, fields)
            selected = await selection.resolve(
                connection, job.workspace_id, export.order.selection, time_zone=workspace.time_zone, now=now
            )
        except errors.InvalidRequest as error:
            raise JobFailed(error.message) from error
        separators = await batch_query.select_has_separators(connection, job.workspace_id)
        writer = Writer(columns, formula_guard=self._formula_guard, list_separators=separators)
        total = await _select_total(connection, job.workspace_id, selected, now)
        return writer, BatchQuery(job.workspace_id, selected, columns, now), total


async def _select_total(connection: Connection, workspace_id: int, selected: SubscriberFilter, now: int) -> int:
    """The number of everybody is at hand; that of a filter is counted."""
    if selected == SubscriberFilter():
        return await subscribers.select_count(connection, workspace_id)
    counts = await segment_query.select_counts(connection, selected.query(workspace_id, now))
    return counts.total


class _RunningProgress:
    """Saves how many rows are written, for whoever follows the job. A later attempt begins again at 0."""

    def __init__(self, database: Database, job: Job, total: int) -> None:
        self._database = database
        self._job = job
        self._total = total
        self._saved_at = monotonic()

    async def note(self, written: int) -> None:
        """
        Raises:
            NotProcessing: the job was canceled.
        """
        if monotonic() - self._saved_at < PROGRESS_SECONDS:
            return
        self._saved_at = monotonic()
        async with self._database.write(changes="nobody") as connection:
            progress = Progress(rows_total=self._total, rows_processed=written)
            await queue.update_checkpoint(connection, self._job.id, progress, clock.now(), resumable=False)


async def _write_rows(
    run: Run,
    file: BinaryIO,
    query: BatchQuery,
    writer: Writer,
    planner: Connection,
    readers: Sequence[Connection],
    progress: _RunningProgress,
) -> int:
    """Writes all rows and returns their number. The readers work on batches that follow one another."""

    async def lines(reader: Connection, span: Span) -> tuple[bytes, int]:
        return await asyncio.to_thread(writer.lines, await query.select_rows(reader, span)), span.count

    next_readers = itertools.cycle(readers)
    running: deque[asyncio.Task[tuple[bytes, int]]] = deque()
    written = 0
    try:
        span = await query.select_span(planner, 0)
        while span or running:
            run.check()
            if span:
                running.append(asyncio.create_task(lines(next(next_readers), span)))
                span = await query.select_span(planner, span.last_id)
            if not span or len(running) > len(readers):
                text, count = await running.popleft()
                await asyncio.to_thread(file.write, text)
                written += count
                await progress.note(written)
                await run.step()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return written


async def named_files(connection: Connection) -> disk.NamedFiles:
    """The files of completed exports that have not been deleted yet."""
    job_ids = await export_table.select_ids_with_file(connection)
    names = {_file_name(EXPORT.encode(job_id)) for job_id in job_ids}
    return disk.NamedFiles(pattern=_FILE_NAME, required=names)


def file_path(directory: Path, public_job_id: str) -> Path:
    """The path of the file of a completed export."""
    return directory / _file_name(public_job_id)


def _file_name(public_job_id: str) -> str:
    return f"{public_job_id}.csv"


def _rename(part: Path, final: Path, now: int) -> None:
    """Renames the file after its content is on the disk, so a file with its final name is complete."""
    os.utime(part, ns=(now * 1_000_000, now * 1_000_000))  # for Last-Modified and ETag
    part.rename(final)
    disk.sync_directory(final.parent)
