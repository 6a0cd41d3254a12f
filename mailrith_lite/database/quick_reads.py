"""Reads that are nearly always short: on the event loop, and in the pool of readers if they are not."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from aiosqlite import Connection

from mailrith_lite.database.lookup import Lookup, Parameters


class QuickReads:
    """`read`: takes a reader from the pool."""

    def __init__(self, lookup: Lookup, read: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self._lookup = lookup
        self._read = read

    async def execute_fetchall(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """
        Raises:
            QueryTooSlow, ClientLeft, RateLimited: as `Database.read` does.
            DatabaseBusy, StorageFull: as `Lookup.execute_fetchall` does.
        """
        try:
            return await self._lookup.execute_fetchall(sql, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
        async with self._read() as connection:
            return list(await connection.execute_fetchall(sql, parameters))
