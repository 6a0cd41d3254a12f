"""One connection that writes, behind a fair lock, and readers that see committed states only."""

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
from mailrith_lite.database.migrate import migrate, migrations

__all__ = ["MAX_ID", "Changes", "Connection", "Database", "Row", "can_compile"]

Row = sqlite3.Row
T = TypeVar("T")
Changes = int | Literal["everybody", "nobody"]
"""Whose subscribers a write may change: of one workspace (its integer id), of all, or of none."""

READERS = 3
MAX_ID = (1 << 63) - 1
_BUSY_TIMEOUT = 10.0  # seconds that a connection waits for another process, such as a command
_BUSY_PAUSE = 0.01  # seconds
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
_SNAPSHOT_PRAGMAS = ("PRAGMA temp_store = MEMORY",)
_SCRATCH_PRAGMAS = (  # the scratch database is deleted with its connection, so it needs no protection
    "PRAGMA scratch.journal_mode = OFF",
    "PRAGMA scratch.synchronous = OFF",
    "PRAGMA scratch.cache_size = -16384",
)


class Database:
    """`async with Database.open(path) as database:` opens the connections and migrates the file.

    `lookup` is a reader for short look-ups by key, which never wait for the pool of `read`.
    """

    def __init__(self, path: Path, writer: Connection, readers: list[Connection], *, sync_to_disk: bool) -> None:
        """The first reader becomes `lookup`, the others the pool of `read`."""
        self.path = path
        self._sync_to_disk = sync_to_disk
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
    async def open(cls, path: Path, *, sync_to_disk: bool = True) -> AsyncIterator["Database"]:
        """`sync_to_disk=False`: no commit waits for the disk, for a sandbox whose data need not survive.

        Raises:
            StartError: the file is not a database, comes from a newer version, is damaged or is locked.
        """
        try:
            async with contextlib.AsyncExitStack() as stack:
                pragmas = _WRITER_PRAGMAS if sync_to_disk else (*_WRITER_PRAGMAS, "PRAGMA synchronous = OFF")
                writer = await stack.enter_async_context(_connect(path, pragmas))
                path.chmod(0o600)
                await migrate(writer, migrations())
                readers = [
                    await stack.enter_async_context(_connect(path, _READER_PRAGMAS)) for _ in range(1 + READERS)
                ]
                yield cls(path, writer, readers, sync_to_disk=sync_to_disk)
        except sqlite3.DatabaseError as error:
            if type(error) not in _UNUSABLE:
                raise
            raise errors.StartError(f"cannot use the database {path}: {error}") from error

    @contextlib.asynccontextmanager
    async def write(
        self, *, durable: bool = False, changes: Changes = "everybody", housekeeping: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction that commits at the end of the block and rolls back on any exception, also on cancellation.

        Writers get the lock in the order in which they ask for it. Await nothing slow inside.

        `durable`: the commit is on the disk before the block ends, for what must survive a power cut, such as a
        202. `changes`: whose subscribers the block may change; the caches of the other workspaces stay valid.
        `housekeeping`: the block changes no answer of the API and nobody waits for it, so it invalidates no cache
        and does not slow down an import.

        Raises:
            StorageFull: the disk is full; nothing was changed.
        """
        durable = durable and self._sync_to_disk
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
                        self._changes[changes] += 1  # also after a failed COMMIT: it may have taken effect
            except BaseException as error:
                await _finish(self._writer.rollback())  # does nothing if no transaction is open
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise errors.StorageFull from error
                raise
            finally:
                if durable:
                    await _finish(self._writer.execute("PRAGMA synchronous = NORMAL"))

    def revision(self, workspace_id: int) -> tuple[int, int]:
        """A value that changes whenever subscribers of the workspace may have changed."""
        return self._changes["everybody"], self._changes[workspace_id]

    @contextlib.asynccontextmanager
    async def read(self, *, consistent: bool = False) -> AsyncIterator[Connection]:
        """A reader from the pool. Each statement sees one committed state; with `consistent`, all see the same."""
        connection = await self._idle.get()
        try:
            if consistent:
                await connection.execute("BEGIN")
            yield connection
        finally:
            try:
                if consistent:
                    await _finish(connection.rollback())
            finally:
                self._idle.put_nowait(connection)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A reader outside the pool, for long reads: all its statements see the same committed state."""
        async with _connect(self.path, _READER_PRAGMAS) as connection:
            await connection.execute("BEGIN")
            yield connection

    @contextlib.asynccontextmanager
    async def scratch_snapshot(self, scratch: Path) -> AsyncIterator[Connection]:
        """A `snapshot` with an empty database attached as `scratch`, whose file is deleted at the end.

        Statements can write to `scratch` without the lock, but not to the service's own database.
        """
        disk.create_private(scratch).close()
        try:
            async with _connect(self.path, _SNAPSHOT_PRAGMAS, read_only=True) as connection:
                await connection.execute("ATTACH ? AS scratch", (str(scratch),))
                for pragma in _SCRATCH_PRAGMAS:
                    await connection.execute(pragma)
                await connection.execute("BEGIN")
                yield connection
        finally:
            scratch.unlink(missing_ok=True)

    async def copy_to(self, target: Path) -> None:
        """Writes a consistent copy; others can use the database meanwhile."""
        async with _connect(self.path, ()) as connection:
            await connection.execute("VACUUM INTO ?", (str(target),))

    async def check(self) -> list[str]:
        """The problems of the file, in SQLite's words; an empty list if it has none."""
        try:
            async with self.read() as connection:
                rows = await connection.execute_fetchall("PRAGMA integrity_check(10)")
                problems = [str(row[0]) for row in rows if row[0] != "ok"]
                if list(await connection.execute_fetchall("PRAGMA foreign_key_check")):
                    problems.append("a row refers to another row that does not exist")
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return problems

    def contended(self, seconds: float) -> bool:
        """Whether a writer had to wait for the lock within the last `seconds`."""
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
                await connection.interrupt()  # a SELECT that still runs has no caller any more


async def _set(connection: Connection, pragma: str) -> None:
    """Waits while another process turns the same new file into a WAL database: SQLite's own timeout does not."""
    ends = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            await connection.execute(pragma)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
        await asyncio.sleep(_BUSY_PAUSE)


async def can_compile(connection: Connection, sql: str, parameters: Mapping[str, Any]) -> bool:
    """Whether SQLite can compile the statement; not if it is too deep or too large. The statement does not run."""
    try:
        async with connection.execute(f"EXPLAIN {sql}", parameters):
            return True
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        return False


def _casefold(text: str | None) -> str | None:
    """SQLite's own lower() changes ASCII letters only. Slow: for small tables."""
    return None if text is None else text.casefold()


async def _finish(work: Awaitable[T]) -> T:
    """Completes the work although the calling task is cancelled, then raises the cancellation."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except Exception:  # result() below raises it
            break
    if cancelled is not None:
        raise cancelled
    return task.result()
