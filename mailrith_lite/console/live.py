"""Live parts of a page: sent again, by server-sent events, whenever what they show has changed."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from mailrith_lite import clock, errors
from mailrith_lite.console.session import Session, find_key
from mailrith_lite.console.session_request import Visit

MOST = 64  # streams at a time; a page that gets none asks now and then instead
MOST_EACH = 16  # of one session: nobody keeps all of them from the others
_LOOK_SECONDS = 0.4


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """`final`: it will not change any more."""

    text: str
    final: bool


class Streams:
    """One for the life of the process: how many are open, by session."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def one_of(self, session: Session) -> Iterator[None]:
        """
        Raises:
            QueueFull: as many are open as may be.
        """
        if self._open.total() >= MOST or self._open[session.token] >= MOST_EACH:
            raise errors.QueueFull("Too many pages are being followed at the moment; this one asks now and then.")
        self._open[session.token] += 1
        try:
            yield
        finally:
            self._open[session.token] -= 1
            self._open += Counter()  # keeps those alone that have any


STREAMS = web.AppKey("streams", Streams)
Look = Callable[[Visit], Awaitable[Part]]


def part(look: Look) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    """The part as it is now, for a page that asks now and then. The header `X-Final` comes with the last."""

    async def answer(visit: Visit) -> web.StreamResponse:
        found = await look(visit)
        headers = {"X-Final": "true"} if found.final else None
        return web.Response(text=found.text, content_type="text/html", charset="utf-8", headers=headers)

    return answer


def stream(look: Look) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    """Events `part`, with its text, until it is final or the session is over; then the event `end`."""

    async def answer(visit: Visit) -> web.StreamResponse:
        found = await look(visit)  # what cannot be shown is refused before the stream begins
        with visit.request.app[STREAMS].one_of(visit.session):
            return await _follow(visit, look, found)

    return answer


async def _follow(visit: Visit, look: Look, found: Part) -> web.StreamResponse:
    async with sse_response(visit.request) as response:
        await response.send(found.text, event="part")
        while not found.final and not visit.services.stopping and await _is_open(visit):
            await asyncio.sleep(_LOOK_SECONDS)
            if not _is_there(visit.request, response):
                return response
            before, found = found, await look(visit)
            if found != before:
                await response.send(found.text, event="part")
        await response.send("final" if found.final else "over", event="end")
    return response


def _is_there(request: web.Request, response: EventSourceResponse) -> bool:
    """The page. One that is closed is told by its connection, or, where that still stands, by a ping that fails."""
    transport = request.transport
    return transport is not None and not transport.is_closing() and response.is_connected()


async def _is_open(visit: Visit) -> bool:
    """The session, with a key that still works."""
    return await find_key(visit.database.lookup, visit.session, clock.now()) is not None
