"""A count is kept, and never shown once anything of its workspace has been written."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import population
import pytest

from mailrith_lite.audience.segments.segment_counts import AT_ONCE, CACHE_SIZE, SegmentCounts
from mailrith_lite.audience.segments.segment_query import Counts, Query
from mailrith_lite.database import Connection, Database
from mailrith_lite.database.connection import READERS


def everybody(workspace_id: int, bound: int | None = None) -> Query:
    """Of the workspace with the integer id that is bound."""
    number = bound or workspace_id
    condition = "subscribers.workspace_id = :v0 AND (SELECT watched())"
    return Query(
        workspace_id=workspace_id, tables="", condition=condition, values={"v0": number}, key=f"{number}".encode()
    )


ALL, THEIRS, FOURS = everybody(1), everybody(2), everybody(4, 2)


@pytest.fixture
async def audience(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(tmp_path / "test.db") as database:
        async with database.write() as connection:
            await population.open_workspaces(connection, 2)
            await population.insert_people(connection, 1, range(1, 4))
            await population.insert_people(connection, 2, range(4, 6))
            await population.set_column(connection, "status", "Bounced", [1])
        yield database


class Watch:
    """How many statements have counted; each of them calls `watched()` once."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return 1


async def watch(database: Database, function: Callable[[], int]) -> None:
    """Every reader calls it from now on."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(READERS):
            connection = await stack.enter_async_context(database.read())
            await connection.create_function("watched", 0, function)


@pytest.fixture
async def watched(audience: Database) -> Watch:
    found = Watch()
    await watch(audience, found)
    return found


@pytest.fixture
def counts(audience: Database) -> SegmentCounts:
    return SegmentCounts(audience)


async def delete(connection: Connection, number: int) -> None:
    await connection.execute("DELETE FROM subscribers WHERE id = ?", (number,))


async def test_a_count_is_made_once_for_as_long_as_nothing_is_written(
    counts: SegmentCounts, watched: Watch
) -> None:
    assert [await counts.count(ALL) for _ in range(3)] == [Counts(total=3, confirmed=2)] * 3
    assert watched.count == 1


async def test_those_who_ask_at_once_share_a_count(counts: SegmentCounts, watched: Watch) -> None:
    found = await asyncio.gather(*(counts.count(ALL) for _ in range(20)))
    assert set(map(repr, found)) == {repr(Counts(total=3, confirmed=2))}
    assert watched.count == 1


async def test_a_count_is_made_anew_after_a_commit(
    audience: Database, counts: SegmentCounts, watched: Watch
) -> None:
    await counts.count(ALL)
    async with audience.write() as connection:
        await delete(connection, 2)
        assert await counts.count(ALL) == Counts(total=3, confirmed=2)
    assert await counts.count(ALL) == Counts(total=2, confirmed=1)
    assert watched.count == 2


async def test_a_count_stands_when_a_write_is_rolled_back(
    audience: Database, counts: SegmentCounts, watched: Watch
) -> None:
    await counts.count(ALL)
    with pytest.raises(ZeroDivisionError):
        async with audience.write() as connection:
            await delete(connection, 2)
            raise ZeroDivisionError
    assert await counts.count(ALL) == Counts(total=3, confirmed=2)


async def test_a_count_is_made_anew_when_the_writer_was_cancelled_while_it_committed(
    audience: Database, counts: SegmentCounts, watched: Watch
) -> None:
    """SQLite commits all the same."""
    await counts.count(ALL)

    async def write() -> None:
        async with audience.write() as connection:
            await delete(connection, 2)
            asyncio.get_running_loop().call_soon(task.cancel)

    task = asyncio.create_task(write())
    with pytest.raises(asyncio.CancelledError):
        await task
    async with audience.read() as connection:
        rows = await connection.execute_fetchall("SELECT count(*) FROM subscribers WHERE workspace_id = 1")
    assert (await counts.count(ALL)).total == next(iter(rows))[0]


async def test_a_count_stands_through_housekeeping(
    audience: Database, counts: SegmentCounts, watched: Watch
) -> None:
    await counts.count(ALL)
    async with audience.write(housekeeping=True) as connection:
        await connection.execute("UPDATE search_state SET up_to_id = 3")
    await counts.count(ALL)
    assert watched.count == 1


@pytest.mark.parametrize(("changes", "made"), [("everybody", 2), (1, 2), (2, 1), ("nobody", 1)])
async def test_a_count_stands_through_what_changes_nobody_of_its_workspace(
    audience: Database, counts: SegmentCounts, watched: Watch, changes: Any, made: int
) -> None:
    await counts.count(ALL)
    async with audience.write(changes=changes):
        pass
    assert await counts.count(ALL) == Counts(total=3, confirmed=2)
    assert watched.count == made


async def test_a_workspace_does_not_wait_for_the_count_of_another(
    audience: Database, counts: SegmentCounts, watched: Watch
) -> None:
    """Nor does what is known wait for what is not."""
    await counts.count(everybody(1, 2))
    async with held(audience, counts, ALL):
        assert await counts.count(THEIRS) == await counts.count(everybody(1, 2)) == Counts(total=2, confirmed=2)


async def test_however_many_workspaces_count_a_reader_stays_free(audience: Database, counts: SegmentCounts) -> None:
    async with held(audience, counts, ALL, FOURS):
        waiting = asyncio.create_task(counts.count(THEIRS))
        async with audience.read() as connection:
            await connection.execute_fetchall("SELECT 1")
        assert AT_ONCE == 2 and not waiting.done()
    assert await waiting == Counts(total=2, confirmed=2)


@contextlib.asynccontextmanager
async def held(audience: Database, counts: SegmentCounts, *asked: Query) -> AsyncIterator[None]:
    """These counts have begun, and do not come to their ends meanwhile."""
    loop, begun, end = asyncio.get_running_loop(), asyncio.Semaphore(0), threading.Event()
    left = list(asked)

    def wait() -> int:
        if left:
            left.pop()
            loop.call_soon_threadsafe(begun.release)
            end.wait(30)
        return 1

    await watch(audience, wait)
    tasks = [asyncio.create_task(counts.count(one)) for one in asked]
    try:
        for _ in tasks:
            await begun.acquire()
        yield
    finally:
        end.set()
        await asyncio.gather(*tasks)


async def test_a_count_that_was_begun_before_a_commit_is_not_kept_behind_it(
    audience: Database, counts: SegmentCounts
) -> None:
    loop = asyncio.get_running_loop()
    begun, written = asyncio.Event(), asyncio.Event()

    def wait() -> int:
        """Within the count, in the reader's thread."""
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(written.wait(), loop).result(30)
        return 1

    await watch(audience, wait)
    task = asyncio.create_task(counts.count(ALL))
    await begun.wait()
    async with audience.write() as connection:
        await delete(connection, 2)
    written.set()
    assert await task == Counts(total=3, confirmed=2)
    assert await counts.count(ALL) == Counts(total=2, confirmed=1)


async def test_another_value_is_another_count(counts: SegmentCounts, watched: Watch) -> None:
    other = everybody(1, 2)
    ours, theirs = Counts(total=3, confirmed=2), Counts(total=2, confirmed=2)
    assert [await counts.count(asked) for asked in (ALL, other, ALL, other)] == [ours, theirs] * 2
    assert watched.count == 2


async def test_only_so_many_counts_are_kept(counts: SegmentCounts, watched: Watch) -> None:
    asked = [everybody(number) for number in range(1, CACHE_SIZE + 2)]
    for one in asked:
        await counts.count(one)
    before = watched.count
    await counts.count(asked[-1])
    assert watched.count == before
    await counts.count(asked[0])
    assert watched.count == before + 1
