"""Leaves a connection in a known state, although the task that uses it is cancelled."""

import asyncio
import contextlib
import sqlite3
import weakref
from collections.abc import Awaitable
from typing import TypeVar

from aiosqlite import Connection

T = TypeVar("T")

_INTERVAL = 0.01  # seconds between two interrupts
_STEPS = (
    200_000  # of SQLite's virtual machine between two looks, some milliseconds: a look needs the interpreter lock
)

_abandoned: weakref.WeakSet[Connection] = weakref.WeakSet()


async def finish(work: Awaitable[T]) -> T:
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
        except Exception:  # the task keeps it, and result() below raises it
            break
    if cancelled is not None:
        raise cancelled
    return task.result()


async def make_abandonable(connection: Connection) -> None:
    """Call it once, before `abandon`."""
    reference = weakref.ref(connection)
    await connection.set_progress_handler(lambda: reference() in _abandoned, _STEPS)


async def abandon(connection: Connection) -> None:
    """Ends the statement that runs and those that wait for its thread: nobody waits for their results.

    Later statements are safe. An interrupt of SQLite is not: while anything is open in the transaction, such as a
    page of the search index, it also ends each statement that follows, even ROLLBACK. Call it within `finish`.
    """
    _abandoned.add(connection)
    try:
        await _reach_end(connection)
    finally:
        _abandoned.discard(connection)


async def interrupt(connection: Connection) -> None:
    """As `abandon`, of a connection that is closed next. Ends a checkpoint, too. Call it within `finish`."""
    end = asyncio.ensure_future(_reach_end(connection))
    while not end.done():
        await connection.interrupt()
        await asyncio.wait([end], timeout=_INTERVAL)


async def _reach_end(connection: Connection) -> None:
    """Returns when the connection's thread has no earlier statement left."""
    with contextlib.suppress(sqlite3.OperationalError):  # it may be ended, too
        await connection.execute_fetchall("SELECT 1")
