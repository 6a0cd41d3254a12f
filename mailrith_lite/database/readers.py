"""A pool of connections that read. Workspaces take turns, and none can have the whole pool."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from aiosqlite import Connection

from mailrith_lite.database.settle import abandon, finish


class Readers:
    def __init__(self, connections: Sequence[Connection], *, share: int) -> None:
        """`share`: the most connections that one workspace has at a time."""
        self._idle = list(connections)
        self._share = share
        self._in_use: Counter[int] = Counter()
        self._waiting: dict[int, dict[asyncio.Future[Connection], None]] = {}  # in the order of their arrival
        self._turns: dict[int, int] = {}  # workspace id -> number of the turn in which it last got a connection

    @contextlib.asynccontextmanager
    async def take(self, workspace_id: int, *, consistent: bool) -> AsyncIterator[Connection]:
        """A connection for as long as the block lasts. A cancellation interrupts its statement.

        `consistent`: all statements of the block see the same committed state.
        """
        connection = await self._wait(workspace_id)
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
                self._give_back(workspace_id, connection)

    async def _wait(self, workspace_id: int) -> Connection:
        waiter: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace_id, {})[waiter] = None
        self._hand_out()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._remove(workspace_id, waiter)
            else:
                self._give_back(workspace_id, waiter.result())
            raise

    def _give_back(self, workspace_id: int, connection: Connection) -> None:
        self._idle.append(connection)
        self._in_use[workspace_id] -= 1
        if not self._in_use[workspace_id]:
            del self._in_use[workspace_id]
        self._hand_out()

    def _hand_out(self) -> None:
        """The workspace with the fewest connections comes first, then the one whose last turn is longest ago."""
        while self._idle:
            candidates = [number for number in self._waiting if self._in_use[number] < self._share]
            if not candidates:
                return
            chosen = min(candidates, key=lambda number: (self._in_use[number], self._turns.get(number, 0)))
            waiter = next(iter(self._waiting[chosen]))
            self._remove(chosen, waiter)
            if not waiter.cancelled():
                self._turns[chosen] = max(self._turns.values(), default=0) + 1
                self._in_use[chosen] += 1
                waiter.set_result(self._idle.pop())

    def _remove(self, workspace_id: int, waiter: asyncio.Future[Connection]) -> None:
        waiters = self._waiting.get(workspace_id, {})
        waiters.pop(waiter, None)
        if not waiters:
            self._waiting.pop(workspace_id, None)
