"""Requests read within a deadline and in turns of their workspaces; jobs have readers of their own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from empty_database import write_empty_database

from mailrith_lite import errors
from mailrith_lite.database import ClientLeft, Database, Requester
from mailrith_lite.database.connection import READERS, SHARE

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(write_empty_database(tmp_path / "test.db"), query_timeout=0.2) as database:
        yield database


def requester(workspace_id: int) -> Requester:
    made = Requester()
    made.workspace_id = workspace_id
    return made


async def select(database: Database, by: Requester, sql: str = "SELECT 1", *, consistent: bool = False) -> int:
    with by.requesting():
        async with database.read(consistent=consistent) as connection:
            rows = await connection.execute_fetchall(sql)
    return int(next(iter(rows))[0])


@contextlib.asynccontextmanager
async def reading(database: Database, workspace_id: int, count: int) -> AsyncIterator[None]:
    """The workspace has so many readers."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            with requester(workspace_id).requesting():
                await stack.enter_async_context(database.read())
        yield


@pytest.mark.slow
@pytest.mark.parametrize("consistent", [False, True])
async def test_query_ends_at_its_deadline_and_its_reader_is_usable_again(
    impatient: Database, consistent: bool
) -> None:
    for _ in range(READERS + 1):  # one more than there are readers, so one is used again
        with pytest.raises(errors.QueryTooSlow):
            await select(impatient, requester(1), ENDLESS, consistent=consistent)
        assert await select(impatient, requester(1)) == 1


async def test_wait_for_a_reader_has_the_same_deadline(impatient: Database) -> None:
    async def hold(held: asyncio.Event, release: asyncio.Event) -> None:
        async with impatient._readers.take(1, consistent=False):
            held.set()
            await release.wait()

    release, all_held = asyncio.Event(), [asyncio.Event() for _ in range(SHARE)]
    holders = [asyncio.create_task(hold(held, release)) for held in all_held]
    for held in all_held:
        await held.wait()
    with pytest.raises(errors.QueryTooSlow):
        await select(impatient, requester(1))
    release.set()
    await asyncio.gather(*holders)
    assert await select(impatient, requester(1)) == 1


async def test_query_ends_when_its_client_leaves(database: Database) -> None:
    for _ in range(READERS + 1):
        by = requester(1)
        query = asyncio.create_task(select(database, by, ENDLESS))
        await asyncio.sleep(0)
        by.leave()
        with pytest.raises(ClientLeft):
            await query
        assert await select(database, requester(1)) == 1


async def test_client_that_leaves_waits_no_longer_for_a_reader(database: Database) -> None:
    async with reading(database, 1, SHARE):
        by = requester(1)
        query = asyncio.create_task(select(database, by))
        await asyncio.sleep(0)
        by.leave()
        with pytest.raises(ClientLeft):
            await query
    assert await select(database, requester(1)) == 1


async def test_client_that_has_left_reads_nothing_more(database: Database) -> None:
    by = requester(1)
    by.leave()
    with pytest.raises(ClientLeft):
        await select(database, by)


async def test_workspace_never_has_all_readers(database: Database) -> None:
    async with reading(database, 1, SHARE):
        waiting = asyncio.create_task(select(database, requester(1)))
        assert await select(database, requester(2)) == 1
        assert not waiting.done()
    assert await waiting == 1


async def test_workspaces_take_turns_for_a_free_reader(database: Database) -> None:
    order: list[int] = []

    async def note(workspace_id: int) -> None:
        with requester(workspace_id).requesting():
            async with database.read():
                order.append(workspace_id)

    async with contextlib.AsyncExitStack() as stack:
        for other in range(READERS):
            await stack.enter_async_context(reading(database, 100 + other, 1))
        numbers = [1, 1, 1, 1, 2, 3]
        waiting = [asyncio.create_task(note(number)) for number in numbers]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert sorted(order) == sorted(numbers)
    assert set(order[:3]) == {1, 2, 3}


@pytest.mark.slow
async def test_job_reads_without_a_deadline_while_requests_have_all_readers(impatient: Database) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for other in range(READERS):
            await stack.enter_async_context(impatient._readers.take(other, consistent=False))
        async with impatient.read() as connection:
            sql = ENDLESS.replace("FROM n)", "FROM n WHERE i < 3000000)")  # longer than the deadline
            rows = await connection.execute_fetchall(sql)
    assert next(iter(rows))[0] == 3_000_000


async def test_cancelled_write_interrupts_its_statement(database: Database) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            inside.set()
            await connection.execute(ENDLESS)

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as connection:
        assert list(await connection.execute_fetchall("SELECT 1"))


async def test_cancelled_write_rolls_back_with_a_page_of_the_search_index_open(database: Database) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute("INSERT INTO subscriber_search (rowid, email) VALUES (7, 'ada@example.com')")
            await connection.execute(
                "INSERT INTO subscriber_search (subscriber_search, rank) VALUES ('merge', -16)"
            )
            inside.set()
            await connection.execute(ENDLESS)

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.write() as connection:
        assert not list(await connection.execute_fetchall("SELECT id FROM subscriber_search_data WHERE id > 10"))
