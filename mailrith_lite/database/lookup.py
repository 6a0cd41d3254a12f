"""Reads single rows by key on the event loop itself: the way to a thread and back takes longer than the rows do."""

import contextlib
import sqlite3
from asyncio import get_running_loop, sleep
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol

from mailrith_lite.database.failures import is_locked, translated
from mailrith_lite.database.opening import connect_here

MOST_STEPS: Final = 100_000  # of SQLite's virtual machine, about a millisecond
_COUNTED_STEPS = 10_000  # at a time: SQLite goes on counting where the statement's last run ended
_MOST_REMEMBERED = 100  # results; each is one row, or none
_BUSY_SECONDS = 1.0
_BUSY_PAUSE = 0.01  # seconds

Parameters = Sequence[Any] | Mapping[str, Any]


class Reader(Protocol):
    """What a query needs that only reads: a `Connection`, or a `Lookup` if it selects by key."""

    def execute_fetchall(self, sql: str, parameters: Any = ...) -> Awaitable[Iterable[sqlite3.Row]]: ...


class Lookup:
    """Each statement sees one committed state, and blocks the event loop for as long as it runs.

    The statements of one turn of the event loop share a transaction. A row is remembered until somebody commits, in
    this process or another one. A request that comes after a commit is read in a later turn, so it sees the commit.

    It is for statements that find a few rows by an index, and whose result is the same as long as nobody commits.
    One that takes many more than `MOST_STEPS` steps fails, so that no mistake, and no content of the database, can
    stop all requests.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._steps = 0
        self._is_open = True
        self._version = 0  # SQLite's number, which changes with each commit of another connection
        self._remembered: dict[tuple[str, tuple[Any, ...]], list[sqlite3.Row]] = {}
        connection.set_progress_handler(self._is_too_long, _COUNTED_STEPS)

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path) -> Iterator["Lookup"]:
        """`path`: of a database that has its tables."""
        with contextlib.closing(connect_here(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            lookup = cls(connection, path)
            try:
                yield lookup
            finally:
                lookup._is_open = False

    async def execute_fetchall(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """
        Raises:
            DatabaseBusy: another program holds a lock for too long.
            StorageFull: the disk is full.
        """
        self._steps = 0
        try:
            if not self._connection.in_transaction:
                self._begin_turn()
            return self._select(sql, parameters)
        except sqlite3.OperationalError as error:
            if not is_locked(error):
                with translated(self._path):
                    raise
        self._end_turn()
        return await self._execute_later(sql, parameters)

    def _begin_turn(self) -> None:
        self._connection.execute("BEGIN")
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            self._end_turn()  # no row may come from memory
            raise
        get_running_loop().call_soon(self._end_turn)
        if version != self._version:
            self._remembered.clear()
            self._version = version

    def _select(self, sql: str, parameters: Parameters) -> list[sqlite3.Row]:
        values = tuple(parameters.items()) if isinstance(parameters, dict) else tuple(parameters)
        rows = self._remembered.get((sql, values))
        if rows is None:
            rows = self._connection.execute(sql, parameters).fetchall()
            if len(rows) <= 1:
                if len(self._remembered) == _MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[sql, values] = rows
        return rows

    def _end_turn(self) -> None:
        self._steps = 0  # or an interrupted statement would interrupt this one
        if self._is_open and self._connection.in_transaction:
            self._connection.execute("COMMIT")

    async def _execute_later(self, sql: str, parameters: Parameters) -> list[sqlite3.Row]:
        """Waits for the other program without blocking the event loop."""
        ends = monotonic() + _BUSY_SECONDS
        with translated(self._path):
            while True:
                await sleep(_BUSY_PAUSE)
                self._steps = 0
                try:
                    return self._connection.execute(sql, parameters).fetchall()
                except sqlite3.OperationalError as error:
                    if not is_locked(error) or monotonic() > ends:
                        raise

    def _is_too_long(self) -> bool:
        """Called by SQLite, which ends the statement if the result is true."""
        self._steps += _COUNTED_STEPS
        return self._steps > MOST_STEPS
