"""One writer behind a fair lock, and readers that never see half a transaction."""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiosqlite
from aiosqlite import Connection

from mailrith_lite import disk, errors
from mailrith_lite.database.migrate import migrate

__all__ = ["MAX_ID", "Changes", "Connection", "Database", "Row", "is_possible"]

Row = sqlite3.Row
T = TypeVar("T")
Changes = int | Literal["everybody", "nobody"]
"""Whose subscribers a write may change: those of one workspace, of all of them, or of none."""

READERS = 3
MAX_ID = (1 << 63) - 1
_BUSY_TIMEOUT = 10.0  # seconds; a command line that writes beside the service waits this long
_BUSY_PAUSE = 0.01
_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",
    "PRAGMA wal_autocheckpoint = 8000",
    "PRAGMA temp_store = MEMORY",
)
_UNUSABLE = (sqlite3.DatabaseError, sqlite3.OperationalError)  # damaged, locked, unreadable
_READER_PRAGMAS = ("PRAGMA query_only = ON", "PRAGMA foreign_keys = ON")
_STAGE_PRAGMAS = ("PRAGMA temp_store = MEMORY",)
# nothing in it outlives the connection
_SCRATCH_PRAGMAS = (
    "PRAGMA scratch.journal_mode = OFF",
    "PRAGMA scratch.synchronous = OFF",
    "PRAGMA scratch.cache_size = -16384",
)


class Database:
    """`async with Database.open(path) as database:` migrates the file and holds its connections."""

    def __init__(self, path: Path, writer: Connection, readers: list[Connection], *, lasting: bool) -> None:
        """The first reader answers look-ups, the others are the pool of `read`."""
        self.path = path
        self._lasting = lasting
        self._changes: Counter[Changes] = Counter()
        self.lookup, *readers = readers
        self._writer = writer
        self._lock = asyncio.Lock()
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        self._contended_at = float("-inf")
        for reader in readers:
            self._idle.put_nowait(reader)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, *, lasting: bool = True) -> AsyncIterator["Database"]:
        """Without `lasting`, no commit waits for the disk: for what a test or a sandbox throws away.

        Raises:
            StartError: the file is no database, one from a newer version, or one that is damaged or locked.
        """
        try:
            async with contextlib.AsyncExitStack() as stack:
                pragmas = _WRITER_PRAGMAS if lasting else (*_WRITER_PRAGMAS, "PRAGMA synchronous = OFF")
                writer = await stack.enter_async_context(_connect(path, pragmas))
                path.chmod(0o600)
                await migrate(writer)
                readers = [
                    await stack.enter_async_context(_connect(path, _READER_PRAGMAS)) for _ in range(1 + READERS)
                ]
                yield cls(path, writer, readers, lasting=lasting)
        except sqlite3.DatabaseError as error:
            if type(error) not in _UNUSABLE:
                raise
            raise errors.StartError(f"cannot use the database {path}: {error}") from error

    @contextlib.asynccontextmanager
    async def write(
        self, *, durable: bool = False, changes: Changes = "everybody", housekeeping: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction of its own: commits at the end, rolls back on any exception, cancellation included.

        The lock is first come, first served. `durable` syncs the commit to the disk before it returns: for what
        must survive a power cut, such as a 202. `changes`: whose subscribers it may change, so that what is known
        of the others can be kept. `housekeeping`: no answer changes with it, and nobody waits for it. Await nothing
        slow inside.

        Raises:
            StorageFull: the disk is full; nothing was changed.
        """
        durable = durable and self._lasting
        if self._lock.locked() and not housekeeping:
            self._contended_at = time.monotonic()
        async with self._lock:
            try:
                if durable:
                    await self._writer.execute("PRAGMA synchronous = FULL")
                await self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                try:
                    await _finish(self._writer.execute("COMMIT"))
                finally:
                    if not housekeeping:
                        self._changes[changes] += 1  # what is read from here on may be new
            except BaseException as error:
                await _finish(self._writer.rollback())  # nothing to do where no transaction is open
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise errors.StorageFull from error
                raise
            finally:
                if durable:
                    await _finish(self._writer.execute("PRAGMA synchronous = NORMAL"))

    def revision(self, workspace_id: int) -> tuple[int, int]:
        """It is another one once subscribers of the workspace may have changed."""
        return self._changes["everybody"], self._changes[workspace_id]

    @contextlib.asynccontextmanager
    async def read(self, *, at_once: bool = False) -> AsyncIterator[Connection]:
        """A reader from the pool. Each statement sees one committed state, and with `at_once` all see the same."""
        connection = await self._idle.get()
        try:
            if at_once:
                await connection.execute("BEGIN")
            yield connection
        finally:
            try:
                if at_once:
                    await _finish(connection.rollback())
            finally:
                self._idle.put_nowait(connection)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A reader of its own that sees one committed state however long it reads."""
        async with _connect(self.path, _READER_PRAGMAS) as connection:
            await connection.execute("BEGIN")
            yield connection

    @contextlib.asynccontextmanager
    async def scratch_snapshot(self, scratch: Path) -> AsyncIterator[Connection]:
        """A `snapshot` beside which there is `scratch`, an empty database of its own, deleted at the end.

        What is written there needs no lock; the service's own database cannot be written.
        """
        disk.create_private(scratch).close()
        try:
            async with _connect(self.path, _STAGE_PRAGMAS, read_only=True) as connection:
                await connection.execute("ATTACH ? AS scratch", (str(scratch),))
                for pragma in _SCRATCH_PRAGMAS:
                    await connection.execute(pragma)
                await connection.execute("BEGIN")
                yield connection
        finally:
            scratch.unlink(missing_ok=True)

    async def copy_to(self, target: Path) -> None:
        """A consistent copy of the database, made while it is in use."""
        async with _connect(self.path, ()) as connection:
            await connection.execute("VACUUM INTO ?", (str(target),))

    async def check(self) -> list[str]:
        """What is wrong with the file; nothing when it is sound."""
        try:
            async with self.read() as connection:
                rows = await connection.execute_fetchall("PRAGMA integrity_check(10)")
                found = [str(row[0]) for row in rows if row[0] != "ok"]
                if list(await connection.execute_fetchall("PRAGMA foreign_key_check")):
                    found.append("a row refers to one that is not there")
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return found

    def contended(self, seconds: float) -> bool:
        """Has a writer had to wait for the lock within these last seconds?"""
        return time.monotonic() - self._contended_at < seconds


@contextlib.asynccontextmanager
async def _connect(path: Path, pragmas: tuple[str, ...], *, read_only: bool = False) -> AsyncIterator[Connection]:
    name = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    async with aiosqlite.connect(name, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT) as connection:
        connection.row_factory = sqlite3.Row
        await connection.create_function("casefold", 1, _casefold, deterministic=True)
        for pragma in pragmas:
            await _set(connection, pragma)
        try:
            yield connection
        finally:
            if pragmas is _READER_PRAGMAS:
                await connection.interrupt()  # nobody waits for a long SELECT any more


async def _set(connection: Connection, pragma: str) -> None:
    """SQLite does not wait by itself while another opening of a new file makes it a WAL database."""
    ends = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            await connection.execute(pragma)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
        await asyncio.sleep(_BUSY_PAUSE)


async def is_possible(connection: Connection, sql: str, bound: Mapping[str, Any]) -> bool:
    """Does SQLite compile the statement, or is it too deep or too large? It does not run."""
    try:
        async with connection.execute(f"EXPLAIN {sql}", bound):
            return True
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        return False


def _casefold(text: str | None) -> str | None:
    """For small tables: SQLite's own lower() knows ASCII alone."""
    return None if text is None else text.casefold()


async def _finish(work: Awaitable[T]) -> T:
    """Sees the work through even when the task that asks for it is cancelled, then lets the cancellation go on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except Exception:  # the task keeps it, and result() below raises it
            break
    if cancelled is not None:
        raise cancelled
    return task.result()
