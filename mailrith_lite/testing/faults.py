"""What shall go wrong next: an error, a delay, a connection that breaks, too many requests."""

import asyncio
import contextlib
import functools
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api import codec
from mailrith_lite.api.call import BODY_WATCH
from mailrith_lite.api.envelope import respond
from mailrith_lite.api.middleware import answer
from mailrith_lite.http.statuses import Handler
from mailrith_lite.testing import operations
from mailrith_lite.testing.recorder import MAX_BODY, When

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found", 409: "conflict", 410: "not_found"}
_CODES = {
    400: "invalid_body",
    401: "invalid_api_key",
    403: "insufficient_scope",
    404: "not_found",
    409: "conflict",
    410: "download_expired",
    413: "payload_too_large",
    429: "rate_limited",
    500: "internal_error",
    503: "shutting_down",
}
_MAX_SECONDS = 600.0
_PATIENCE = 1.0  # seconds for the rest of a body
_LOOK = 0.02  # seconds between two looks whether the client of a delayed request is still there


class Fault(msgspec.Struct, kw_only=True):
    """`operation_id`: None is any operation. `times`: for how many requests it is still due.

    A delay comes before the request is looked at; so does every other fault but a drop `after`, which does the work
    and closes the connection without an answer. `body`: what is answered instead of the envelope.
    """

    operation_id: str | None
    times: int = 1
    kind: Literal["fail", "delay", "drop"]
    status: int = 500
    code: str = ""
    headers: dict[str, str] = {}
    body: Any = None
    seconds: float = 0.0
    when: When = "before"


def fail(
    operation_id: str | None,
    status: int,
    code: str | None,
    times: int,
    headers: Mapping[str, Any] | None,
    body: Any = None,
) -> Fault:
    if not 400 <= status <= 599:
        raise ValueError("an error has a status from 400 to 599")
    return _checked(
        Fault(
            operation_id=operation_id,
            times=times,
            kind="fail",
            status=status,
            code=code or _CODES.get(status) or ("invalid_request" if status < 500 else "internal_error"),
            headers={name: _header(name, value) for name, value in (headers or {}).items()},
            body=body,
        )
    )


def throttle(operation_id: str | None, retry_after: int, times: int) -> Fault:
    if not isinstance(retry_after, int) or retry_after < 0:
        raise ValueError("Retry-After is in whole seconds, 0 or more")
    return fail(operation_id, 429, "rate_limited", times, {"Retry-After": retry_after})


def delay(operation_id: str | None, seconds: float, times: int) -> Fault:
    if not 0 < seconds <= _MAX_SECONDS:
        raise ValueError(f"a delay takes more than 0 and at most {_MAX_SECONDS:.0f} seconds")
    return _checked(Fault(operation_id=operation_id, times=times, kind="delay", seconds=seconds))


def drop(operation_id: str | None, when: When, times: int) -> Fault:
    if when not in ("before", "after"):
        raise ValueError('a connection drops "before" or "after" the work')
    if operation_id == operations.DOWNLOAD and when == "after":
        raise ValueError('a download saves nothing that could be answered; drop it "before"')
    return _checked(Fault(operation_id=operation_id, times=times, kind="drop", when=when))


class Dropped(ConnectionResetError):
    """The connection was closed on purpose; `response` is what would have been answered."""

    def __init__(self, when: When, response: web.StreamResponse | None) -> None:
        super().__init__("dropped, as was asked for")
        self.when = when
        self.response = response


class Faults:
    """Those of one workspace, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self.pending.append(fault)

    def wrap(self, operation_id: str | None, handler: Handler) -> Handler:
        """The handler, unless something is to go wrong. A fault that is applied is used up by one."""
        return functools.partial(self._answer, operation_id, handler)

    async def _answer(self, operation_id: str | None, handler: Handler, request: web.Request) -> web.StreamResponse:
        if (fault := self._take(operation_id, ("delay",))) is not None:
            await _delay(request, fault.seconds)
        fault = self._take(operation_id, ("fail", "drop"))
        if fault is None:
            return await handler(request)
        if fault.kind == "fail":
            await watch_body(request)
            return _failure(operation_id, fault)
        response = None
        if fault.when == "after" and operation_id != operations.DOWNLOAD:
            response = await answer(request, handler)
        else:
            await watch_body(request)
        if request.transport is not None:
            request.transport.abort()
        raise Dropped(fault.when, response)

    def _take(self, operation_id: str | None, kinds: tuple[str, ...]) -> Fault | None:
        for fault in self.pending:
            if fault.kind in kinds and fault.operation_id in (None, operation_id):
                fault.times -= 1
                if not fault.times:
                    self.pending.remove(fault)
                return fault
        return None


async def _delay(request: web.Request, seconds: float) -> None:
    """A client that gives up meanwhile ends it."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while (left := ends - loop.time()) > 0:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the client hung up")
        await asyncio.sleep(min(left, _LOOK))


async def watch_body(request: web.Request) -> None:
    """Shows the watch a body that no handler asks for: as much of it as it keeps, and as comes soon."""
    found = b""
    with contextlib.suppress(TimeoutError, web.RequestPayloadError):  # what came until then is what there is
        async with asyncio.timeout(_PATIENCE):
            while len(found) < MAX_BODY and not request.content.at_eof():
                found += await request.content.readany()
    request[BODY_WATCH](memoryview(found))


def _failure(operation_id: str | None, fault: Fault) -> web.Response:
    """A lack of scopes has the details that a client recovers with."""
    if fault.body is None and fault.code == "insufficient_scope":
        required = operations.scopes(operation_id)
        response = respond(errors.InsufficientScope(required, required, ()))
    else:
        error_type = _TYPES.get(fault.status) or ("invalid_request" if fault.status < 500 else "api_error")
        error = {"type": error_type, "code": fault.code, "message": "This error was asked for."}
        body = {"error": error} if fault.body is None else fault.body
        response = codec.json_response(codec.encode(body), status=fault.status)
    response.headers.update(fault.headers)
    return response


def _header(name: str, value: Any) -> str:
    text = str(value)
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not re.fullmatch(r"[ -~]*", text):
        raise ValueError(f"{name!r}: {text!r} is no header of HTTP")
    return text


def _checked(fault: Fault) -> Fault:
    operations.check(fault.operation_id)
    if fault.times < 1:
        raise ValueError("a fault is due once or more often")
    return fault
