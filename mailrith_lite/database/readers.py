"""A pool of connections that read. Workspaces take turns, and none can have the whole pool."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from aiosqlite import Connection

from mailrith_lite.database.settle import abandon, finish
from mailrith_lite.turns import Turns


class Readers:
    def __init__(self, connections: Sequence[Connection], *, share: int) -> None:
        """`share`: the most connections that one workspace has at a time."""
        self._idle = list(connections)
        self._turns = Turns(len(connections), share=share)

    @contextlib.asynccontextmanager
    async def take(self, workspace_id: int, *, consistent: bool) -> AsyncIterator[Connection]:
        """A connection for as long as the block lasts. A cancellation interrupts its statement.

        `consistent`: all statements of the block see the same committed state.
        """
        async with self._turns.take(workspace_id):
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
