"""Each migration runs once, completely or not at all, and never on a newer database."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mailrith_lite import errors
from mailrith_lite.database import Database
from mailrith_lite.database.migrate import migrations

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


def test_migrations_are_numbered_without_gaps() -> None:
    assert list(migrations()) == list(range(1, len(migrations()) + 1))


async def test_a_new_database_has_the_newest_version(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "new.db"):
        assert version(tmp_path / "new.db") == max(migrations())


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


async def test_a_migration_that_fails_is_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "failing.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE jobs (id)")  # version 0; the first migration creates this table, too
    connection.close()
    before = schema(path)
    with pytest.raises(errors.StartError, match="cannot use the database"):
        async with Database.open(path):
            pass
    assert version(path) == 0
    assert schema(path) == before


def test_several_processes_can_open_one_new_file(tmp_path: Path) -> None:
    for attempt in range(3):
        path = tmp_path / f"{attempt}.db"
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


@pytest.mark.parametrize("round_", range(10))
async def test_openings_at_the_same_time_migrate_once(tmp_path: Path, round_: int) -> None:
    """SQLite's own timeout does not cover the change of a new file to a WAL database."""
    path = tmp_path / f"{round_}.db"

    async def open_and_close() -> None:
        async with Database.open(path):
            pass

    await asyncio.gather(*(open_and_close() for _ in range(8)))
    assert version(path) == max(migrations())
