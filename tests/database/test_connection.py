"""One fair writer whose transactions are complete or absent, and readers that see committed states only."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from empty_database import write_empty_database

from mailrith_lite import errors
from mailrith_lite.database import (
    Connection,
    Database,
    can_compile,
    check_database,
    copy_database,
    opening,
    wal_copier,
)
from mailrith_lite.database.connection import READERS

INSERT = "INSERT INTO workspaces (name, created_at, updated_at) VALUES (?, 1, 1)"


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT name FROM workspaces ORDER BY id")
    return [row["name"] for row in rows]


async def count(connection: Connection) -> int:
    return len(list(await connection.execute_fetchall("SELECT id FROM workspaces")))


async def insert(database: Database, *new: str, durable: bool = False) -> None:
    async with database.write(durable=durable) as connection:
        for name in new:
            await connection.execute(INSERT, (name,))


async def synchronous(database: Database) -> int:
    async with database.write() as connection:
        rows = await connection.execute_fetchall("PRAGMA synchronous")
    return int(next(iter(rows))[0])


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database whose commits wait for the disk, as those of the service do."""
    async with Database.open(write_empty_database(tmp_path / "test.db")) as opened:
        yield opened


@pytest.fixture
def other_program(database: Database) -> Iterator[sqlite3.Connection]:
    """Another program that holds the write lock of the file until it commits."""
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


async def test_a_write_commits_at_the_end_of_its_block(database: Database) -> None:
    await insert(database, "a", "b")
    assert await names(database) == ["a", "b"]


@pytest.mark.parametrize("exception", [ValueError, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
async def test_a_write_rolls_back_on_any_exception(database: Database, exception: type[BaseException]) -> None:
    with pytest.raises(exception):
        async with database.write() as connection:
            await connection.execute(INSERT, ("half",))
            raise exception
    await insert(database, "next")
    assert await names(database) == ["next"]


async def test_a_write_rolls_back_completely_when_its_last_statement_fails(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        await insert(database, "a", "b", "A")  # names are unique ignoring case
    assert await names(database) == []


async def test_a_failed_commit_rolls_back(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        async with database.write() as connection:
            await connection.execute("PRAGMA defer_foreign_keys = ON")
            await connection.execute(INSERT, ("half",))
            await connection.execute(
                "INSERT INTO sequences (workspace_id, name, created_at, updated_at) VALUES (99, 'x', 1, 1)"
            )
    await insert(database, "next")
    assert await names(database) == ["next"]


async def test_a_write_that_is_cancelled_inside_its_block_rolls_back(database: Database) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(INSERT, ("half",))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await insert(database, "next")
    assert await names(database) == ["next"]


async def test_a_write_that_is_cancelled_while_it_waits_for_the_lock_writes_nothing(database: Database) -> None:
    async with database.write() as connection:
        waiting = asyncio.create_task(insert(database, "waiting"))
        await asyncio.sleep(0)
        waiting.cancel()
        await connection.execute(INSERT, ("first",))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await insert(database, "next")
    assert await names(database) == ["first", "next"]


async def test_a_write_that_is_cancelled_while_another_program_holds_the_lock_writes_nothing(
    database: Database, other_program: sqlite3.Connection
) -> None:
    task = asyncio.create_task(insert(database, "half"))
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    other_program.commit()
    with pytest.raises(asyncio.CancelledError):
        await task
    await insert(database, "next")
    assert await names(database) == ["next"]


@pytest.mark.slow
@pytest.mark.parametrize("durable", [False, True])
async def test_a_write_that_is_cancelled_at_any_moment_is_complete_or_absent(
    database: Database, durable: bool
) -> None:
    expected: list[str] = []
    for steps in range(120):
        pair = f"{steps} first", f"{steps} second"
        task = asyncio.create_task(insert(database, *pair, durable=durable))
        for _ in range(steps // 2):
            await asyncio.sleep(0)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), (steps, outcome)
        await insert(database, f"{steps} next")
        present = await names(database)
        if outcome is None or pair[0] in present:
            expected += pair
        expected.append(f"{steps} next")
        assert present == expected


async def test_a_cancelled_durable_write_resets_the_synchronous_pragma(
    database: Database,
) -> None:
    before = await synchronous(database)
    for steps in range(40):
        task = asyncio.create_task(insert(database, f"{steps}", durable=True))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await synchronous(database) == before == 1


async def test_a_durable_write_uses_full_synchronous(database: Database) -> None:
    async with database.write(durable=True) as connection:
        rows = await connection.execute_fetchall("PRAGMA synchronous")
    assert next(iter(rows))[0] == 2


async def test_writers_get_the_lock_in_order(database: Database) -> None:
    order: list[int] = []

    async def write(number: int) -> None:
        async with database.write() as connection:
            order.append(number)
            await connection.execute(INSERT, (str(number),))

    async with database.write():
        tasks = [asyncio.create_task(write(number)) for number in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == list(range(50))


async def test_a_busy_writer_lets_others_write(database: Database) -> None:
    turns: list[str] = []

    async def write(name: str, times: int) -> None:
        for number in range(times):
            async with database.write() as connection:
                turns.append(name)
                await connection.execute(INSERT, (f"{name}{number}",))

    greedy = asyncio.create_task(write("greedy", 20))
    await asyncio.sleep(0)
    await write("modest", 1)
    turns_before = turns.index("modest")
    await greedy
    assert turns_before <= 2


async def test_contended_says_that_a_writer_waited(database: Database) -> None:
    await insert(database, "alone")
    assert not database.contended(60)
    async with database.write():
        task = asyncio.create_task(insert(database, "waiting"))
        await asyncio.sleep(0)
    await task
    assert database.contended(60)
    assert not database.contended(0)


@pytest.mark.parametrize("options", [{"bulk": True}, {"housekeeping": True}])
async def test_contended_leaves_out_jobs_and_housekeeping_that_waited(
    database: Database, options: dict[str, bool]
) -> None:
    async def wait() -> None:
        async with database.write(**options):  # type: ignore[arg-type]
            pass

    async with database.write():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
    await task
    assert not database.contended(60)


async def test_a_reader_sees_nothing_of_an_open_transaction(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(INSERT, ("a",))
        assert await names(database) == []
        await connection.execute(INSERT, ("b",))
        assert await names(database) == []
    assert await names(database) == ["a", "b"]


@pytest.mark.slow
async def test_many_readers_see_complete_transactions_only(database: Database) -> None:
    done = asyncio.Event()

    async def read() -> set[int]:
        counts = set()
        while not done.is_set():
            counts.add(len(await names(database)))
        return counts

    readers = [asyncio.create_task(read()) for _ in range(6)]
    for number in range(60):
        await insert(database, *(f"{number}-{part}" for part in range(3)))
    done.set()
    for counts in await asyncio.gather(*readers):
        assert {count % 3 for count in counts} <= {0}


async def test_a_snapshot_keeps_its_first_state(database: Database) -> None:
    await insert(database, "before")
    async with database.snapshots(2) as connections:
        await insert(database, "after")
        for connection in connections:
            rows = await connection.execute_fetchall("SELECT name FROM workspaces")
            assert [row["name"] for row in rows] == ["before"]
    assert await names(database) == ["before", "after"]


@pytest.mark.parametrize(("consistent", "new_rows"), [(False, 1), (True, 0)])
async def test_only_a_consistent_read_hides_commits_between_its_statements(
    database: Database, consistent: bool, new_rows: int
) -> None:
    await insert(database, "before")
    for _ in range(READERS + 1):  # one more than there are readers, so one is used again
        async with database.read(consistent=consistent) as connection:
            counts = [await count(connection)]
            await insert(database, f"after {counts[0]}")
            counts.append(await count(connection))
        assert counts[1] - counts[0] == new_rows
    assert len(await names(database)) == READERS + 2


async def test_can_compile_says_whether_sqlite_accepts_a_statement(database: Database) -> None:
    async with database.read() as connection:
        assert await can_compile(connection, "SELECT * FROM workspaces WHERE id = :id", {"id": 1})
        assert not await can_compile(connection, f"SELECT {'(' * 5_000}1{')' * 5_000}", {})
        assert not await can_compile(connection, f"SELECT {' + '.join(['1'] * 5_000)}", {})


async def test_snapshots_do_not_block_writers_and_readers(database: Database) -> None:
    async with database.snapshot(), database.snapshots(2):
        await insert(database, "a")
        assert await names(database) == ["a"]


async def test_a_reader_cannot_write(database: Database) -> None:
    async with database.read() as reader, database.snapshot() as snapshot_reader:
        for connection in (reader, snapshot_reader):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                await connection.execute(INSERT, ("x",))
    assert await names(database) == []


@pytest.mark.slow
async def test_readers_of_a_snapshot_see_one_state_although_others_write(database: Database) -> None:
    done = asyncio.Event()

    async def write() -> None:
        number = 0
        while not done.is_set():
            await insert(database, str(number))
            number += 1

    writing = asyncio.create_task(write())
    try:
        for _ in range(20):
            async with database.snapshots(3) as connections:
                assert len({await count(connection) for connection in connections}) == 1
    finally:
        done.set()
        await writing


async def test_a_cancelled_reader_returns_to_the_pool(database: Database) -> None:
    for _ in range(30):
        task = asyncio.create_task(names(database))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await asyncio.wait_for(names(database), 10) == []


async def test_a_copy_during_a_transaction_is_consistent(database: Database, tmp_path: Path) -> None:
    await insert(database, "a")
    async with database.write() as connection:
        await connection.execute(INSERT, ("half",))
        await copy_database(database.path, tmp_path / "copy.db")
    async with Database.open(tmp_path / "copy.db") as copy:
        assert await names(copy) == ["a"]
        assert await check_database(copy.path) == []


@pytest.mark.parametrize("options", [{"bulk": True}, {"housekeeping": True}])
async def test_pages_of_a_chunk_and_of_housekeeping_are_copied_without_another_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]
) -> None:
    copied = asyncio.Event()

    async def pause(_: float) -> None:
        copied.set()
        await asyncio.Event().wait()  # for ever: there is no second copy

    monkeypatch.setattr(wal_copier, "sleep", pause)
    size = database.path.stat().st_size
    async with database.write(**options) as connection:  # type: ignore[arg-type]
        for number in range(100):
            await connection.execute(INSERT, (f"{number}{'x' * 10_000}",))
    await asyncio.wait_for(copied.wait(), 60)
    assert database.path.stat().st_size > size + 1_000_000


async def test_database_closes_while_pages_are_copied(tmp_path: Path) -> None:
    path = write_empty_database(tmp_path / "test.db")
    async with Database.open(path) as database, database.write(bulk=True) as connection:
        await connection.execute(INSERT, ("x" * 10_000_000,))
    assert await check_database(path) == []


@pytest.mark.slow
async def test_large_wal_is_emptied_unless_a_snapshot_needs_it(database: Database) -> None:
    wal = database.path.with_name("test.db-wal")
    async with database.snapshot():
        await insert(database, *(f"{number}{'x' * 1_000}" for number in range(6_000)))
        large = wal.stat().st_size
        await database.shrink_wal()
        assert wal.stat().st_size == large
    await database.shrink_wal()
    assert (wal.stat().st_size, large > 1 << 22) == (0, True)
    await insert(database, "after")
    assert len(await names(database)) == 6_001


ORPHAN = "INSERT INTO api_keys VALUES (1, 99, 'key', x'00', '', '[]', NULL, NULL, NULL, NULL, 1, 1)"


async def test_write_without_foreign_keys_checks_no_reference(database: Database) -> None:
    async with database.write(bulk=True) as connection:
        await connection.execute(ORPHAN)
        await connection.execute("DELETE FROM api_keys")


@pytest.mark.parametrize("failure", [None, RuntimeError, asyncio.CancelledError])
async def test_write_after_one_without_foreign_keys_checks_references(
    database: Database, failure: type[BaseException] | None
) -> None:
    with contextlib.suppress(*[failure] if failure else []):
        async with database.write(bulk=True):
            if failure:
                raise failure
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await insert_orphan(database)


async def test_write_checks_references_after_one_that_could_not_begin(
    database: Database, other_program: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_program.rollback()
    await insert(database, "a")
    other_program.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(opening, "_BUSY_TIMEOUT", 0)
    with pytest.raises(errors.DatabaseBusy):
        async with database.write(bulk=True):
            pass
    other_program.rollback()
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await insert_orphan(database)


async def insert_orphan(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(ORPHAN)
