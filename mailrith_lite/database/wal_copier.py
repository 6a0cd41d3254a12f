"""Copies pages from the WAL to the database file beside the writer, so that a commit has few of them to copy."""

import asyncio
import contextlib
import sqlite3
from asyncio import sleep
from collections.abc import AsyncIterator
from pathlib import Path

from mailrith_lite.database import pragmas
from mailrith_lite.database.opening import connect

_PAUSE = 0.05  # seconds between two copies: each waits for the disk, and copies the same pages again


class WalCopier:
    """Call `copy_soon` after a commit that may have written many pages."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator["WalCopier"]:
        """`path`: of the database. The end of the block also ends a copy that runs."""
        copier = cls()
        task = asyncio.create_task(copier._run(path))
        try:
            yield copier
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def copy_soon(self) -> None:
        self._asked.set()

    async def _run(self, path: Path) -> None:
        while True:
            await self._asked.wait()  # a service that writes little needs no connection for this
            with contextlib.suppress(sqlite3.Error):  # the pages stay in the WAL, and a commit copies them
                await self._copy_often(path)
            await sleep(_PAUSE)

    async def _copy_often(self, path: Path) -> None:
        async with connect(path, pragmas.UPKEEP) as connection:
            while True:
                await self._asked.wait()
                self._asked.clear()
                await connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
                await sleep(_PAUSE)
