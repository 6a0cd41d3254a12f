"""Runs an import in two passes: the first reads the whole file, the second applies its rows in chunks."""

import functools
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from mailrith_lite import clock, disk, errors, metrics
from mailrith_lite.access.workspaces import select_own
from mailrith_lite.audience import bulk, dry_run, row_lists, tags
from mailrith_lite.audience.bulk_plan import Change, Outcome
from mailrith_lite.audience.custom_fields import CustomField, select_all_custom_fields
from mailrith_lite.database import Connection, Database
from mailrith_lite.imports import decisions, first_pass, import_table, new_fields, records, report
from mailrith_lite.imports.batches import MAX_CHUNK_ROWS, Batches, SourceFile, open_source
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.row_task import RowTask
from mailrith_lite.imports.rows import Row, RowError, RowReader
from mailrith_lite.imports.undo import change_table
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.pace import Pace
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.run import JobFailed, Run
from mailrith_lite.webhooks.events import Source
from mailrith_lite.webhooks.outbox import Outbox

_DRY_RUN_TOO_LARGE = "The dry run needs more space than the service's disk has. Free some space, or split the file."
_FILE_NAME = re.compile(r"[0-9a-f]{32}\.(?:csv|body|dry|task)")
"""A source, a request body that was being received, the database of a dry run, or the task of a first pass."""


_Write = Callable[[Sequence[Row], Progress, Batches], Awaitable[Progress]]


class ImportPipeline:
    def __init__(
        self, database: Database, outbox: Outbox, directory: Path, *, formula_guard: bool, keeps_images: bool
    ) -> None:
        """`directory` holds the source files. `keeps_images`: imports that begin can be undone."""
        self._database = database
        self._outbox = outbox
        self._directory = directory
        self._formula_guard = formula_guard
        self._keeps_images = keeps_images

    async def run(self, run: Run) -> None:
        """
        Raises:
            JobFailed: the file cannot be read. Nothing was imported.
        """
        job = run.job
        async with self._database.read() as connection:
            plan = await import_table.select_import(connection, job.workspace_id, job.id)
        path = self._directory / plan.source
        if not path.is_file():  # the database was restored from a backup, which does not contain the files
            raise JobFailed("The rows of this import are no longer there; send the import again.")
        async with open_source(path) as source:
            if job.dry_run:
                await self._try_dry(run, plan, path, source)
            else:
                await self._import(run, plan, path, source)

    async def _import(self, run: Run, plan: ImportPlan, path: Path, source: SourceFile) -> None:
        job, progress = run.job, run.job.progress
        if progress.rows_total is None:
            plan, progress = await self._begin(job, *await self._first_pass(run, plan, path))
        async with self._database.read() as connection:
            task = await self._row_task(connection, job, plan)
        write = functools.partial(self._apply_chunk, job, plan, task.reader())
        await self._write_chunks(run, source, task, progress, write)

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        """Does nothing: the checkpoint of the last chunk has all counts."""

    async def tidy(self, job: Job) -> None:
        """Deletes the source file; the report and the counters stay."""
        async with self._database.read() as connection:
            plan = await import_table.select_import(connection, job.workspace_id, job.id)
        await disk.remove(self._directory / plan.source)

    async def sweep(self) -> None:
        """Deletes the files that no unfinished job names. Call it before the first request."""
        async with self._database.read() as connection:
            named = await named_files(connection)
        await disk.sweep(self._directory, named)

    async def _first_pass(self, run: Run, plan: ImportPlan, path: Path) -> tuple[ImportPlan, Progress]:
        """Reads the whole file. Returns the plan with the formats of its columns.

        Raises:
            JobFailed: the file cannot be read, or cannot be imported in this way.
        """
        workspace_id = run.job.workspace_id
        async with self._database.read() as connection:
            fields = await select_all_custom_fields(connection, workspace_id)
            tag_count = await tags.select_count(connection, workspace_id)
        types = {field.id: field.type for field in fields}
        task = decisions.first_task(plan, types, tag_count, formula_guard=self._formula_guard)
        try:
            findings = await first_pass.read_file(path, task, run.check)
        except records.BrokenFile as error:
            raise JobFailed(f"The file cannot be read: {error}. Nothing was imported.") from None
        async with self._database.read() as connection:
            await decisions.check_tags(connection, workspace_id, plan.columns, findings)
        columns = decisions.with_formats(plan.columns, findings)
        return msgspec.structs.replace(plan, columns=columns), Progress(rows_total=findings.rows)

    async def _begin(self, job: Job, plan: ImportPlan, progress: Progress) -> tuple[ImportPlan, Progress]:
        """After the first pass: saves the total, and creates the new tag and the new custom fields."""
        async with self._database.write(changes="nobody") as connection:
            now = clock.now()
            tag_ids = plan.tag_ids
            if plan.new_tag_name is not None:
                tag_id = await tags.select_tag_id(connection, job.workspace_id, plan.new_tag_name)
                if tag_id is None:
                    tag_id = await tags.insert_tag(connection, job.workspace_id, plan.new_tag_name, None, now)
                    await change_table.insert_made(connection, job.id, "tag", [tag_id])
                tag_ids = list(dict.fromkeys([*tag_ids, tag_id]))
            try:
                columns, made = await new_fields.insert_fields(connection, job.workspace_id, plan.columns, now)
            except errors.InvalidRequest as error:
                raise JobFailed(f"{error} Nothing was imported.") from None
            await change_table.insert_made(connection, job.id, "custom_field", made)
            await import_table.update_begun(connection, job.id, columns=columns, tag_ids=tag_ids)
            if self._keeps_images:
                await import_table.update_images(connection, job.id, "kept")
            await queue.update_checkpoint(connection, job.id, progress, now)
            return await import_table.select_import(connection, job.workspace_id, job.id), progress

    async def _try_dry(self, run: Run, plan: ImportPlan, path: Path, source: SourceFile) -> None:
        try:
            await self._run_dry(run, plan, path, source)
        except errors.StorageFull as error:
            if disk.has_room(self._directory):  # so the scratch database was too large
                raise JobFailed(_DRY_RUN_TOO_LARGE) from error
            raise

    async def _run_dry(self, run: Run, plan: ImportPlan, path: Path, source: SourceFile) -> None:
        """Plans every chunk against a snapshot of the audience. A dry run that was interrupted starts again."""
        job = run.job
        plan, progress = await self._first_pass(run, plan, path)
        await self._reset(job, plan, progress)
        async with dry_run.open_dry_run(self._database, path.with_suffix(".dry")) as trial:
            tag_ids = plan.tag_ids
            if plan.new_tag_name is not None:
                tag_id = await tags.select_tag_id(trial.connection, job.workspace_id, plan.new_tag_name)
                tag_ids = [*tag_ids, trial.add_new_tag(plan.new_tag_name) if tag_id is None else tag_id]
            columns, planned = await new_fields.plan_fields(trial.connection, job.workspace_id, plan.columns)
            plan = msgspec.structs.replace(plan, columns=columns)
            task = await self._row_task(trial.connection, job, plan, planned)
            plan_chunk = functools.partial(
                trial.plan, job.workspace_id, tag_ids=tag_ids, sequence_ids=plan.sequence_ids
            )
            write = functools.partial(self._plan_chunk, job, task.reader(), plan_chunk)
            await self._write_chunks(run, source, task, progress, write)

    async def _reset(self, job: Job, plan: ImportPlan, progress: Progress) -> None:
        """Deletes the results of an interrupted dry run."""
        more = True
        while more:
            async with self._database.write(changes="nobody") as connection:
                more = await report.delete_row_errors(connection, job.id)
        async with self._database.write(changes="nobody") as connection:
            await import_table.update_begun(connection, job.id, columns=plan.columns, tag_ids=plan.tag_ids)
            await queue.update_checkpoint(connection, job.id, progress, clock.now(), resumable=False)

    async def _row_task(
        self, connection: Connection, job: Job, plan: ImportPlan, planned: Sequence[CustomField] = ()
    ) -> RowTask:
        """`planned`: the custom fields that the import would create."""
        fields = await select_all_custom_fields(connection, job.workspace_id)
        workspace = await select_own(connection, job.workspace_id)
        return RowTask(
            layout=plan.layout,
            columns=plan.columns,
            fields=[*fields, *planned],
            formula_guard=self._formula_guard,
            time_zone=workspace.time_zone,
            now=clock.now(),
            options=plan.options,
        )

    async def _write_chunks(
        self, run: Run, source: SourceFile, task: RowTask, progress: Progress, write: _Write
    ) -> None:
        """Calls `write` with each chunk of the rows that the progress does not include yet."""
        pace = Pace(self._database, MAX_CHUNK_ROWS)
        async with source.batches(task, skip=progress.rows_processed, check=run.check) as batches:
            while batch := await batches.next():
                begin = 0
                while begin < len(batch):
                    run.check()
                    chunk = batch[begin : begin + min(pace.rows, run.chunk_rows or MAX_CHUNK_ROWS)]
                    try:
                        with pace.measure(len(chunk)), metrics.CHUNK_SECONDS.time():
                            before, progress = progress, await write(chunk, progress, batches)
                    except bulk.ChunkTooLarge:
                        pace.halve(len(chunk))
                    else:
                        begin += len(chunk)
                        if not run.job.dry_run:
                            _count_rows(before, progress)
                        await run.step()

    async def _apply_chunk(
        self,
        job: Job,
        plan: ImportPlan,
        reader: RowReader,
        chunk: Sequence[Row],
        progress: Progress,
        batches: Batches,
    ) -> Progress:
        """Writes subscribers, memberships, events, row errors, counters and checkpoint in one transaction."""
        source = Source.of_job(job)
        async with self._database.write(changes=job.workspace_id, bulk=True) as connection:
            now = clock.now()
            changes = _changes(chunk)
            lists = await row_lists.resolve(connection, job.workspace_id, changes, now)
            chunk_plan = await bulk.plan(
                connection,
                job.workspace_id,
                changes,
                tag_ids=plan.tag_ids,
                sequence_ids=plan.sequence_ids,
                lists=lists,
                job_id=job.id,
            )
            batches.read_ahead()  # only now: planning and parsing in two threads would slow each other down
            change_id = None
            if plan.keeps_images:
                change_id = await change_table.insert_chunk(connection, job.workspace_id, job.id, chunk_plan, now)
            await bulk.apply(connection, job.workspace_id, chunk_plan, now)
            await change_table.insert_made(connection, job.id, "tag", lists.new_tags)
            if plan.keeps_images:
                await change_table.insert_plan(connection, job.id, change_id, chunk_plan)
            await self._outbox.record_chunk(connection, job.workspace_id, source, chunk_plan, now)
            return await _record(connection, job, reader, chunk, progress, chunk_plan.outcome, now)

    async def _plan_chunk(
        self,
        job: Job,
        reader: RowReader,
        plan_chunk: Callable[[Sequence[Change]], Awaitable[Outcome]],
        chunk: Sequence[Row],
        progress: Progress,
        batches: Batches,
    ) -> Progress:
        """Writes row errors and counters only. Plans before the transaction, so that the lock is held briefly."""
        outcome = await plan_chunk(_changes(chunk))
        batches.read_ahead()
        async with self._database.write(changes="nobody") as connection:
            return await _record(connection, job, reader, chunk, progress, outcome, clock.now())


async def named_files(connection: Connection) -> disk.NamedFiles:
    """The source files of unfinished imports."""
    sources = await import_table.select_open_sources(connection)
    return disk.NamedFiles(pattern=_FILE_NAME, required=sources)


def _changes(chunk: Sequence[Row]) -> list[Change]:
    return [row.change for row in chunk if row.change is not None]


def _count_rows(before: Progress, after: Progress) -> None:
    """Call it after the commit."""
    metrics.ROWS.labels("created").inc(after.created_count - before.created_count)
    metrics.ROWS.labels("updated").inc(after.updated_count - before.updated_count)
    metrics.ROWS.labels("unchanged").inc(after.unchanged_count - before.unchanged_count)
    metrics.ROWS.labels("rejected").inc(after.rejected_count - before.rejected_count)


async def _record(
    connection: Connection,
    job: Job,
    reader: RowReader,
    chunk: Sequence[Row],
    progress: Progress,
    outcome: Outcome,
    now: int,
) -> Progress:
    """Writes the row errors and the counters of a chunk."""
    row_errors = list(_report(reader, chunk, outcome))
    rejected = sum(not error.warning for error in row_errors)
    if row_errors:
        await report.insert_row_errors(connection, job.id, row_errors)
    progress = Progress(
        rows_total=progress.rows_total,
        rows_processed=progress.rows_processed + len(chunk),
        created_count=progress.created_count + outcome.created,
        updated_count=progress.updated_count + outcome.updated,
        unchanged_count=progress.unchanged_count + outcome.unchanged,
        rejected_count=progress.rejected_count + rejected,
        warning_count=progress.warning_count + len(row_errors) - rejected,
    )
    await queue.update_checkpoint(connection, job.id, progress, now, resumable=not job.dry_run)
    return progress


def _report(reader: RowReader, chunk: Sequence[Row], outcome: Outcome) -> Iterator[RowError]:
    """The refusals and warnings of a chunk, in the order of the file."""
    kept = set(outcome.status_kept)
    for row in chunk:
        if row.error is not None:
            yield row.error
        yield from row.left_out
        if row.line in kept:
            yield reader.status_kept(row)
        if row.line in outcome.unknown_sequences:
            yield reader.unknown_sequence(row, outcome.unknown_sequences[row.line])
