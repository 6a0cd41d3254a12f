"""Look-ups by key run on the event loop: short, read-only, and of the newest committed state."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from empty_database import write_empty_database
from plain_sqlite import opened

from mailrith_lite import errors
from mailrith_lite.database import Connection, Database
from mailrith_lite.database.connection import JOB_READERS
from mailrith_lite.database.lookup import MOST_STEPS, Lookup

COUNT = "WITH RECURSIVE steps(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM steps WHERE n < ?) SELECT n FROM steps"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(write_empty_database(tmp_path / "test.db"), sync_to_disk=False) as opened_database:
        yield opened_database


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A database without a WAL, whose readers can be locked out."""
    with opened(tmp_path / "plain.db") as connection:
        connection.execute("CREATE TABLE numbers (n)")
        connection.execute("INSERT INTO numbers VALUES (7)")
    return tmp_path / "plain.db"


async def test_lookup_sees_a_commit_of_this_process_and_of_another_program(database: Database) -> None:
    sql = "SELECT name FROM workspaces ORDER BY id"
    assert await database.lookup.execute_fetchall(sql) == []
    async with database.write() as connection:
        await connection.execute("INSERT INTO workspaces (name, created_at, updated_at) VALUES ('Acme', 1, 1)")
        assert await database.lookup.execute_fetchall(sql) == []
    assert [row["name"] for row in await database.lookup.execute_fetchall(sql)] == ["Acme"]
    with opened(database.path) as other:
        other.execute("UPDATE workspaces SET name = 'Initech'")
    await asyncio.sleep(0)  # a request after the commit comes in a later turn of the event loop
    assert [row["name"] for row in await database.lookup.execute_fetchall(sql)] == ["Initech"]


async def test_statements_of_one_turn_see_one_state(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute("INSERT INTO workspaces (name, created_at, updated_at) VALUES ('Acme', 1, 1)")
    await database.lookup.execute_fetchall("SELECT id FROM workspaces")
    with opened(database.path) as other:
        other.execute("UPDATE workspaces SET name = 'Initech'")
    assert [row["name"] for row in await database.lookup.execute_fetchall("SELECT name FROM workspaces")] == [
        "Acme"
    ]


async def test_row_is_remembered_until_a_commit(database: Database) -> None:
    values = (7, None, b"x")
    statement = "SELECT ? AS a, ? AS b, ? AS c"
    first = await database.lookup.execute_fetchall(statement, values)
    await asyncio.sleep(0)
    assert (await database.lookup.execute_fetchall(statement, values))[0] is first[0]
    assert tuple((await database.lookup.execute_fetchall(statement, (8, None, b"x")))[0]) == (8, None, b"x")
    async with database.write() as connection:
        await connection.execute("INSERT INTO workspaces (name, created_at, updated_at) VALUES ('Acme', 1, 1)")
    assert (await database.lookup.execute_fetchall(statement, values))[0] is not first[0]


async def test_few_rows_are_remembered(database: Database) -> None:
    first = await database.lookup.execute_fetchall("SELECT ? AS n", (0,))
    for number in range(1, 101):
        await database.lookup.execute_fetchall("SELECT ? AS n", (number,))
    assert (await database.lookup.execute_fetchall("SELECT ? AS n", (0,)))[0] is not first[0]


async def test_lookup_cannot_write(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await database.lookup.execute_fetchall("DELETE FROM workspaces")


async def test_statement_with_too_many_steps_fails_and_the_next_one_answers(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        await database.lookup.execute_fetchall(COUNT, (MOST_STEPS,))
    assert len(await database.lookup.execute_fetchall(COUNT, (3,))) == 3


async def test_list_needs_a_reader_only_if_it_takes_many_steps(database: Database) -> None:
    async with contextlib.AsyncExitStack() as all_readers:
        for _ in range(JOB_READERS):
            await all_readers.enter_async_context(database.read())
        async with database.read_list() as reader:
            assert len(list(await reader.execute_fetchall(COUNT, (3,)))) == 3
            long_read = asyncio.ensure_future(reader.execute_fetchall(COUNT, (MOST_STEPS,)))
            await asyncio.sleep(0)
            assert not long_read.done()
            await all_readers.aclose()
            assert len(list(await long_read)) == MOST_STEPS


async def test_list_with_a_search_is_read_by_a_reader(database: Database) -> None:
    async with database.read_list(search="a") as reader:
        assert isinstance(reader, Connection)


@pytest.mark.slow
async def test_steps_of_earlier_runs_do_not_count(database: Database) -> None:
    for _ in range(200):
        assert len(await database.lookup.execute_fetchall(COUNT, (1_000,))) == 1_000


async def test_lookup_waits_for_no_reader(database: Database) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(JOB_READERS):
            await stack.enter_async_context(database.read())
        assert await database.lookup.execute_fetchall("SELECT name FROM workspaces") == []


async def test_lookup_waits_for_a_lock_of_another_program_and_lets_others_run(plain: Path) -> None:
    with Lookup.open(plain) as lookup, opened(plain) as other:
        other.execute("BEGIN EXCLUSIVE")
        reading = asyncio.ensure_future(lookup.execute_fetchall("SELECT n FROM numbers"))
        await asyncio.sleep(0)  # the statement has met the lock
        assert not reading.done()
        other.execute("COMMIT")
        assert [row["n"] for row in await reading] == [7]


@pytest.mark.slow
async def test_lock_that_another_program_keeps_is_a_busy_database(plain: Path) -> None:
    with Lookup.open(plain) as lookup, opened(plain) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(errors.DatabaseBusy):
            await lookup.execute_fetchall("SELECT n FROM numbers")
