"""The faults of the next requests: an error, a delay, a connection that breaks."""

import asyncio
import contextlib
import functools
import re
from asyncio import sleep
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from mailrith_lite import errors
from mailrith_lite.api import codec
from mailrith_lite.api.call import BODY_WATCH
from mailrith_lite.api.envelope import respond
from mailrith_lite.api.middleware import response_of
from mailrith_lite.http.statuses import STATUSES, Handler
from mailrith_lite.testing import operations
from mailrith_lite.testing.recorder import MAX_BODY, When

_TYPES = dict(STATUSES.values())
_CODES = {status: error.code for error, (status, _) in reversed(STATUSES.items())} | {
    403: "insufficient_scope",
    503: "shutting_down",
}
"""The usual code of each status: that of the first error in the table, but for these."""
_MAX_DELAY = 600.0  # seconds
_BODY_SECONDS = 1.0  # that the rest of a body may take
_CHECK_SECONDS = 0.02  # between two checks whether the client of a delayed request is still connected


class Fault(msgspec.Struct, kw_only=True, tag=True):
    """`operation_id`: None is any operation. `times`: how many more requests get this fault.

    Every fault comes before the work, but for a drop `after` it.

    Raises:
        ValueError: a value is not allowed; the text says which one is.
    """

    operation_id: str | None
    times: int

    def __post_init__(self) -> None:
        operations.check(self.operation_id)
        if self.times < 1:
            raise ValueError("times is 1 or more")


def _check_headers(headers: Mapping[str, str | int]) -> None:
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not re.fullmatch(r"[ -~]*", str(value)):
            raise ValueError(f"{name!r}: {str(value)!r} is not a valid HTTP header")


class Failure(Fault):
    """An error response. `code`: None is the usual one of the status. `body`: JSON instead of the envelope."""

    status: int
    code: str | None = None
    headers: Mapping[str, str | int] = {}
    body: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 400 <= self.status <= 599:
            raise ValueError("an error has a status from 400 to 599")
        _check_headers(self.headers)


class Answer(Fault):
    """Any response. `half`: the connection breaks after half of the body."""

    status: int
    body: bytes
    headers: Mapping[str, str | int] = {}
    half: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 200 <= self.status <= 599:
            raise ValueError("an answer has a status from 200 to 599")
        _check_headers(self.headers)


class Delay(Fault):
    seconds: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.seconds <= _MAX_DELAY:
            raise ValueError(f"a delay takes more than 0 and at most {_MAX_DELAY:.0f} seconds")


class Drop(Fault):
    """The connection breaks without an answer."""

    when: When

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.when not in ("before", "after"):
            raise ValueError('a connection drops "before" or "after" the work')
        if self.operation_id == operations.DOWNLOAD and self.when == "after":
            raise ValueError('a download does no work that could come first; drop it "before"')


def throttle(operation_id: str | None, retry_after: int, times: int) -> Failure:
    """A 429. `retry_after`: seconds."""
    if not isinstance(retry_after, int) or retry_after < 0:
        raise ValueError("retry_after is a whole number of seconds, 0 or more")
    return Failure(operation_id=operation_id, times=times, status=429, headers={"Retry-After": retry_after})


class Dropped(ConnectionResetError):
    """The server closed the connection on purpose. `response`: the answer that the client did not get."""

    def __init__(self, when: When, response: web.StreamResponse | None) -> None:
        super().__init__("a fault dropped the connection")
        self.when = when
        self.response = response


class Faults:
    """The pending faults of one workspace, in the order of their requests."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._pending.append(fault)

    def unmet(self) -> list[str]:
        """A sentence for each fault that still waits for requests."""
        return [
            f"a planned {type(fault).__name__.lower()} for {fault.operation_id or 'any operation'} waits for"
            f" {fault.times} more request{'' if fault.times == 1 else 's'}"
            for fault in self._pending
        ]

    def wrap(self, operation_id: str | None, handler: Handler) -> Handler:
        """The handler with the next pending delay, and with the next pending failure, answer or drop."""
        return functools.partial(self._handle, operation_id, handler)

    async def _handle(self, operation_id: str | None, handler: Handler, request: web.Request) -> web.StreamResponse:
        delay = self._take(operation_id, (Delay,))
        if isinstance(delay, Delay):
            await _wait(request, delay.seconds)
        fault = self._take(operation_id, (Failure, Answer, Drop))
        if isinstance(fault, Failure):
            await record_body(request)
            return _error_response(operation_id, fault)
        if isinstance(fault, Answer):
            await record_body(request)
            return await _send_half(request, fault) if fault.half else _response(fault)
        if isinstance(fault, Drop):
            works = fault.when == "after" and operation_id != operations.DOWNLOAD
            await _drop(request, fault.when, handler if works else None)
        return await handler(request)

    def _take(self, operation_id: str | None, kinds: tuple[type[Fault], ...]) -> Fault | None:
        """The oldest pending fault of these kinds for the operation, used up by one request."""
        for fault in self._pending:
            if isinstance(fault, kinds) and fault.operation_id in (None, operation_id):
                fault.times -= 1
                if not fault.times:
                    self._pending.remove(fault)
                return fault
        return None


async def _wait(request: web.Request, seconds: float) -> None:
    """
    Raises:
        ConnectionResetError: the client hung up meanwhile.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while (left := deadline - loop.time()) > 0:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the client hung up")
        await sleep(min(left, _CHECK_SECONDS))


async def _drop(request: web.Request, when: When, handler: Handler | None) -> NoReturn:
    """Breaks the connection, after the work of the handler if there is one.

    Raises:
        Dropped: always.
    """
    response = None
    if handler is not None:
        response = await response_of(request, handler)
    else:
        await record_body(request)
    if request.transport is not None:
        request.transport.abort()
    raise Dropped(when, response)


async def record_body(request: web.Request) -> None:
    """Reads and records a body that no handler reads: up to 1 MiB, and what arrives within a second."""
    body = b""
    with contextlib.suppress(TimeoutError, web.RequestPayloadError):  # a part of the body is recorded, too
        async with asyncio.timeout(_BODY_SECONDS):
            while len(body) < MAX_BODY and not request.content.at_eof():
                body += await request.content.readany()
    request[BODY_WATCH](memoryview(body))


def _response(fault: Answer) -> web.Response:
    headers = CIMultiDict({"Content-Type": "text/html; charset=utf-8"})
    headers.update({name: str(value) for name, value in fault.headers.items()})
    return web.Response(status=fault.status, headers=headers, body=fault.body)


async def _send_half(request: web.Request, fault: Answer) -> web.StreamResponse:
    """Content-Length announces the whole body."""
    whole = _response(fault)
    response = web.StreamResponse(status=fault.status, headers=whole.headers)
    response.content_length = len(fault.body)
    await response.prepare(request)
    await response.write(fault.body[: len(fault.body) // 2])
    if request.transport is not None:
        request.transport.close()  # after what was written
    return response


def _error_response(operation_id: str | None, fault: Failure) -> web.Response:
    code = fault.code or _CODES.get(fault.status) or ("invalid_request" if fault.status < 500 else "internal_error")
    if fault.body is not None:
        response = codec.json_response(codec.encode(fault.body), status=fault.status)
    elif code == "insufficient_scope":  # has the details that clients recover with
        required = operations.scopes(operation_id)
        response = respond(errors.InsufficientScope(required, required, ()))
    else:
        error_type = _TYPES.get(fault.status) or ("invalid_request" if fault.status < 500 else "api_error")
        error = {"type": error_type, "code": code, "message": "The test has planned this error."}
        response = codec.json_response(codec.encode({"error": error}), status=fault.status)
    response.headers.update({name: str(value) for name, value in fault.headers.items()})
    return response
