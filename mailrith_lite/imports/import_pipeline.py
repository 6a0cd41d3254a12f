"""Runs an import: one pass that proves the file and counts its rows, one that applies them chunk by chunk."""

import asyncio
import contextlib
import functools
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from mailrith_lite import clock
from mailrith_lite.audience import bulk, dry_run, tags
from mailrith_lite.audience.bulk_plan import Change, Outcome
from mailrith_lite.audience.custom_fields import select_all_custom_fields
from mailrith_lite.database import Connection, Database
from mailrith_lite.imports import counting, import_table, records, report
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.rows import Row, RowReader
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.queue import Job, Progress
from mailrith_lite.jobs.runner import JobFailed, Run

MAX_CHUNK_ROWS = 6_000  # more would be a little quicker, and hold the interpreter for longer at a time
MAX_CHUNK_CHARACTERS = 1 << 22
_MIN_CHUNK_ROWS = 200
_CHUNK_SECONDS = 0.025  # how long a chunk may take while somebody else wants to write
_FILE_NAME = re.compile(r"[0-9a-f]{32}\.(?:csv|body|dry)")
"""A source, a body that was being received, or the database of a dry run."""
_CONTENTION_MEMORY = 1.0  # seconds for which chunks stay small after somebody had to wait


class ImportPipeline:
    def __init__(self, database: Database, directory: Path, *, formula_guard: bool) -> None:
        """`directory` holds the source files."""
        self._database = database
        self._directory = directory
        self._formula_guard = formula_guard

    async def run(self, run: Run) -> None:
        """
        Raises:
            JobFailed: the file cannot be read; nothing was imported.
        """
        job = run.job
        async with self._database.read() as connection:
            plan = await import_table.select_import(connection, job.workspace_id, job.id)
        path = self._directory / plan.source
        if not path.is_file():  # after a backup was put back: a copy of the database has no files
            raise JobFailed("The rows of this import are no longer there; send the import again.")
        if job.dry_run:
            await self._try_all(run, plan, path)
            return
        progress = job.progress
        if progress.rows_total is None:
            total = await _count_rows(path, plan.delimiter, run)
            plan, progress = await self._begin(job, plan, Progress(rows_total=total))
        async with self._database.read() as connection:
            reader = await self._reader(connection, job, plan)
        write = functools.partial(self._apply_chunk, job, plan, reader)
        await self._work_through(run, path, plan.delimiter, reader, progress, write)

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        """Everything is written already: the last chunk's checkpoint holds every count."""

    async def tidy(self, job: Job) -> None:
        """Deletes the source; the report and the counters stay."""
        async with self._database.read() as connection:
            plan = await import_table.select_import(connection, job.workspace_id, job.id)
        await asyncio.to_thread((self._directory / plan.source).unlink, missing_ok=True)

    async def sweep(self) -> None:
        """At the start, before any request: deletes files that no unfinished job names."""
        async with self._database.read() as connection:
            named = await import_table.select_open_sources(connection)
        for path in self._directory.iterdir():
            if _FILE_NAME.fullmatch(path.name) and path.name not in named:
                path.unlink()

    async def _begin(self, job: Job, plan: ImportPlan, progress: Progress) -> tuple[ImportPlan, Progress]:
        """The file is good: from here on the import has a total and its new tag."""
        async with self._database.write(changes="nobody") as connection:
            now = clock.now()
            if plan.new_tag_name is not None:
                tag_id = await tags.select_tag_id(connection, job.workspace_id, plan.new_tag_name)
                if tag_id is None:
                    tag_id = await tags.insert_tag(connection, job.workspace_id, plan.new_tag_name, None, now)
                await import_table.update_tag_ids(connection, job.id, list(dict.fromkeys([*plan.tag_ids, tag_id])))
            await queue.update_checkpoint(connection, job.id, progress, now)
            return await import_table.select_import(connection, job.workspace_id, job.id), progress

    async def _try_all(self, run: Run, plan: ImportPlan, path: Path) -> None:
        """What an import would come to, told from one moment's audience; a dry run that died begins anew."""
        job = run.job
        total = await _count_rows(path, plan.delimiter, run)
        progress = Progress(rows_total=total)
        await self._forget(job, progress)
        async with dry_run.open_dry_run(self._database, path.with_suffix(".dry")) as trial:
            tag_ids = plan.tag_ids
            if plan.new_tag_name is not None:
                tag_id = await tags.select_tag_id(trial.connection, job.workspace_id, plan.new_tag_name)
                tag_ids = [*tag_ids, dry_run.NEW_TAG_ID if tag_id is None else tag_id]
            reader = await self._reader(trial.connection, job, plan)
            planned = functools.partial(
                trial.plan, job.workspace_id, tag_ids=tag_ids, sequence_ids=plan.sequence_ids
            )
            write = functools.partial(self._try_chunk, job, reader, planned)
            await self._work_through(run, path, plan.delimiter, reader, progress, write)

    async def _forget(self, job: Job, progress: Progress) -> None:
        """What an earlier attempt at a dry run has found."""
        forgotten = True
        while forgotten:
            async with self._database.write(changes="nobody") as connection:
                forgotten = await report.delete_row_errors(connection, job.id)
        async with self._database.write(changes="nobody") as connection:
            await queue.update_checkpoint(connection, job.id, progress, clock.now(), resumable=False)

    async def _reader(self, connection: Connection, job: Job, plan: ImportPlan) -> RowReader:
        fields = await select_all_custom_fields(connection, job.workspace_id)
        return RowReader(
            plan.columns,
            {field.id: field for field in fields},
            width=len(plan.header),
            formula_guard=self._formula_guard,
        )

    async def _work_through(
        self, run: Run, path: Path, delimiter: str, reader: RowReader, progress: Progress, write: "_Write"
    ) -> None:
        """Every row behind the progress, chunk by chunk."""
        pace = _Pace(self._database)
        async with _open_batches(path, delimiter, reader, progress.rows_processed, run) as batches:
            while batch := await batches.next():
                begin = 0
                while begin < len(batch):
                    run.check()
                    chunk = batch[begin : begin + min(pace.rows, run.chunk_rows or MAX_CHUNK_ROWS)]
                    try:
                        with pace.measure(len(chunk)):
                            progress = await write(chunk, progress, batches)
                    except bulk.ChunkTooLarge:
                        pace.halve(len(chunk))
                    else:
                        begin += len(chunk)
                        await run.step()

    async def _apply_chunk(
        self,
        job: Job,
        plan: ImportPlan,
        reader: RowReader,
        chunk: Sequence[Row],
        progress: Progress,
        batches: "_Batches",
    ) -> Progress:
        """One transaction: subscribers, memberships, row errors, counters and checkpoint, or nothing."""
        async with self._database.write(changes=job.workspace_id) as connection:
            now = clock.now()
            planned = await bulk.plan(
                connection, job.workspace_id, _changes(chunk), tag_ids=plan.tag_ids, sequence_ids=plan.sequence_ids
            )
            batches.read_ahead()  # now, when the rest is SQLite's: planning and parsing would slow each other
            await bulk.apply(connection, job.workspace_id, planned, now)
            return await _record(connection, job, reader, chunk, progress, planned.outcome, now)

    async def _try_chunk(
        self,
        job: Job,
        reader: RowReader,
        plan: Callable[[Sequence[Change]], Awaitable[Outcome]],
        chunk: Sequence[Row],
        progress: Progress,
        batches: "_Batches",
    ) -> Progress:
        """Row errors and counters alone; the lock is held for no longer than they take."""
        outcome = await plan(_changes(chunk))
        batches.read_ahead()
        async with self._database.write(changes="nobody") as connection:
            return await _record(connection, job, reader, chunk, progress, outcome, clock.now())


def _changes(chunk: Sequence[Row]) -> list[Change]:
    return [row.change for row in chunk if row.change is not None]


async def _record(
    connection: Connection,
    job: Job,
    reader: RowReader,
    chunk: Sequence[Row],
    progress: Progress,
    outcome: Outcome,
    now: int,
) -> Progress:
    """Writes down what became of the chunk's rows."""
    row_errors = [row.error for row in chunk if row.error is not None]
    rejected = len(row_errors)
    if outcome.status_kept:
        kept = set(outcome.status_kept)
        row_errors += [reader.status_kept(row) for row in chunk if row.line in kept]
    if row_errors:
        await report.insert_row_errors(connection, job.id, row_errors)
    progress = Progress(
        rows_total=progress.rows_total,
        rows_processed=progress.rows_processed + len(chunk),
        created_count=progress.created_count + outcome.created,
        updated_count=progress.updated_count + outcome.updated,
        unchanged_count=progress.unchanged_count + outcome.unchanged,
        rejected_count=progress.rejected_count + rejected,
        warning_count=progress.warning_count + len(outcome.status_kept),
    )
    await queue.update_checkpoint(connection, job.id, progress, now, resumable=not job.dry_run)
    return progress


class _Pace:
    """How many rows a chunk takes: many when nobody waits, a few milliseconds' worth when somebody does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows_a_second = 20_000.0
        self._most = MAX_CHUNK_ROWS

    @property
    def rows(self) -> int:
        if not self._database.contended(_CONTENTION_MEMORY):
            return self._most
        return min(self._most, max(_MIN_CHUNK_ROWS, int(self._rows_a_second * _CHUNK_SECONDS)))

    @contextlib.contextmanager
    def measure(self, rows: int) -> Iterator[None]:
        began = time.monotonic()
        yield
        speed = rows / max(time.monotonic() - began, 1e-6)
        self._rows_a_second += 0.3 * (speed - self._rows_a_second)
        self._most = min(MAX_CHUNK_ROWS, 2 * self._most)

    def halve(self, rows: int) -> None:
        """A chunk of so many rows was too large."""
        self._most = max(1, rows // 2)


async def _count_rows(path: Path, delimiter: str, run: Run) -> int:
    """Reads the whole file and applies nothing.

    Raises:
        JobFailed: the file cannot be read; the message names the line.
    """
    try:
        return await counting.count_rows(path, delimiter, run.check)
    except records.BrokenFile as error:
        raise JobFailed(f"The file cannot be read: {error}. Nothing was imported.") from None


_Write = Callable[[Sequence[Row], Progress, "_Batches"], Awaitable[Progress]]


class _Batches:
    """The batches of a file, each read in a thread while the one before is being written."""

    def __init__(self, batches: Iterator[list[Row]]) -> None:
        self._batches = batches
        self._ahead: asyncio.Task[list[Row] | None] | None = None

    def read_ahead(self) -> asyncio.Task[list[Row] | None]:
        """The reading of the next batch, begun now unless it has begun already."""
        if self._ahead is None:
            self._ahead = asyncio.create_task(asyncio.to_thread(_next, self._batches))
        return self._ahead

    async def next(self) -> list[Row] | None:
        batch = await asyncio.shield(self.read_ahead())
        self._ahead = None
        return batch

    async def settle(self) -> None:
        """Until no thread reads the file any more."""
        if self._ahead is not None:
            await asyncio.wait([self._ahead])


@contextlib.asynccontextmanager
async def _open_batches(
    path: Path, delimiter: str, reader: RowReader, skip: int, run: Run
) -> AsyncIterator[_Batches]:
    """The rows behind the first `skip`."""
    with records.open_source(path) as file:
        batches = _Batches(_read_batches(records.read_records(file, delimiter, run.check), reader, skip))
        try:
            yield batches
        finally:
            await batches.settle()


def _next(batches: Iterator[list[Row]]) -> list[Row] | None:
    return next(batches, None)


def _read_batches(rows: Iterator[tuple[int, list[str]]], reader: RowReader, skip: int) -> Iterator[list[Row]]:
    records.advance(rows, skip + 1)  # the header, and the rows that are applied already
    batch: list[Row] = []
    characters = 0
    for line, cells in rows:
        batch.append(reader.read(line, cells))
        characters += sum(map(len, cells)) + len(cells)  # an empty cell takes memory, too
        if len(batch) >= MAX_CHUNK_ROWS or characters >= MAX_CHUNK_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
