"""Live parts of a page: server-sent events send a part again whenever its HTML changes."""

import contextlib
from asyncio import sleep
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from mailrith_lite import clock, errors
from mailrith_lite.console.session import Session, find_key
from mailrith_lite.console.session_request import SessionRequest

MAX_STREAMS = 64  # at a time; a page that gets no stream polls instead
MAX_STREAMS_PER_SESSION = 16  # so that one session cannot take all of them
_INTERVAL = 0.4  # seconds between two renderings of a part


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """`text`: HTML. `final`: the part will not change any more."""

    text: str
    final: bool


class Streams:
    """Counts the open streams of each session. The process has one instance."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def opened(self, session: Session) -> Iterator[None]:
        """
        Raises:
            QueueFull: the limit of all sessions, or of this one, is reached.
        """
        if self._open.total() >= MAX_STREAMS or self._open[session.token] >= MAX_STREAMS_PER_SESSION:
            raise errors.QueueFull("Too many pages are followed at the moment; this page polls instead.")
        self._open[session.token] += 1
        try:
            yield
        finally:
            self._open[session.token] -= 1
            self._open += Counter()  # drops the sessions whose count is zero


STREAMS = web.AppKey("streams", Streams)
RenderPart = Callable[[SessionRequest], Awaitable[Part]]
Version = Callable[[SessionRequest], object]
"""Differs when the part can have changed; cheaper than to render it."""


def part(render_part: RenderPart) -> Callable[[SessionRequest], Awaitable[web.StreamResponse]]:
    """A handler for pages that poll: the part as it is now. The header `X-Final` marks a final part."""

    async def handle(call: SessionRequest) -> web.StreamResponse:
        part = await render_part(call)
        headers = {"X-Final": "true"} if part.final else None
        return web.Response(text=part.text, content_type="text/html", charset="utf-8", headers=headers)

    return handle


def stream(
    render_part: RenderPart, version: Version | None = None
) -> Callable[[SessionRequest], Awaitable[web.StreamResponse]]:
    """A handler that streams events `part` with the HTML, until the part is final or the session ends.

    The last event is `end`, with the data `final` or `over`.
    """

    async def handle(call: SessionRequest) -> web.StreamResponse:
        seen = version(call) if version else None
        part = await render_part(call)  # before the stream starts, so that an error is an ordinary response
        with call.request.app[STREAMS].opened(call.session):
            return await _follow(call, render_part, part, version, seen)

    return handle


async def _follow(
    call: SessionRequest, render_part: RenderPart, part: Part, version: Version | None, seen: object
) -> web.StreamResponse:
    """`seen`: the version of the part."""
    async with sse_response(call.request) as response:
        await response.send(part.text, event="part")
        while not part.final and not call.services.stopping and await _session_is_valid(call):
            await sleep(_INTERVAL)
            if not _is_connected(call.request, response):
                return response
            if version is not None and seen == (seen := version(call)):
                continue
            previous, part = part, await render_part(call)
            if part != previous:
                await response.send(part.text, event="part")
        await response.send("final" if part.final else "over", event="end")
    return response


def _is_connected(request: web.Request, response: EventSourceResponse) -> bool:
    """A closed page closes the connection; behind a proxy that keeps it open, the next ping fails."""
    transport = request.transport
    return transport is not None and not transport.is_closing() and response.is_connected()


async def _session_is_valid(call: SessionRequest) -> bool:
    return await find_key(call.database.lookup, call.session, clock.now()) is not None
