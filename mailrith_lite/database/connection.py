"""One connection that writes, behind a fair lock, and readers that see committed states only."""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

import aiosqlite
from aiosqlite import Connection

from mailrith_lite import disk, errors
from mailrith_lite.database import requester
from mailrith_lite.database.failures import is_locked, translated
from mailrith_lite.database.migrate import migrate, migrations
from mailrith_lite.database.readers import Readers
from mailrith_lite.database.settle import abandon, finish

__all__ = ["MAX_ID", "Changes", "Connection", "Database", "Row", "can_compile"]

Row = sqlite3.Row
Changes = int | Literal["everybody", "nobody"]
"""Whose subscribers a write may change: of one workspace (its integer id), of all, or of none."""

READERS = 6
SHARE = 2
"""How many of the readers one workspace has at a time: its slow queries leave the others to the rest."""
JOB_READERS = 3
QUERY_TIMEOUT = 5.0  # seconds
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
_READER_PRAGMAS = ("PRAGMA query_only = ON", "PRAGMA foreign_keys = ON", "PRAGMA busy_timeout = 1000")
_SNAPSHOT_PRAGMAS = ("PRAGMA temp_store = MEMORY",)
_UPKEEP_PRAGMAS = ("PRAGMA busy_timeout = 0",)
_LARGE_WAL = 1 << 22  # bytes
_SCRATCH_PRAGMAS = (  # the scratch database is deleted with its connection, so it needs no protection
    "PRAGMA scratch.journal_mode = OFF",
    "PRAGMA scratch.synchronous = OFF",
    "PRAGMA scratch.cache_size = -16384",
)


class Database:
    """`async with Database.open(path) as database:` opens the connections and migrates the file.

    `lookup` is a reader for short look-ups by key, and `pulse` one that only shows that the database answers.
    Neither waits for the pools of `read`.
    """

    def __init__(
        self,
        path: Path,
        writer: Connection,
        readers: list[Connection],
        *,
        sync_to_disk: bool,
        query_timeout: float,
    ) -> None:
        """`readers`: `lookup`, `pulse`, those of jobs and housekeeping, and then those of requests."""
        self.path = path
        self._sync_to_disk = sync_to_disk
        self._query_timeout = query_timeout
        self._changes: Counter[Changes] = Counter()
        self.lookup, self.pulse, *readers = readers
        self._job_readers = Readers(readers[:JOB_READERS], share=JOB_READERS)
        self._readers = Readers(readers[JOB_READERS:], share=SHARE)
        self._writer = writer
        self._lock = asyncio.Lock()
        self._contended_at = float("-inf")

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, path: Path, *, sync_to_disk: bool = True, query_timeout: float = QUERY_TIMEOUT
    ) -> AsyncIterator["Database"]:
        """`sync_to_disk=False`: no commit waits for the disk, for a sandbox whose data need not survive.

        `query_timeout`: seconds that a read of a request may take.

        Raises:
            StartError: the file is not a database, comes from a newer version, is damaged or is locked.
        """
        try:
            async with contextlib.AsyncExitStack() as stack:
                pragmas = _WRITER_PRAGMAS if sync_to_disk else (*_WRITER_PRAGMAS, "PRAGMA synchronous = OFF")
                writer = await stack.enter_async_context(_connect(path, pragmas))
                path.chmod(0o600)
                await migrate(writer, migrations())
                await writer.execute_fetchall("PRAGMA busy_timeout = 0")  # from here on `_retry` waits
                readers = [
                    await stack.enter_async_context(_connect(path, _READER_PRAGMAS))
                    for _ in range(2 + JOB_READERS + READERS)
                ]
                yield cls(path, writer, readers, sync_to_disk=sync_to_disk, query_timeout=query_timeout)
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
            DatabaseBusy: another program holds a lock for too long; nothing was changed.
        """
        durable = durable and self._sync_to_disk
        if self._lock.locked() and not housekeeping:
            self._contended_at = time.monotonic()
        async with self._lock:
            with translated(self.path):
                try:
                    if durable:
                        await self._writer.execute("PRAGMA synchronous = FULL")
                    await _retry(self._writer, "BEGIN IMMEDIATE")
                    yield self._writer
                    try:
                        await finish(self._writer.execute("COMMIT"))
                    finally:
                        if not housekeeping:
                            self._changes[changes] += 1  # also after a failed COMMIT: it may have taken effect
                except BaseException as error:
                    if isinstance(error, asyncio.CancelledError):
                        await finish(abandon(self._writer))
                    await finish(self._writer.rollback())  # does nothing if no transaction is open
                    raise
                finally:
                    if durable:
                        await finish(self._writer.execute("PRAGMA synchronous = NORMAL"))

    def revision(self, workspace_id: int) -> tuple[int, int]:
        """A value that changes whenever subscribers of the workspace may have changed."""
        return self._changes["everybody"], self._changes[workspace_id]

    @contextlib.asynccontextmanager
    async def read(self, *, consistent: bool = False) -> AsyncIterator[Connection]:
        """A reader from a pool. Each statement sees one committed state; with `consistent`, all see the same.

        Requests share a pool, of which workspaces take turns. Jobs and housekeeping have another one.

        Raises:
            QueryTooSlow, ClientLeft: as `bounded`.
        """
        by = requester.current()
        async with self.bounded():
            pool, workspace_id = (self._job_readers, 0) if by is None else (self._readers, by.workspace_id)
            with translated(self.path):
                async with pool.take(workspace_id, consistent=consistent) as connection:
                    yield connection

    @contextlib.asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """In a request: ends the block at the deadline of its reads, and when its client leaves.

        Raises:
            QueryTooSlow: the deadline has passed.
            ClientLeft
        """
        by = requester.current()
        if by is None:
            yield
        else:
            async with by.bounded(self._query_timeout):
                yield

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A reader outside the pool, for long reads: all its statements see the same committed state."""
        with translated(self.path):
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
            with translated(self.path):
                async with _connect(self.path, _SNAPSHOT_PRAGMAS, read_only=True) as connection:
                    await connection.execute("ATTACH ? AS scratch", (str(scratch),))
                    for pragma in _SCRATCH_PRAGMAS:
                        await connection.execute(pragma)
                    await connection.execute("BEGIN")
                    yield connection
        finally:
            await disk.remove(scratch)

    async def copy_to(self, target: Path) -> None:
        """Writes a consistent copy; others can use the database meanwhile."""
        async with _connect(self.path, ()) as connection:
            await connection.execute("VACUUM INTO ?", (str(target),))

    async def shrink_wal(self) -> None:
        """Empties the WAL if it is large and nobody reads from it at this moment. It may have to be tried again."""
        wal = self.path.with_name(f"{self.path.name}-wal")
        if not wal.exists() or wal.stat().st_size < _LARGE_WAL:
            return
        with translated(self.path):
            async with _connect(self.path, _UPKEEP_PRAGMAS) as connection:
                await connection.execute_fetchall(
                    "PRAGMA wal_checkpoint(PASSIVE)"
                )  # most of the work, without a lock
                async with self._lock:
                    await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

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
            await _retry(connection, pragma)  # for a new file that another process turns into a WAL database
        try:
            yield connection
        finally:
            await finish(abandon(connection))


async def _retry(connection: Connection, statement: str) -> None:
    """Waits for the lock of another process without occupying the connection's thread.

    Raises:
        sqlite3.OperationalError: the other process has held the lock for too long.
    """
    ends = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            await connection.execute_fetchall(statement)  # a cursor with rows left would keep the statement active
            return
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() > ends:
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
