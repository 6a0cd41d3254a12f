"""The middleware around every handler: every exception of a handler becomes an envelope."""

import errno
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mailrith_lite import errors
from mailrith_lite.api.middleware import add_headers, boundary

SECRET = "a cell of the file"
Start = Callable[..., Awaitable[TestClient[Any, Any]]]


async def raising(aiohttp_client: Start, failure: BaseException) -> Any:
    """The response of a service whose only handler raises `error`."""

    async def handler(_: web.Request) -> web.StreamResponse:
        raise failure

    app = web.Application(middlewares=[boundary])
    app.on_response_prepare.append(add_headers)
    app.router.add_get("/", handler)
    client = await aiohttp_client(app)
    return await client.get("/", headers={"x-mailrith-request-id": "mine"})


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (errors.Conflict("Change it.", code="tag_in_use"), 409, "tag_in_use"),
        (errors.StorageFull(), 503, "storage_full"),
        (OSError(errno.ENOSPC, SECRET), 503, "storage_full"),
        (OSError(errno.EDQUOT, SECRET), 503, "storage_full"),
        (OSError(errno.EIO, SECRET), 500, "internal_error"),
        (ValueError(SECRET), 500, "internal_error"),
        (RecursionError(SECRET), 500, "internal_error"),
        (MemoryError(SECRET), 500, "internal_error"),
        (web.HTTPNotFound(), 404, "not_found"),
        (web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2), 413, "request_body_too_large"),
        (web.HTTPMethodNotAllowed("GET", ["POST"]), 405, "method_not_allowed"),
        (web.HTTPBadRequest(text=SECRET), 400, "invalid_http"),
    ],
)
async def test_every_exception_of_a_handler_becomes_an_envelope(
    aiohttp_client: Start, failure: BaseException, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        reply = await raising(aiohttp_client, failure)
    body = await reply.json()
    assert (reply.status, body["error"]["code"]) == (status, code)
    assert reply.headers["x-mailrith-request-id"] == "mine"
    assert SECRET not in body["error"]["message"]
    assert ("Retry-After" in reply.headers) == (status == 503)
