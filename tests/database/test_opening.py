"""A database opens with private files, or with an error in one line. A cancelled opening leaves no connection."""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from mailrith_lite import errors
from mailrith_lite.access import workspaces
from mailrith_lite.database import Database, opening


async def test_the_files_of_new_and_existing_databases_have_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    modes = {"test.db": "0o600", "test.db-wal": "0o600", "test.db-shm": "0o600"}
    for name in ("new", "existing"):
        async with Database.open(path) as database:
            async with database.write() as connection:
                await workspaces.insert_workspace(connection, name, 1)
            assert {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.glob("test.db*")} == modes
        path.chmod(0o644)  # as a restored file may be


@pytest.mark.parametrize(
    "content",
    [b"a text that is long enough to be a database" * 20, b"SQLite format 3\0" + b"\xff" * 84],
)
async def test_a_file_that_is_not_a_database_fails_with_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "not.db"
    path.write_bytes(content)
    with pytest.raises(errors.StartError, match="cannot use the database") as error:
        async with Database.open(path):
            pass
    assert "\n" not in str(error.value)


async def test_cancelled_opening_ends_when_its_thread_has_opened_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that opens the connection later would meet a closed event loop."""
    begun, may_open = threading.Event(), threading.Event()

    class SlowConnection(sqlite3.Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            begun.set()
            may_open.wait(30)
            super().__init__(*arguments, **options)

    async def open_and_close() -> None:
        async with opening.connect(tmp_path / "test.db", ()):
            raise AssertionError("it was cancelled before")

    monkeypatch.setattr(opening, "_Connection", SlowConnection)
    task = asyncio.create_task(open_and_close())
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
