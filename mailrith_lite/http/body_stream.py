"""Receives the body of a request piece by piece, and ends a transfer that stops or is too slow."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from mailrith_lite.http import wire_errors
from mailrith_lite.http.services import SERVICES

SILENCE = 60.0
"""Seconds that a client may pause, and seconds before its speed is checked."""


async def pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The pieces as they arrive.

    Raises:
        InvalidHttp: the transfer ends too early, pauses for too long, or is slower than `min_body_speed`.
        ConnectionResetError: the client closed the connection.
    """
    speed = request.config_dict[SERVICES].settings.min_body_speed
    clock = asyncio.get_running_loop().time
    received, waited = 0, 0.0
    while True:
        began = clock()
        piece = await _next_piece(request, min(SILENCE, SILENCE + received / speed - waited))
        if not piece:
            return
        waited += clock() - began
        received += len(piece)
        yield piece


async def _next_piece(request: web.Request, seconds: float) -> bytes:
    """Replaces exceptions of the stream: it keeps them, and their tracebacks would keep the whole body."""
    try:
        async with asyncio.timeout(seconds):
            return await request.content.readany()
    except TimeoutError:
        raise wire_errors.InvalidHttp("The body arrives too slowly; send the request again.") from None
    except web.RequestPayloadError as error:
        error.with_traceback(None)
        raise wire_errors.InvalidHttp("The transfer of the body is broken; send the request again.") from None
    except ConnectionError as error:
        error.with_traceback(None)
        raise ConnectionResetError("the client hung up") from None
