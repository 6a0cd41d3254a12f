"""One connection that writes, behind a fair lock, and readers that see committed states only."""

import asyncio
import contextlib
import sys
from asyncio import sleep
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Literal

from aiosqlite import Connection

from mailrith_lite import disk, errors, metrics
from mailrith_lite.database import pragmas, requester
from mailrith_lite.database.failures import translated
from mailrith_lite.database.lookup import Lookup, Reader
from mailrith_lite.database.migrate import create_or_check
from mailrith_lite.database.opening import connect, refusing_unusable, retry
from mailrith_lite.database.quick_reads import QuickReads
from mailrith_lite.database.readers import Readers
from mailrith_lite.database.settle import abandon, finish
from mailrith_lite.database.wal_copier import WalCopier

__all__ = ["MAX_ID", "Changes", "Connection", "Database"]

Changes = int | Literal["everybody", "nobody"]
"""Whose subscribers a write may change: of one workspace (its integer id), of all, or of none."""

READERS = 6
SHARE = 2
"""How many of the readers one workspace has at a time: its slow queries leave the others to the rest."""
JOB_READERS = 3
QUERY_TIMEOUT = 5.0  # seconds
MAX_ID = (1 << 63) - 1
_LARGE_WAL = 1 << 22  # bytes
SMALL_FILE = 1 << 24  # bytes
_WAL_ATTEMPTS = 10
_WAL_PAUSE = 0.25  # seconds
_CONTENTION_SECONDS = 1.0  # so long after a wait for the lock, jobs and the search index do little at a time


class Database:
    """`async with Database.open(path) as database:` opens the connections, and makes the tables of a new file.

    `lookup` selects single rows by key, on the event loop. `pulse` only shows that the database answers. Neither
    waits for the pools of `read`.
    """

    def __init__(
        self,
        path: Path,
        writer: Connection,
        lookup: Lookup,
        readers: list[Connection],
        copier: WalCopier,
        *,
        sync_to_disk: bool,
        query_timeout: float,
        share: int,
        waiting: int,
    ) -> None:
        """`readers`, in this order: `pulse`, those of jobs and housekeeping, those of requests."""
        self.path = path
        self._inode = path.stat().st_ino
        self._sync_to_disk = sync_to_disk
        self._query_timeout = query_timeout
        self._changes: Counter[Changes] = Counter()
        self.lookup = lookup
        self._quick = QuickReads(lookup, self.read)
        self.pulse, *readers = readers
        self._job_readers = Readers(readers[:JOB_READERS], share=JOB_READERS)
        self._readers = Readers(readers[JOB_READERS:], share=share, waiting=waiting)
        self._writer = writer
        self._copier = copier
        self._lock = asyncio.Lock()
        self._contended_at = float("-inf")
        self._foreign_keys: bool | None = None  # None: not known whether the writer checks them

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        path: Path,
        *,
        sync_to_disk: bool = True,
        query_timeout: float = QUERY_TIMEOUT,
        share: int = SHARE,
        waiting: int = sys.maxsize,
    ) -> AsyncIterator["Database"]:
        """`sync_to_disk=False`: no commit waits for the disk, for a sandbox whose data need not survive.

        `query_timeout`: seconds that a read of a request may take. `share`: the most readers that one workspace has
        at a time. `waiting`: its most reads that wait for one.

        Raises:
            StartError: the file is not a database of this version of the service, is damaged or is locked.
        """
        with refusing_unusable(path):
            async with contextlib.AsyncExitStack() as stack:
                settings = pragmas.WRITER if sync_to_disk else (*pragmas.WRITER, "PRAGMA synchronous = OFF")
                if path.is_file():  # first, because SQLite gives the files of the WAL the mode of the database
                    disk.make_private(path, 0o600)
                writer = await stack.enter_async_context(connect(path, settings))
                disk.make_private(path, 0o600)
                await create_or_check(writer, path)
                await writer.execute_fetchall("PRAGMA busy_timeout = 0")  # from here on `retry` waits
                readers = [
                    await stack.enter_async_context(connect(path, pragmas.READER))
                    for _ in range(1 + JOB_READERS + READERS)
                ]
                yield cls(
                    path,
                    writer,
                    stack.enter_context(Lookup.open(path)),
                    readers,
                    await stack.enter_async_context(WalCopier.open(path)),
                    sync_to_disk=sync_to_disk,
                    query_timeout=query_timeout,
                    share=share,
                    waiting=waiting,
                )

    @contextlib.asynccontextmanager
    async def write(
        self,
        *,
        durable: bool = False,
        changes: Changes = "everybody",
        housekeeping: bool = False,
        bulk: bool = False,
    ) -> AsyncIterator[Connection]:
        """A transaction that commits at the end of the block and rolls back on any exception, also on cancellation.

        Writers get the lock in the order in which they ask for it. Await nothing slow inside.

        `durable`: the commit is on the disk before the block ends, for what must survive a power cut, such as a
        202. `changes`: the workspaces whose subscribers the block may change; the caches of others stay valid.
        `housekeeping`: the block changes no answer of the API and nobody waits for it, so it invalidates no cache.
        `bulk`: the block is a chunk of a job. SQLite checks no reference in it and deletes no row with the one it
        refers to, which takes time for each row; the block sees to both. Neither makes the chunks of a job smaller.

        Raises:
            StorageFull: the disk is full; nothing was changed.
            StorageLost: the file was deleted or replaced; nothing was changed.
            DatabaseBusy: another program holds a lock for too long; nothing was changed.
        """
        if durable and self.is_lost:
            raise errors.StorageLost
        durable = durable and self._sync_to_disk
        if self._lock.locked() and not housekeeping and not bulk:
            self._contended_at = monotonic()
        asked_at = monotonic()
        async with self._lock:
            with translated(self.path):
                try:
                    if durable:
                        await self._writer.execute("PRAGMA synchronous = FULL")
                    await self._begin(foreign_keys=not bulk)
                    metrics.WRITER_WAIT_SECONDS.observe(monotonic() - asked_at)
                    yield self._writer
                    await self._commit(None if housekeeping else changes)
                    if (bulk or housekeeping) and self._sync_to_disk:  # else no copy waits for the disk
                        self._copier.copy_soon()
                except BaseException as error:
                    await self._roll_back(error)
                    raise
                finally:
                    if durable:
                        await finish(self._writer.execute("PRAGMA synchronous = NORMAL"))

    async def _begin(self, *, foreign_keys: bool) -> None:
        script = "BEGIN IMMEDIATE"
        if self._foreign_keys is not foreign_keys:
            self._foreign_keys = None  # until the script has run to its end
            script = f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}; {script}"
        await retry(self._writer, script)
        self._foreign_keys = foreign_keys

    async def write_in_steps(self, step: Callable[[Connection], Awaitable[bool]]) -> None:
        """Runs the step, each time in a transaction of the housekeeping, until it returns False.

        Other writers get their turns in between.
        """
        more = True
        while more:
            async with self.write(housekeeping=True) as connection:
                more = await step(connection)

    async def _commit(self, changes: Changes | None) -> None:
        try:
            await finish(self._writer.execute("COMMIT"))
        finally:
            if changes is not None:
                self._changes[changes] += 1  # also after a failed COMMIT: it may have taken effect

    async def _roll_back(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            await finish(abandon(self._writer))
        await finish(self._writer.rollback())  # does nothing if no transaction is open

    async def settled(self) -> None:
        """Waits for the end of the transaction that is open now, if there is one."""
        async with self._lock:
            pass

    @property
    def is_lost(self) -> bool:
        """Whether the file was deleted or replaced. A commit to a deleted file succeeds and is lost."""
        try:
            return self.path.stat().st_ino != self._inode
        except OSError:
            return True

    def revision(self, workspace_id: int) -> tuple[int, int]:
        """A value that changes whenever subscribers of the workspace may have changed."""
        return self._changes["everybody"], self._changes[workspace_id]

    @contextlib.asynccontextmanager
    async def read(self, *, consistent: bool = False) -> AsyncIterator[Connection]:
        """A reader from a pool. Each statement sees one committed state; with `consistent`, all see the same.

        Requests share a pool, of which workspaces take turns. Jobs and housekeeping have another one.

        Raises:
            QueryTooSlow, ClientLeft: as `bounded`.
            RateLimited: too many reads of the workspace wait for a reader.
        """
        by = requester.current()
        async with self.bounded():
            pool, workspace_id = (self._job_readers, 0) if by is None else (self._readers, by.workspace_id)
            with translated(self.path):
                async with pool.take(workspace_id, consistent=consistent) as connection:
                    yield connection

    @contextlib.asynccontextmanager
    async def read_list(self, *, search: str | None = None) -> AsyncIterator[Reader]:
        """For a page of a list that an index gives: no thread takes part, unless a statement turns out to be long.

        With a search, which compares every row, it is as `read`.
        """
        if search is None:
            yield self._quick
            return
        async with self.read() as connection:
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
        async with self.snapshots(1) as (connection,):
            yield connection

    @contextlib.asynccontextmanager
    async def snapshots(self, readers: int) -> AsyncIterator[Sequence[Connection]]:
        """So many readers as that of `snapshot`. All of them see the same committed state."""
        with translated(self.path):
            async with contextlib.AsyncExitStack() as stack:
                connections = [
                    await stack.enter_async_context(connect(self.path, pragmas.READER)) for _ in range(readers)
                ]
                async with self.write(housekeeping=True):  # so that nobody commits between two of them
                    for connection in connections:
                        await connection.execute("BEGIN")
                        await connection.execute_fetchall("PRAGMA schema_version")  # BEGIN reads nothing
                yield connections

    @contextlib.asynccontextmanager
    async def scratch_snapshot(self, scratch: Path) -> AsyncIterator[Connection]:
        """A `snapshot` with an empty database attached as `scratch`, whose file is deleted at the end.

        Statements can write to `scratch` without the lock, but not to the service's own database.
        """
        disk.create_private(scratch).close()
        try:
            with translated(self.path):
                async with connect(self.path, pragmas.SNAPSHOT, options="mode=ro") as connection:
                    await connection.execute("ATTACH ? AS scratch", (str(scratch),))
                    for pragma in pragmas.SCRATCH:
                        await connection.execute(pragma)
                    await connection.execute("BEGIN")
                    yield connection
        finally:
            await disk.remove(scratch)

    async def shrink_wal(self) -> None:
        """Empties the WAL if it is large and nobody reads from it at this moment. It may have to be tried again."""
        wal = self.path.with_name(f"{self.path.name}-wal")
        if wal.exists() and wal.stat().st_size >= _LARGE_WAL:
            await self._empty_wal()

    async def empty_wal(self) -> bool:
        """Empties the WAL, so that the file has no earlier state of a page. False while somebody reads from it.

        Waits for short reads, and lets writers in between.
        """
        for _ in range(_WAL_ATTEMPTS):
            if await self._empty_wal():
                return True
            await sleep(_WAL_PAUSE)
        return False

    async def _empty_wal(self) -> bool:
        with translated(self.path):
            async with connect(self.path, pragmas.UPKEEP) as connection:
                await connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")  # most of it, without a lock
                async with self._lock:
                    rows = await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
                    return not next(iter(rows))["busy"]

    async def scrub(self) -> None:
        """Compacts a small file, which takes a fraction of a second.

        When SQLite divides a page, copies of rows can stay in the unused part of it, and secure_delete does not
        reach them. In a large file they stay until somebody compacts it.
        """
        if self.path.stat().st_size <= SMALL_FILE:
            await self.compact()

    async def compact(self) -> None:
        """Rewrites the file, without the space of what was deleted. Writers wait, in other processes, too.

        Raises:
            StorageFull: there is no space for a second copy.
            DatabaseBusy: another program holds a lock for too long.
        """
        with translated(self.path):
            async with self._lock, connect(self.path, pragmas.UPKEEP) as connection:
                await retry(connection, "VACUUM")
        await self.empty_wal()  # only then the file becomes smaller

    def contended(self, seconds: float = _CONTENTION_SECONDS) -> bool:
        """Whether anybody had to wait for the lock within the last `seconds`, without `bulk` or `housekeeping`."""
        return monotonic() - self._contended_at < seconds
