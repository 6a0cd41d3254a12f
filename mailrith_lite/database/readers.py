"""A pool of connections that read. Workspaces take turns, and none can have the whole pool."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence

from aiosqlite import Connection

from mailrith_lite import errors
from mailrith_lite.database.settle import abandon, finish
from mailrith_lite.throttle import AtOnce
from mailrith_lite.turns import Turns


class Readers:
    def __init__(self, connections: Sequence[Connection], *, share: int, waiting: int = sys.maxsize) -> None:
        """`share`: the most connections that one workspace has at a time. `waiting`: its most reads that wait."""
        self._idle = list(connections)
        self._turns = Turns(len(connections), share=share)
        self._at_once = AtOnce(share + waiting, lambda _: too_many_reads())

    @contextlib.asynccontextmanager
    async def take(self, workspace_id: int, *, consistent: bool) -> AsyncIterator[Connection]:
        """A connection for as long as the block lasts. A cancellation interrupts its statement.

        `consistent`: all statements of the block see the same committed state.

        Raises:
            RateLimited: too many reads of the workspace wait.
        """
        with self._at_once.hold(workspace_id):
            async with self._turns.take(workspace_id), self._lend(consistent=consistent) as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def _lend(self, *, consistent: bool) -> AsyncIterator[Connection]:
        """Takes an idle connection out of the pool for the block. Call it only if there is one."""
        connection = self._idle.pop()
        try:
            if consistent:
                await connection.execute("BEGIN")
            yield connection
        except (asyncio.CancelledError, GeneratorExit):
            await finish(abandon(connection))
            raise
        finally:
            try:
                if consistent:
                    await finish(connection.rollback())
            finally:
                self._idle.append(connection)


def too_many_reads() -> errors.RateLimited:
    return errors.RateLimited(
        "Too many requests of this workspace wait for the database; send fewer at a time.", code="too_many_reads"
    )
