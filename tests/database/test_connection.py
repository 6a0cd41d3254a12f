"""One fair writer that leaves nothing half done, and readers that never see half a transaction."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrith_lite import errors
from mailrith_lite.database import Connection, Database, is_possible
from mailrith_lite.database.connection import READERS

INSERT = "INSERT INTO workspaces (name, created_at, updated_at) VALUES (?, 1, 1)"


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT name FROM workspaces ORDER BY id")
    return [row["name"] for row in rows]


async def count(connection: Connection) -> int:
    return len(list(await connection.execute_fetchall("SELECT id FROM workspaces")))


async def add(database: Database, *added: str, durable: bool = False) -> None:
    async with database.write(durable=durable) as connection:
        for name in added:
            await connection.execute(INSERT, (name,))


async def synchronous(database: Database) -> int:
    async with database.write() as connection:
        rows = await connection.execute_fetchall("PRAGMA synchronous")
    return int(next(iter(rows))[0])


@pytest.fixture
def foreign_writer(database: Database) -> Iterator[sqlite3.Connection]:
    """Another program that holds the database's write lock, until it commits."""
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


async def test_a_write_is_kept_when_its_block_ends(database: Database) -> None:
    await add(database, "a", "b")
    assert await names(database) == ["a", "b"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
async def test_a_write_rolls_back_on_any_exception(database: Database, failure: type[BaseException]) -> None:
    with pytest.raises(failure):
        async with database.write() as connection:
            await connection.execute(INSERT, ("half",))
            raise failure
    await add(database, "next")
    assert await names(database) == ["next"]


async def test_a_write_rolls_back_whole_when_its_last_statement_is_refused(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        await add(database, "a", "b", "A")  # names are unique in any case
    assert await names(database) == []


async def test_a_failed_commit_rolls_back(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        async with database.write() as connection:
            await connection.execute("PRAGMA defer_foreign_keys = ON")
            await connection.execute(INSERT, ("half",))
            await connection.execute(
                "INSERT INTO sequences (workspace_id, name, created_at, updated_at) VALUES (99, 'x', 1, 1)"
            )
    await add(database, "next")
    assert await names(database) == ["next"]


async def test_a_write_cancelled_inside_its_block_leaves_nothing(database: Database) -> None:
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
    await add(database, "next")
    assert await names(database) == ["next"]


async def test_a_write_cancelled_while_it_waits_for_its_turn_leaves_nothing(database: Database) -> None:
    async with database.write() as connection:
        waiting = asyncio.create_task(add(database, "waiting"))
        await asyncio.sleep(0)
        waiting.cancel()
        await connection.execute(INSERT, ("first",))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await add(database, "next")
    assert await names(database) == ["first", "next"]


async def test_a_write_cancelled_while_another_program_holds_the_file_leaves_nothing(
    database: Database, foreign_writer: sqlite3.Connection
) -> None:
    task = asyncio.create_task(add(database, "half"))
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    foreign_writer.commit()
    with pytest.raises(asyncio.CancelledError):
        await task
    await add(database, "next")
    assert await names(database) == ["next"]


@pytest.mark.parametrize("durable", [False, True])
async def test_a_write_cancelled_at_any_moment_is_whole_or_absent_and_the_next_one_works(
    database: Database, durable: bool
) -> None:
    expected: list[str] = []
    for steps in range(120):
        half = f"{steps} first", f"{steps} second"
        task = asyncio.create_task(add(database, *half, durable=durable))
        for _ in range(steps // 2):
            await asyncio.sleep(0)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), (steps, outcome)
        await add(database, f"{steps} next")
        found = await names(database)
        if outcome is None or half[0] in found:
            expected += half
        expected.append(f"{steps} next")
        assert found == expected


async def test_a_durable_write_that_is_cancelled_leaves_the_next_ones_as_quick_as_before(
    database: Database,
) -> None:
    before = await synchronous(database)
    for steps in range(40):
        task = asyncio.create_task(add(database, f"{steps}", durable=True))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await synchronous(database) == before == 1


async def test_a_durable_write_is_synced_in_full(database: Database) -> None:
    async with database.write(durable=True) as connection:
        rows = await connection.execute_fetchall("PRAGMA synchronous")
    assert next(iter(rows))[0] == 2


async def test_who_comes_first_writes_first(database: Database) -> None:
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


async def test_a_writer_that_comes_again_and_again_lets_others_in(database: Database) -> None:
    turns: list[str] = []

    async def write(who: str, times: int) -> None:
        for number in range(times):
            async with database.write() as connection:
                turns.append(who)
                await connection.execute(INSERT, (f"{who}{number}",))

    greedy = asyncio.create_task(write("greedy", 20))
    await asyncio.sleep(0)
    await write("modest", 1)
    waited = turns.index("modest")
    await greedy
    assert waited <= 2


async def test_waiting_is_noticed(database: Database) -> None:
    await add(database, "alone")
    assert not database.contended(60)
    async with database.write():
        task = asyncio.create_task(add(database, "waits"))
        await asyncio.sleep(0)
    await task
    assert database.contended(60)
    assert not database.contended(0)


async def test_a_reader_never_sees_half_a_transaction(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(INSERT, ("a",))
        assert await names(database) == []
        await connection.execute(INSERT, ("b",))
        assert await names(database) == []
    assert await names(database) == ["a", "b"]


async def test_many_readers_and_a_writer_see_whole_transactions_only(database: Database) -> None:
    done = asyncio.Event()

    async def read() -> set[int]:
        counts = set()
        while not done.is_set():
            counts.add(len(await names(database)))
        return counts

    readers = [asyncio.create_task(read()) for _ in range(6)]
    for number in range(60):
        await add(database, *(f"{number}-{part}" for part in range(3)))
    done.set()
    for counts in await asyncio.gather(*readers):
        assert {count % 3 for count in counts} <= {0}


async def test_a_snapshot_stays_as_it_was_at_its_first_look(database: Database) -> None:
    await add(database, "before")
    async with database.snapshot() as connection:
        assert len(list(await connection.execute_fetchall("SELECT name FROM workspaces"))) == 1
        await add(database, "after")
        rows = await connection.execute_fetchall("SELECT name FROM workspaces")
        assert [row["name"] for row in rows] == ["before"]
    assert await names(database) == ["before", "after"]


@pytest.mark.parametrize(("at_once", "seen"), [(False, 2), (True, 1)])
async def test_a_reader_can_see_one_state_in_several_statements(
    database: Database, at_once: bool, seen: int
) -> None:
    await add(database, "before")
    for _ in range(READERS + 1):  # whoever has the reader next sees what there is then
        async with database.read(at_once=at_once) as connection:
            counts = [await count(connection)]
            await add(database, f"after {counts[0]}")
            counts.append(await count(connection))
        assert counts[1] - counts[0] == seen - 1
    assert len(await names(database)) == READERS + 2


async def test_a_statement_that_is_too_deep_is_found_out_without_running_it(database: Database) -> None:
    async with database.read() as connection:
        assert await is_possible(connection, "SELECT * FROM workspaces WHERE id = :id", {"id": 1})
        assert not await is_possible(connection, f"SELECT {'(' * 5_000}1{')' * 5_000}", {})
        assert not await is_possible(connection, f"SELECT {' + '.join(['1'] * 5_000)}", {})


async def test_a_snapshot_does_not_hold_up_writers_and_readers(database: Database) -> None:
    async with database.snapshot() as first, database.snapshot() as second:
        await first.execute_fetchall("SELECT count(*) FROM workspaces")
        await second.execute_fetchall("SELECT count(*) FROM workspaces")
        await add(database, "a")
        assert await names(database) == ["a"]


@pytest.mark.parametrize("kind", ["read", "snapshot"])
async def test_a_reader_cannot_write(database: Database, kind: str) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        async with getattr(database, kind)() as connection:
            await connection.execute(INSERT, ("x",))
    assert await names(database) == []


async def test_a_reader_that_was_cancelled_goes_back_to_the_pool(database: Database) -> None:
    for _ in range(30):
        task = asyncio.create_task(names(database))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await asyncio.wait_for(names(database), 10) == []


async def test_the_file_is_private(database: Database) -> None:
    await add(database, "x")
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in database.path.parent.glob("test.db*")} == {
        "test.db": "0o600",
        "test.db-wal": "0o600",
        "test.db-shm": "0o600",
    }


async def test_a_copy_is_consistent_while_the_database_is_in_use(database: Database, tmp_path: Path) -> None:
    await add(database, "a")
    async with database.write() as connection:
        await connection.execute(INSERT, ("half",))
        await database.copy_to(tmp_path / "copy.db")
    async with Database.open(tmp_path / "copy.db") as copy:
        assert await names(copy) == ["a"]
        assert await copy.check() == []


@pytest.mark.parametrize(
    "content",
    [b"this is no database, but it is long enough to be taken for one" * 20, b"SQLite format 3\0" + b"\xff" * 84],
)
async def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "not.db"
    path.write_bytes(content)
    with pytest.raises(errors.StartError, match="cannot use the database") as refused:
        async with Database.open(path):
            pass
    assert "\n" not in str(refused.value)
