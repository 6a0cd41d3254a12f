"""An export writes one snapshot to one file, and a file with its final name is complete."""

import asyncio
import contextlib
import csv
import io
import json
import os
import sqlite3
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine

from mailrith_lite import clock, disk
from mailrith_lite.access import workspaces
from mailrith_lite.audience import blocks, custom_fields
from mailrith_lite.audience.selection import Selection
from mailrith_lite.database import Database
from mailrith_lite.exports import export_pipeline, export_table
from mailrith_lite.exports.export_pipeline import ExportPipeline
from mailrith_lite.exports.export_table import Order
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job, NotProcessing
from mailrith_lite.jobs.run import Interrupted, Run

COUNT = 5_500
MANY = """WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
INSERT INTO subscribers (workspace_id, email, name, status, custom_fields, subscribed_at, created_at, updated_at)
SELECT 1, printf('user%06d@x.com', n), 'before', 'Active', '{}', 1, 1, 1 FROM numbers"""


class RunWithHook(Run):
    """Calls `hook(number of the check)` in each check, which is where a real run stops or is canceled."""

    def __init__(self, job: Job, hook: Callable[[int], None]) -> None:
        super().__init__(job)
        self._hook = hook
        self._checks = 0

    def check(self) -> None:
        self._checks += 1
        self._hook(self._checks)
        super().check()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return disk.private_directory(tmp_path / "exports")


@pytest.fixture
def pipeline(database: Database, directory: Path) -> ExportPipeline:
    return ExportPipeline(database, directory, formula_guard=True, ttl=60)


@pytest.fixture
async def job(database: Database) -> Job:
    async with database.write() as connection:
        await workspaces.insert_workspace(connection, "Default", 1)
        await connection.execute(MANY, (COUNT,))
    return await add_claimed_job(database)


async def add_claimed_job(database: Database) -> Job:
    async with database.write() as connection:
        job = await queue.insert_job(connection, 1, EXPORT, "req", max_queued=99, now=1)
        await export_table.insert_export(connection, job.id, Order())
        return await queue.update_claimed(connection, job.id, 1)


async def complete(database: Database, pipeline: ExportPipeline, job: Job) -> None:
    async with database.write() as connection:
        now = clock.now()
        await queue.update_final(connection, job.id, "Completed", None, now)
        await pipeline.complete(connection, job, now)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))


async def test_later_changes_are_not_in_the_file(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    def change(check: int) -> None:
        """Another program commits between two batches."""
        other = sqlite3.connect(database.path)
        with other:
            other.execute(MANY.replace("user", f"late{check}-"), (10,))
            other.execute("UPDATE subscribers SET name = 'after', status = 'Blocked'")
            other.execute("DELETE FROM subscribers WHERE id % 2 AND id > 3000")
            other.execute(
                "INSERT INTO tags (workspace_id, name, name_key, created_at, updated_at) VALUES (1, ?, ?, 1, 1)",
                (f"t{check}",) * 2,
            )
            other.execute("INSERT INTO subscriber_tags SELECT id, ? FROM subscribers", (check,))
            other.execute(
                "INSERT INTO custom_fields (workspace_id, label, label_key, type, options, created_at, updated_at)"
                " VALUES (1, ?, ?, 'Text', '[]', 1, 1)",
                (f"f{check}",) * 2,
            )
        other.close()

    await pipeline.run(RunWithHook(job, change))
    (name,) = names(directory)
    header, *lines = rows(directory / name)
    assert len(header) == 8
    assert [row[0] for row in lines] == [f"user{number:06}@x.com" for number in range(1, COUNT + 1)]
    assert {tuple(row[1:4]) + tuple(row[6:]) for row in lines} == {("before", "Active", "", "", "")}


async def test_an_incomplete_file_has_a_temporary_name(directory: Path, pipeline: ExportPipeline, job: Job) -> None:
    listings: list[list[str]] = []
    await pipeline.run(RunWithHook(job, lambda check: listings.append(names(directory))))
    assert len(listings) >= 2
    assert all(listing == [f"{job.public_id}.csv.part"] for listing in listings)
    assert names(directory) == [f"{job.public_id}.csv"]


async def test_file_and_directory_are_on_the_disk_before_the_export_is_complete(
    directory: Path, pipeline: ExportPipeline, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = directory / f"{job.public_id}.csv"
    synced: list[tuple[int, int, bool]] = []
    sync = os.fsync

    def record(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((status.st_ino, status.st_size, final.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    await pipeline.run(Run(job))
    assert synced[0] == (final.stat().st_ino, final.stat().st_size, False)
    assert [(inode, renamed) for inode, _, renamed in synced[1:]] == [(directory.stat().st_ino, True)]


async def test_the_file_has_mode_0600_from_the_start(directory: Path, pipeline: ExportPipeline, job: Job) -> None:
    modes: set[int] = set()
    await pipeline.run(
        RunWithHook(job, lambda check: modes.update(path.stat().st_mode & 0o777 for path in directory.iterdir()))
    )
    assert modes == {0o600}
    assert next(directory.iterdir()).stat().st_mode & 0o777 == 0o600


async def test_an_interrupted_export_starts_from_the_beginning(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    run = RunWithHook(job, lambda check: run.stop() if check == 2 else None)
    with pytest.raises(Interrupted):
        await pipeline.run(run)
    assert names(directory) == []
    (directory / f"{job.public_id}.csv.part").write_text("incomplete " * 1_000_000)
    await pipeline.run(Run(job))
    assert len(rows(directory / f"{job.public_id}.csv")) == COUNT + 1


async def test_a_canceled_export_leaves_no_file(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    run = RunWithHook(job, lambda check: run.cancel() if check == 2 else None)
    with pytest.raises(NotProcessing):
        await pipeline.run(run)
    await pipeline.tidy(job)
    assert names(directory) == []


async def test_a_cancel_after_the_last_row_leaves_no_file(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    async with database.write() as connection:
        await queue.update_canceled(connection, job, 1)
    with pytest.raises(NotProcessing):
        await pipeline.run(Run(job))
    await pipeline.tidy(job)
    assert names(directory) == []


async def test_sweep_deletes_files_without_a_completed_export(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    await pipeline.run(Run(job))
    await complete(database, pipeline, job)
    unfinished = await add_claimed_job(database)
    await pipeline.run(Run(unfinished))
    for name in ("other.csv", f"{job.public_id}.csv.part", EXPORT.encode(99) + ".csv"):
        (directory / name).write_text("x")
    await pipeline.sweep()
    assert names(directory) == sorted([f"{job.public_id}.csv", "other.csv"])  # a file with a foreign name stays


async def test_remove_expired_deletes_a_file_at_its_expiry(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as traveler:
        await pipeline.run(Run(job))
        await complete(database, pipeline, job)
        traveler.shift(59.999)
        await pipeline.remove_expired()
        assert names(directory) == [f"{job.public_id}.csv"]
        traveler.shift(0.001)
        await pipeline.remove_expired()
        assert names(directory) == []
        async with database.read() as connection:
            export = await export_table.select_export(connection, 1, job.id)
            assert await export_table.select_ids_with_file(connection) == set()
            assert await export_table.select_expired_ids(connection, clock.now() + clock.DAY) == []
        assert (export.file_name is not None, export.expires_at) == (True, 1_800_000_060_000)


async def test_remove_expired_accepts_that_the_file_is_missing(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as traveler:
        await pipeline.run(Run(job))
        await complete(database, pipeline, job)
        next(directory.iterdir()).unlink()
        traveler.shift(61)
        await pipeline.remove_expired()
    async with database.read() as connection:
        assert await export_table.select_ids_with_file(connection) == set()


async def test_a_completed_file_does_not_change_during_the_next_export(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    await pipeline.run(Run(job))
    await complete(database, pipeline, job)
    content = (directory / f"{job.public_id}.csv").read_bytes()
    second = await add_claimed_job(database)
    path = directory / f"{job.public_id}.csv"
    contents: set[bytes] = set()
    await pipeline.run(RunWithHook(second, lambda check: contents.add(path.read_bytes())))
    assert contents == {content}
    assert (directory / f"{second.public_id}.csv").read_bytes() == content


async def test_parallel_exports_write_equal_files(
    database: Database, directory: Path, pipeline: ExportPipeline, job: Job
) -> None:
    jobs = [job, *[await add_claimed_job(database) for _ in range(3)]]
    await asyncio.gather(*(pipeline.run(Run(each)) for each in jobs))
    assert len(names(directory)) == 4
    assert len({path.read_bytes() for path in directory.iterdir()}) == 1


@pytest.mark.slow
async def test_an_export_of_large_subscribers_needs_little_memory(
    database: Database, directory: Path, pipeline: ExportPipeline
) -> None:
    async with database.write() as connection:
        await workspaces.insert_workspace(connection, "Default", 1)
        fields = json.dumps({str(number): "x" * 10_000 for number in range(1, 51)})
        await connection.execute(MANY.replace("'{}'", f"'{fields}'"), (100,))
        for number in range(1, 51):
            await custom_fields.create_custom_field(
                connection, 1, label=f"f{number}", field_type="Text Area", options=[], now=1
            )
    job = await add_claimed_job(database)
    tracemalloc.start()
    try:
        await pipeline.run(Run(job))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (directory / f"{job.public_id}.csv").stat().st_size > 100 * 500_000
    assert peak < 25_000_000  # half of the file; the memory of SQLite, another batch, is not counted


@pytest.mark.parametrize(("country", "total"), [(None, COUNT), ("DE", 2_200)])
async def test_running_export_says_how_many_of_its_rows_are_written(
    database: Database,
    pipeline: ExportPipeline,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    country: str | None,
    total: int,
) -> None:
    monkeypatch.setattr(export_pipeline, "PROGRESS_SECONDS", 0.0)
    async with database.write() as connection:
        await blocks.update_subscriber_counts(connection, 1, 1)
        await connection.execute("UPDATE subscribers SET country = 'DE' WHERE id <= 2200")
        if country is not None:
            selection = Selection(country=country)
            await connection.execute("DELETE FROM exports")
            await export_table.insert_export(connection, job.id, Order(selection=selection))
    seen = []

    def look(check: int) -> None:
        with contextlib.closing(sqlite3.connect(database.path)) as other:
            seen.append(other.execute("SELECT rows_processed, rows_total, deaths FROM jobs").fetchone())

    await pipeline.run(RunWithHook(job, look))
    shares = [processed for processed, of, _ in seen if of == total]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == total
