"""Places for work, handed out by workspace in turn, so that none can have all of them."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator


class Turns:
    def __init__(self, places: int, *, share: int) -> None:
        """`share`: the most places that one workspace has at a time."""
        self._free = places
        self._share = share
        self._in_use: Counter[int] = Counter()
        self._waiting: dict[int, dict[asyncio.Future[None], None]] = {}  # in the order of their arrival
        self._turn = 0
        self._turns: dict[int, int] = {}  # workspace id -> number of the turn in which it last got a place

    @contextlib.asynccontextmanager
    async def take(self, workspace_id: int) -> AsyncIterator[None]:
        """Waits for a place, and keeps it for as long as the block lasts."""
        await self._wait(workspace_id)
        try:
            yield
        finally:
            self._give_back(workspace_id)

    async def _wait(self, workspace_id: int) -> None:
        if self._free and self._in_use[workspace_id] < self._share:  # no other that may have the place waits for it
            self._take(workspace_id)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace_id, {})[waiter] = None
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._remove(workspace_id, waiter)
            else:
                self._give_back(workspace_id)
            raise

    def _give_back(self, workspace_id: int) -> None:
        self._free += 1
        self._in_use[workspace_id] -= 1
        if not self._in_use[workspace_id]:
            del self._in_use[workspace_id]
        self._hand_out()

    def _hand_out(self) -> None:
        """The workspace with the fewest places comes first, then the one whose last turn is longest ago."""
        while self._free:
            candidates = [number for number in self._waiting if self._in_use[number] < self._share]
            if not candidates:
                return
            chosen = min(candidates, key=lambda number: (self._in_use[number], self._turns.get(number, 0)))
            waiter = next(iter(self._waiting[chosen]))
            self._remove(chosen, waiter)
            if not waiter.cancelled():
                self._take(chosen)
                waiter.set_result(None)

    def _take(self, workspace_id: int) -> None:
        self._turn += 1
        self._turns[workspace_id] = self._turn
        self._in_use[workspace_id] += 1
        self._free -= 1

    def _remove(self, workspace_id: int, waiter: asyncio.Future[None]) -> None:
        waiters = self._waiting.get(workspace_id, {})
        waiters.pop(waiter, None)
        if not waiters:
            self._waiting.pop(workspace_id, None)
