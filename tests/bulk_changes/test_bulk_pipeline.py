"""The pipeline of bulk changes on its own: the people of a job, its chunks, a stop and a cancel."""

from collections.abc import Callable

import pytest

from mailrith_lite import clock, ids
from mailrith_lite.access import workspaces
from mailrith_lite.audience import tags
from mailrith_lite.audience.selection import Selection
from mailrith_lite.bulk_changes import bulk_table, bulk_undo, submission
from mailrith_lite.bulk_changes.bulk_pipeline import BulkPipeline
from mailrith_lite.bulk_changes.submission import Order
from mailrith_lite.database import Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import BULK_CHANGE
from mailrith_lite.jobs.queue import Job, NotProcessing
from mailrith_lite.jobs.run import Interrupted, JobFailed, Run
from mailrith_lite.webhooks.outbox import Outbox

COUNT = 13_000  # three chunks
MANY = """WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
INSERT INTO subscribers (workspace_id, email, name, status, custom_fields, subscribed_at, created_at, updated_at)
SELECT 1, printf('%s%06d@x.com', :name, n), '', 'Active', '{}', 1, 1, 1 FROM numbers"""


class RunWithHook(Run):
    """Calls `hook(number of the step)` after each chunk, where a real run stops or is canceled."""

    def __init__(self, job: Job, hook: Callable[[int], None] = lambda _: None) -> None:
        super().__init__(job)
        self.steps = 0
        self._hook = hook

    async def step(self) -> None:
        self.steps += 1
        self._hook(self.steps)
        await super().step()


@pytest.fixture
def pipeline(database: Database) -> BulkPipeline:
    return BulkPipeline(database, Outbox())


@pytest.fixture
async def tag_id(database: Database) -> int:
    """The integer id of a tag that none of the many people has."""
    async with database.write() as connection:
        await workspaces.insert_workspace(connection, "Default", 1)
        await connection.execute(MANY, {"name": "p", "count": COUNT})
        return await tags.insert_tag(connection, 1, "Readers", None, 1)


async def claimed(database: Database, tag_id: int, **order: object) -> Job:
    """A job that adds the tag to everybody, in the state Processing."""
    made = Order(**{"action": "add_tag", "tag_id": ids.encode(ids.TAG, tag_id), "selection": Selection(), **order})
    async with database.write() as connection:
        job = await submission.insert(connection, 1, made, "req", max_queued=9, now=clock.now())
        return await queue.update_claimed(connection, job.id, 1)


async def select(database: Database, job: Job) -> Job:
    async with database.read() as connection:
        saved = await queue.select_job(connection, 1, BULK_CHANGE, job.id)
    assert saved is not None
    return saved


async def tagged(database: Database) -> int:
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT count(*) FROM subscriber_tags")
    return int(next(iter(rows))[0])


@pytest.mark.slow
async def test_people_added_after_the_job_is_queued_are_not_changed(
    database: Database, pipeline: BulkPipeline, tag_id: int
) -> None:
    job = await claimed(database, tag_id)
    async with database.write() as connection:
        await connection.execute(MANY, {"name": "later", "count": 5})
    await pipeline.run(RunWithHook(job))
    assert await tagged(database) == COUNT
    progress = (await select(database, job)).progress
    assert (progress.rows_total, progress.changed_count) == (COUNT, COUNT)


async def test_somebody_who_matches_no_more_when_the_job_comes_is_left_out(
    database: Database, pipeline: BulkPipeline, tag_id: int
) -> None:
    job = await claimed(database, tag_id, selection=Selection(status="Active"))

    def leave(_: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        await pipeline.run(RunWithHook(job, leave))
    async with database.write() as connection:
        await connection.execute("UPDATE subscribers SET status = 'Bounced' WHERE id > ?", (COUNT - 100,))
    await pipeline.run(RunWithHook(await select(database, job)))
    progress = (await select(database, job)).progress
    assert (progress.rows_total, progress.changed_count) == (COUNT - 100, COUNT - 100)


@pytest.mark.slow
@pytest.mark.parametrize("error", [Interrupted, NotProcessing])
async def test_stopped_job_keeps_whole_chunks_with_their_counts(
    database: Database, pipeline: BulkPipeline, tag_id: int, error: type[Exception]
) -> None:
    job = await claimed(database, tag_id)

    def stop(step: int) -> None:
        if step == 2:
            raise error

    with pytest.raises(error):
        await pipeline.run(RunWithHook(job, stop))
    saved = await select(database, job)
    assert 0 < saved.progress.changed_count < COUNT
    assert await tagged(database) == saved.progress.changed_count
    async with database.read() as connection:
        change = await bulk_table.select_bulk_change(connection, 1, job.id)
    assert change.after_id == saved.progress.changed_count


async def test_deleted_tag_fails_the_job_and_names_the_reason(
    database: Database, pipeline: BulkPipeline, tag_id: int
) -> None:
    job = await claimed(database, tag_id)
    async with database.write() as connection:
        await tags.delete_tag(connection, 1, tag_id)
    with pytest.raises(JobFailed, match="The tag of this job was deleted"):
        await pipeline.run(RunWithHook(job))


async def test_database_refuses_counts_that_do_not_add_up(database: Database, tag_id: int) -> None:
    job = await claimed(database, tag_id)
    with pytest.raises(Exception, match="one_fate_a_person"):
        async with database.write() as connection:
            await connection.execute(
                "UPDATE jobs SET rows_processed = 3, changed_count = 1, skipped_count = 1 WHERE id = ?", (job.id,)
            )


async def test_more_people_than_expected_stop_the_job_before_their_chunk(
    database: Database, pipeline: BulkPipeline, tag_id: int
) -> None:
    async with database.write() as connection:
        await connection.execute("UPDATE subscribers SET status = 'Bounced' WHERE id > ?", (COUNT - 100,))
    expected = COUNT - 100
    job = await claimed(database, tag_id, selection=Selection(status="Active"), expected_count=expected)

    def leave(_: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        await pipeline.run(RunWithHook(job, leave))
    async with database.write() as connection:
        await connection.execute("UPDATE subscribers SET status = 'Active' WHERE id > ?", (COUNT - 100,))
    with pytest.raises(JobFailed, match="More people match now than the 12,900"):
        await pipeline.run(RunWithHook(await select(database, job)))
    saved = await select(database, job)
    assert 0 < saved.progress.changed_count <= expected
    assert await tagged(database) == saved.progress.changed_count


@pytest.mark.slow
async def test_second_undo_goes_on_after_a_canceled_one(
    database: Database, pipeline: BulkPipeline, tag_id: int
) -> None:
    job = await claimed(database, tag_id)
    await pipeline.run(RunWithHook(job))
    async with database.write() as connection:
        await queue.update_final(connection, job.id, "Completed", None, clock.now())
    done = await select(database, job)

    async def undo() -> Job:
        async with database.write() as connection:
            made = await bulk_undo.insert_undo(connection, done, "req", ttl=1_000, max_queued=9, now=clock.now())
            return await queue.update_claimed(connection, made.id, 1)

    def leave(_: int) -> None:
        raise NotProcessing

    first = await undo()
    with pytest.raises(NotProcessing):
        await pipeline.run(RunWithHook(first, leave))
    restored = (await select(database, first)).progress.changed_count
    async with database.write() as connection:
        await queue.update_canceled(connection, first, clock.now())
    second = await undo()
    await pipeline.run(RunWithHook(second))
    progress = (await select(database, second)).progress
    assert (progress.rows_total, progress.changed_count, progress.skipped_count) == (
        COUNT - restored,
        COUNT - restored,
        0,
    )
    assert await tagged(database) == 0


async def test_selected_bulk_changes_have_the_number_of_listed_people_without_the_list(
    database: Database, tag_id: int
) -> None:
    listed = [ids.encode(ids.SUBSCRIBER, number) for number in (3, 1, 2)]
    job = await claimed(database, tag_id, selection=None, subscriber_ids=listed)
    async with database.read() as connection:
        change = await bulk_table.select_bulk_change(connection, 1, job.id)
        numbers = await bulk_table.select_listed(connection, 1, job.id)
    assert (change.listed_count, change.subscriber_ids, numbers) == (3, None, [1, 2, 3])
