"""Sends the events that are due: a lane for each subscription that has some."""

import asyncio
import contextlib
from asyncio import sleep
from collections.abc import AsyncIterator
from typing import Final

from aiohttp.abc import AbstractResolver

from mailrith_lite import clock, logs
from mailrith_lite.database import Database
from mailrith_lite.jobs.obstacles import is_temporary
from mailrith_lite.turns import Turns
from mailrith_lite.webhooks import delivery_table
from mailrith_lite.webhooks.delivery_table import DueSubscription
from mailrith_lite.webhooks.lane import Gate, Lane, Post
from mailrith_lite.webhooks.outbox import Outbox
from mailrith_lite.webhooks.sender import Sender

PLACES: Final = 512
"""The most attempts of all workspaces at the same time."""
SHARE: Final = 80
"""The most attempts of one workspace at the same time: 4 for each of its 20 subscriptions."""
GRACE: Final = 3.0  # seconds for attempts that are under way when the service stops
_LONGEST_WAIT = 60.0  # seconds until the next look, in case somebody sets the system's clock
_RETRY = 1.0  # seconds after the database has failed


class Dispatcher:
    def __init__(self, post: Post) -> None:
        self._post = post
        self._lanes: dict[int, Lane] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        database: Database,
        outbox: Outbox,
        *,
        allow_private: bool,
        gate: Gate | None = None,
        resolver: AbstractResolver | None = None,
    ) -> AsyncIterator["Dispatcher"]:
        """Sends events until the context ends; what is under way then has a few seconds to finish."""
        async with Sender.open(allow_private=allow_private, resolver=resolver) as sender:
            places = Turns(PLACES, share=SHARE)
            dispatcher = cls(Post(database=database, sender=sender, places=places, gate=gate))
            outbox.add_listener(dispatcher.wake)
            task = asyncio.create_task(dispatcher._supervise(), name="webhook dispatcher")
            try:
                yield dispatcher
            finally:
                await dispatcher.stop()
                task.cancel()
                await asyncio.wait([task])

    def wake(self) -> None:
        """Call it when events may be due: after a change, a move of the clock, a release of the gate."""
        self._idle.clear()
        self._wake.set()

    def reload(self, subscription_id: int) -> None:
        """Call it after the subscription was changed or deleted, with the change committed."""
        if lane := self._lanes.get(subscription_id):
            lane.reload()
        self.wake()

    async def drain(self) -> None:
        """Waits until no event is due, or the gate holds every event that is due."""
        await self._idle.wait()

    async def stop(self, grace: float = GRACE) -> None:
        """Starts no further attempt. Those under way have `grace` seconds to finish. Can be called twice."""
        self._stopping = True
        lanes = list(self._lanes.values())
        for result in await asyncio.gather(*(lane.stop(grace) for lane in lanes), return_exceptions=True):
            if isinstance(result, Exception):
                logs.service.warning("results of webhooks could not be saved; they are sent again", exc_info=result)

    async def _supervise(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                await self._post.database.settled()
                wait = await self._look()
            except Exception as error:
                if not is_temporary(error):
                    logs.service.exception("webhooks cannot be read; trying again")
                await sleep(_RETRY)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    async def _look(self) -> float:
        """Wakes the lanes with due events. Returns the seconds until the next event is due."""
        async with self._post.database.read() as connection:
            waiting = await delivery_table.select_due_subscriptions(connection)
        now = clock.now()
        wait = _LONGEST_WAIT
        for one in waiting:
            if one.due_at > now:
                wait = min(wait, (one.due_at - now) / clock.SECOND)
            elif not self._stopping and not self._is_held(one.workspace_id):
                self._lane(one).wake()
        if not self._lanes and not self._wake.is_set():
            self._idle.set()
        return wait

    def _is_held(self, workspace_id: int) -> bool:
        return self._post.gate is not None and self._post.gate.holds(workspace_id)

    def _lane(self, one: DueSubscription) -> Lane:
        if one.id not in self._lanes:

            def ended() -> None:
                self._lanes.pop(one.id, None)
                self.wake()

            self._lanes[one.id] = Lane(self._post, one.workspace_id, one.id, ended)
        return self._lanes[one.id]
