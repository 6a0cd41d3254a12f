"""How a connection to a database file is opened, and what an error of SQLite means before the service runs."""

import contextlib
import os
import sqlite3
from asyncio import sleep
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import aiosqlite
from aiosqlite import Connection

from mailrith_lite import errors
from mailrith_lite.database.failures import is_full, is_locked
from mailrith_lite.database.settle import finish, interrupt, make_abandonable
from mailrith_lite.unicode_forms import fold

OLDEST_SQLITE = (3, 38)
_BUSY_TIMEOUT = 10.0  # seconds that a connection waits for another process, such as a command
_THREAD_NAME = "mailrith database"
_BUSY_PAUSE = 0.01  # seconds
_UNUSABLE = (sqlite3.DatabaseError, sqlite3.OperationalError)  # damaged, locked, unreadable


@contextlib.asynccontextmanager
async def connect(path: Path, pragmas: tuple[str, ...], *, options: str = "mode=rwc") -> AsyncIterator[Connection]:
    """`options`: of SQLite's URI, such as `mode=ro`."""
    name = _uri(path, options)
    sqlite3.connect(name, uri=True).close()  # a failure here leaves no thread of aiosqlite behind
    opening = aiosqlite.connect(name, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT, factory=_Connection)
    thread: Any = getattr(opening, "_thread", opening)  # in old versions the connection is the thread itself
    thread.name = _THREAD_NAME
    try:
        connection = await finish(opening)  # a thread that opens it after its event loop is closed would fail
        await make_abandonable(connection)
        await retry(connection, "; ".join(pragmas))  # another process may turn a new file into a WAL database
        try:
            yield connection
        finally:
            await finish(interrupt(connection))
    finally:
        await finish(opening.close())


def connect_here(path: Path) -> sqlite3.Connection:
    """A connection for the calling thread, which waits for no other program."""
    return sqlite3.connect(_uri(path, "mode=rw"), uri=True, isolation_level=None, timeout=0, factory=_Connection)


def _uri(path: Path, options: str) -> str:
    return f"{path.absolute().as_uri()}?{options}"


@contextlib.asynccontextmanager
async def connect_to_read(path: Path) -> AsyncIterator[Connection]:
    """For a look at a database that must not change, also in a directory where nothing can be written.

    Raises:
        StartError: the directory cannot be written, and the last changes are in the WAL file only.
    """
    options = "mode=ro"
    if not os.access(path.parent, os.W_OK):  # SQLite cannot make the files that a reader shares with a writer
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size and not path.with_name(f"{path.name}-shm").exists():
            raise errors.StartError(f"{log} has changes that cannot be read in a read-only directory")
        options = "mode=ro&immutable=1"
    async with connect(path, (), options=options) as connection:
        yield connection


async def retry(connection: Connection, script: str) -> None:
    """Runs statements whose rows nobody needs, outside a transaction, in one call of the connection's thread.

    Starts again while another process holds a lock, and does not occupy the thread in between.

    Raises:
        sqlite3.OperationalError: the other process has held the lock for too long.
    """
    ends = monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            await connection.executescript(script)
            return
        except sqlite3.OperationalError as error:
            if not is_locked(error) or monotonic() > ends:
                raise
        await sleep(_BUSY_PAUSE)


@contextlib.contextmanager
def refusing_unusable(path: Path) -> Iterator[None]:
    """
    Raises:
        StartError: the file is not a database, is damaged, locked or unreadable, or SQLite is too old.
    """
    if problem := sqlite_problem():
        raise errors.StartError(problem)
    try:
        yield
    except sqlite3.DatabaseError as error:
        if type(error) not in _UNUSABLE:
            raise
        if is_full(error, path):
            raise errors.StartError(f"cannot use the database {path}: its disk is full; make room first") from error
        raise errors.StartError(f"cannot use the database {path}: {error}") from error


def sqlite_problem() -> str | None:
    if sqlite3.sqlite_version_info >= OLDEST_SQLITE:
        return None
    oldest = ".".join(map(str, OLDEST_SQLITE))
    return f"SQLite {sqlite3.sqlite_version} is too old; use a Python with SQLite {oldest} or newer"


class _Connection(sqlite3.Connection):
    """Gives rows with names, and knows the SQL function `fold`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.row_factory = sqlite3.Row
        self.create_function("fold", 1, _fold, deterministic=True)


def _fold(text: str | None) -> str | None:
    """SQLite's own lower() changes ASCII letters only. Slow: for small tables."""
    return None if text is None else fold(text)
