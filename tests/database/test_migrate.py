"""Each migration runs once, completely or not at all, and never on a newer database."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import pytest
from plain_sqlite import opened

from mailrith_lite import errors
from mailrith_lite.database import Database
from mailrith_lite.database import migrate as migrate_module
from mailrith_lite.database.migrate import migrate, migrations
from mailrith_lite.database.opening import connect

OPEN = """
import asyncio, sys
from pathlib import Path
from mailrith_lite.database import Database

async def main():
    sys.stdin.readline()
    async with Database.open(Path(sys.argv[1])) as database:
        async with database.write() as connection:
            await connection.execute(
                "INSERT INTO workspaces (name, created_at, updated_at) VALUES (?, 1, 1)", (sys.argv[2],)
            )

asyncio.run(main())
"""


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def schema(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [
            row[0]
            for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        ]
    finally:
        connection.close()


def test_migrations_are_numbered_without_gaps_and_each_has_a_number_of_its_own() -> None:
    files = [path.name for path in (Path(migrate_module.__file__).parent / "migrations").glob("*.sql")]
    assert sorted(int(name[:4]) for name in files) == list(range(1, len(files) + 1))
    assert len(migrations()) == len(files)


async def test_a_new_database_has_the_newest_version(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "new.db"):
        assert version(tmp_path / "new.db") == max(migrations())


async def test_new_database_equals_one_that_all_migrations_have_made(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "new.db"):
        pass
    async with connect(tmp_path / "migrated.db", ()) as connection:
        await migrate(connection, migrations())
    assert content(tmp_path / "new.db") == content(tmp_path / "migrated.db")


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The tables, indexes and triggers in the order of their making, and the rows of each table."""
    with opened(path) as connection:
        made = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid"
        tables = """SELECT name FROM pragma_table_list
            WHERE schema = 'main' AND type != 'virtual' AND name != 'sqlite_schema'"""
        names = [name for (name,) in connection.execute(tables)]
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        rows["sqlite_sequence"] = [row for row in rows["sqlite_sequence"] if row[1]]  # 0 is the same as no row
        return {"sqlite_schema": connection.execute(made).fetchall(), **rows}


async def test_a_second_opening_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "twice.db"
    async with Database.open(path) as database, database.write() as connection:
        await connection.execute("INSERT INTO workspaces (name, created_at, updated_at) VALUES ('a', 1, 1)")
    before = schema(path)
    async with Database.open(path) as database, database.read() as connection:
        rows = await connection.execute_fetchall("SELECT name FROM workspaces")
        assert [row["name"] for row in rows] == ["a"]
    assert schema(path) == before


async def test_a_newer_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    async with Database.open(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = schema(path)
    with pytest.raises(errors.StartError, match="version 9999, newer than this program knows") as error:
        async with Database.open(path):
            pass
    assert "\n" not in str(error.value)
    assert version(path) == 9999
    assert schema(path) == before


async def test_tables_that_litestream_makes_in_a_new_file_do_not_stop_the_start(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "test.db")) as connection:
        connection.execute("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
    async with Database.open(tmp_path / "test.db"):
        pass
    assert version(tmp_path / "test.db") == max(migrations())


async def test_a_migration_that_fails_is_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "failing.db"
    async with connected(path) as connection:
        with pytest.raises(sqlite3.OperationalError, match="table parents already exists"):
            await migrate(connection, {1: FAMILIES, 2: "CREATE TABLE aunts (id);\n" + FAMILIES})
    assert version(path) == 1
    assert not any("aunts" in sql for sql in schema(path))


FAMILIES = """CREATE TABLE parents (id INTEGER PRIMARY KEY);
CREATE TABLE children (parent_id INTEGER NOT NULL REFERENCES parents (id) ON DELETE CASCADE);
INSERT INTO parents VALUES (1);
INSERT INTO children VALUES (1);
"""


@contextlib.asynccontextmanager
async def connected(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.execute("PRAGMA foreign_keys = ON")
        yield connection


async def test_a_migration_that_replaces_a_table_keeps_the_rows_that_refer_to_it(tmp_path: Path) -> None:
    replace = """CREATE TABLE new_parents (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO new_parents SELECT id, NULL FROM parents;
DROP TABLE parents;
ALTER TABLE new_parents RENAME TO parents;
"""
    async with connected(tmp_path / "families.db") as connection:
        await migrate(connection, {1: FAMILIES, 2: replace})
        assert [tuple(row) for row in await connection.execute_fetchall("SELECT * FROM children")] == [(1,)]
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            await connection.execute("INSERT INTO children VALUES (2)")


async def test_a_migration_that_leaves_a_row_without_its_parent_is_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "families.db"
    async with connected(path) as connection:
        with pytest.raises(
            errors.StartError, match="version 2: a row of the table children refers to a row of parents"
        ):
            await migrate(connection, {1: FAMILIES, 2: "DELETE FROM parents;\n"})
        assert [tuple(row) for row in await connection.execute_fetchall("SELECT * FROM parents")] == [(1,)]
    assert version(path) == 1


@pytest.mark.slow
def test_several_processes_can_open_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(path), f"process {number}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    stderr = [process.communicate(timeout=60)[1] for process in processes]
    assert stderr == [""] * 4
    connection = sqlite3.connect(path)
    assert {row[0] for row in connection.execute("SELECT name FROM workspaces")} == {
        f"process {number}" for number in range(4)
    }
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(4))
async def test_openings_at_the_same_time_migrate_once(tmp_path: Path, round_: int) -> None:
    """SQLite's own timeout does not cover the change of a new file to a WAL database."""
    path = tmp_path / f"{round_}.db"

    async def open_and_close() -> None:
        async with Database.open(path):
            pass

    await asyncio.gather(*(open_and_close() for _ in range(8)))
    assert version(path) == max(migrations())
