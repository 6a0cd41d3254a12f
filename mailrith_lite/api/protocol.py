"""The HTTP server below the routes: responses of aiohttp itself get the error envelope too."""

import asyncio
import resource
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from mailrith_lite import errors, logs
from mailrith_lite.api.envelope import respond
from mailrith_lite.api.middleware import REQUEST_ID_HEADER, request_id_of, set_headers
from mailrith_lite.http import wire_errors
from mailrith_lite.http.header_values import check_expectation
from mailrith_lite.http.services import REQUESTER
from mailrith_lite.http.statuses import from_framework

KEEP_ALIVE = 75.0  # seconds
FIRST_REQUEST = 30.0  # seconds that a new connection has for the head of its first request
_OTHER_DESCRIPTORS = 256
LINGER = 2.0  # seconds for which the rest of a refused body is read and discarded


def most_connections() -> int:
    """Connections at a time. The rest of the file descriptors is for the database, for jobs and for uploads."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft - min(_OTHER_DESCRIPTORS, soft * 3 // 4)


class ApiRunner(web.AppRunner):
    """An AppRunner whose connections answer every error with the envelope."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
            auto_decompress=False,
            **options,
        )

    async def _make_server(self) -> web.Server:
        inner = await super()._make_server()
        return _ApiServer(_checked(inner.request_handler), request_factory=inner.request_factory, **self._kwargs)


def _checked(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> Any:
    """The handler, after a check of the header Expect, which aiohttp reads before a middleware runs."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        check_expectation(request.headers)
        return await handler(request)

    return handle


class _ApiServer(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _ApiProtocol(self, loop=asyncio.get_running_loop(), **self._kwargs)


class _ApiProtocol(web.RequestHandler):
    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._manager.connections) > most_connections():  # type: ignore[union-attr]
            self.force_close()
            return
        asyncio.get_running_loop().call_later(FIRST_REQUEST, self._close_if_unused)

    def _close_if_unused(self) -> None:
        """aiohttp keeps a connection without a request open forever."""
        if self._request_count == 0:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stops the database reads of a request when its client closes the connection."""
        request = self._current_request
        super().connection_lost(exc)
        if isinstance(request, web.Request) and REQUESTER in request:
            request[REQUESTER].leave()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Turns an HTTPException into the envelope. Only a wrong Expect header leads to one here."""
        if isinstance(resp, web.HTTPException):
            resp = _with_request_id(respond(from_framework(resp, request)), request)
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers bytes that are not an HTTP request. They are not logged: they can hold anything."""
        if isinstance(exc, ConnectionError):
            raise exc  # the client closed the connection; the middleware has logged the request
        if request.writer.output_size > 0:
            raise ConnectionResetError("the response had started and cannot be finished")
        if isinstance(exc, LineTooLong):
            error: errors.MailrithError = wire_errors.HeadersTooLarge()
        elif status < 500:
            error = wire_errors.InvalidHttp("This is not a valid HTTP request; check its first line and headers.")
        else:
            logs.service.error("request failed", exc_info=exc)
            error = wire_errors.InternalError("no request id")
        response = _with_request_id(respond(error), request)
        response.force_close()
        fields = {
            "request_id": response.headers[REQUEST_ID_HEADER],
            "status": response.status,
            "code": error.error_code,
            "address": request.remote,
        }
        logs.request(fields, equal=None)
        return response


def _with_request_id(response: web.Response, request: web.BaseRequest) -> web.Response:
    response.headers[REQUEST_ID_HEADER] = request_id_of(request)
    set_headers(response)
    return response
