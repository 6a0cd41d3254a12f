"""The cache of segment counts: a count is valid until something in its workspace is written."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import population
import pytest
from empty_database import write_empty_database

from mailrith_lite.audience import search_limit
from mailrith_lite.audience.segments.segment_counts import AT_ONCE, CACHE_SIZE, SegmentCounts
from mailrith_lite.audience.segments.segment_query import Counts, Query
from mailrith_lite.database import Connection, Database
from mailrith_lite.database.connection import JOB_READERS
from mailrith_lite.throttle import AtOnce


def everybody(workspace_id: int, parameter: int | None = None) -> Query:
    """A query of `workspace_id` that counts the workspace in its parameter, by default the same one."""
    number = parameter or workspace_id
    condition = "subscribers.workspace_id = :v0 AND (SELECT watch())"
    return Query(
        workspace_id=workspace_id, tables="", condition=condition, values={"v0": number}, key=f"{number}".encode()
    )


FIRST, SECOND, FOURTH = everybody(1), everybody(2), everybody(4, 2)


@pytest.fixture
async def audience(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(write_empty_database(tmp_path / "test.db")) as database:
        async with database.write() as connection:
            await population.insert_workspaces(connection, 2)
            await population.insert_people(connection, 1, range(1, 4))
            await population.insert_people(connection, 2, range(4, 6))
            await population.set_column(connection, "status", "Bounced", [1])
        yield database


class Watch:
    """Counts the calls of the SQL function `watch()`: one for each count of a segment."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return 1


async def register(database: Database, function: Callable[[], int]) -> None:
    """Registers the function as `watch()` with every reader."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(JOB_READERS):
            connection = await stack.enter_async_context(database.read())
            await connection.create_function("watch", 0, function)


@pytest.fixture
async def watch(audience: Database) -> Watch:
    watch = Watch()
    await register(audience, watch)
    return watch


@pytest.fixture
def counts(audience: Database) -> SegmentCounts:
    return SegmentCounts(audience, AtOnce(100, search_limit.too_many))


async def delete(connection: Connection, number: int) -> None:
    await connection.execute("DELETE FROM subscribers WHERE id = ?", (number,))


async def test_count_is_cached_until_a_write(counts: SegmentCounts, watch: Watch) -> None:
    assert [await counts.count(FIRST) for _ in range(3)] == [Counts(total=3, confirmed=2)] * 3
    assert watch.count == 1


async def test_concurrent_callers_share_one_count(counts: SegmentCounts, watch: Watch) -> None:
    results = await asyncio.gather(*(counts.count(FIRST) for _ in range(20)))
    assert results == [Counts(total=3, confirmed=2)] * 20
    assert watch.count == 1


async def test_commit_invalidates_a_cached_count(audience: Database, counts: SegmentCounts, watch: Watch) -> None:
    await counts.count(FIRST)
    async with audience.write() as connection:
        await delete(connection, 2)
        assert await counts.count(FIRST) == Counts(total=3, confirmed=2)
    assert await counts.count(FIRST) == Counts(total=2, confirmed=1)
    assert watch.count == 2


async def test_count_is_right_after_a_rollback(audience: Database, counts: SegmentCounts, watch: Watch) -> None:
    await counts.count(FIRST)
    with pytest.raises(ZeroDivisionError):
        async with audience.write() as connection:
            await delete(connection, 2)
            raise ZeroDivisionError
    assert await counts.count(FIRST) == Counts(total=3, confirmed=2)


async def test_commit_of_a_cancelled_writer_invalidates_a_cached_count(
    audience: Database, counts: SegmentCounts, watch: Watch
) -> None:
    """SQLite finishes the commit after the cancellation."""
    await counts.count(FIRST)

    async def write() -> None:
        async with audience.write() as connection:
            await delete(connection, 2)
            asyncio.get_running_loop().call_soon(task.cancel)

    task = asyncio.create_task(write())
    with pytest.raises(asyncio.CancelledError):
        await task
    async with audience.read() as connection:
        rows = await connection.execute_fetchall("SELECT count(*) FROM subscribers WHERE workspace_id = 1")
    assert (await counts.count(FIRST)).total == next(iter(rows))[0]


async def test_housekeeping_keeps_a_cached_count(audience: Database, counts: SegmentCounts, watch: Watch) -> None:
    await counts.count(FIRST)
    async with audience.write(housekeeping=True) as connection:
        await connection.execute("UPDATE search_state SET up_to_id = 3")
    await counts.count(FIRST)
    assert watch.count == 1


@pytest.mark.parametrize(("changes", "expected"), [("everybody", 2), (1, 2), (2, 1), ("nobody", 1)])
async def test_write_invalidates_only_the_counts_of_the_workspaces_it_changes(
    audience: Database, counts: SegmentCounts, watch: Watch, changes: Any, expected: int
) -> None:
    await counts.count(FIRST)
    async with audience.write(changes=changes):
        pass
    assert await counts.count(FIRST) == Counts(total=3, confirmed=2)
    assert watch.count == expected


async def test_workspace_does_not_wait_for_the_count_of_another(
    audience: Database, counts: SegmentCounts, watch: Watch
) -> None:
    """And a cached count of the same workspace does not wait either."""
    await counts.count(everybody(1, 2))
    async with blocked_counts(audience, counts, FIRST):
        assert await counts.count(SECOND) == await counts.count(everybody(1, 2)) == Counts(total=2, confirmed=2)


async def test_reader_stays_free_while_many_workspaces_count(audience: Database, counts: SegmentCounts) -> None:
    async with blocked_counts(audience, counts, FIRST, FOURTH):
        waiting = asyncio.create_task(counts.count(SECOND))
        async with audience.read() as connection:
            await connection.execute_fetchall("SELECT 1")
        assert AT_ONCE == 2
        assert not waiting.done()
    assert await waiting == Counts(total=2, confirmed=2)


@contextlib.asynccontextmanager
async def blocked_counts(audience: Database, counts: SegmentCounts, *queries: Query) -> AsyncIterator[None]:
    """The counts of the queries have begun, and end only after the block."""
    loop, begun, end = asyncio.get_running_loop(), asyncio.Semaphore(0), threading.Event()
    waiting = len(queries)

    def wait() -> int:
        nonlocal waiting
        if waiting:
            waiting -= 1
            loop.call_soon_threadsafe(begun.release)
            end.wait(30)
        return 1

    await register(audience, wait)
    tasks = [asyncio.create_task(counts.count(query)) for query in queries]
    try:
        for _ in tasks:
            await begun.acquire()
        yield
    finally:
        end.set()
        await asyncio.gather(*tasks)


async def test_count_that_began_before_a_commit_is_not_cached_after_it(
    audience: Database, counts: SegmentCounts
) -> None:
    loop = asyncio.get_running_loop()
    begun, written = asyncio.Event(), asyncio.Event()

    def wait() -> int:
        """Runs inside the count, in the reader's thread."""
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(written.wait(), loop).result(30)
        return 1

    await register(audience, wait)
    task = asyncio.create_task(counts.count(FIRST))
    await begun.wait()
    async with audience.write() as connection:
        await delete(connection, 2)
    written.set()
    assert await task == Counts(total=3, confirmed=2)
    assert await counts.count(FIRST) == Counts(total=2, confirmed=1)


async def test_queries_with_different_values_are_cached_separately(counts: SegmentCounts, watch: Watch) -> None:
    other = everybody(1, 2)
    ours, theirs = Counts(total=3, confirmed=2), Counts(total=2, confirmed=2)
    assert [await counts.count(query) for query in (FIRST, other, FIRST, other)] == [ours, theirs] * 2
    assert watch.count == 2


@pytest.mark.slow
async def test_cache_drops_the_oldest_count_at_its_limit(counts: SegmentCounts, watch: Watch) -> None:
    queries = [everybody(number) for number in range(1, CACHE_SIZE + 2)]
    for query in queries:
        await counts.count(query)
    before = watch.count
    await counts.count(queries[-1])
    assert watch.count == before
    await counts.count(queries[0])
    assert watch.count == before + 1
