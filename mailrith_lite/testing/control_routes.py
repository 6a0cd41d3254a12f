"""The routes under /sandbox: what the handle does, for every other language. For programs of this machine only."""

import functools
from types import NoneType

from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api import codec
from mailrith_lite.http.statuses import Handler
from mailrith_lite.testing.control import CONTROLS, Control
from mailrith_lite.testing.control_document import get_document
from mailrith_lite.testing.local_requests import is_local
from mailrith_lite.testing.sandbox import Sandbox


def add_routes(router: web.UrlDispatcher, sandbox: Sandbox) -> None:
    for control in CONTROLS:
        router.add_route(control.method, control.path, _local(functools.partial(_handle, sandbox, control)))
    router.add_get("/sandbox/openapi.json", _local(get_document))


async def _handle(sandbox: Sandbox, control: Control, request: web.Request) -> web.StreamResponse:
    """The key in the request chooses the workspace; without a key it is the sandbox's first one."""
    body = b""
    if control.method == "POST":
        body = await _read(request, sandbox.services.settings.max_body_bytes)
    form = codec.decode(body or b"{}", control.form)
    workspace_id: int | None = sandbox.default_workspace_id
    if "Authorization" in request.headers:
        workspace_id = await sandbox.instruments.workspace_of(request)
    if workspace_id is None:
        raise errors.InvalidApiKey
    try:
        answer = await control.act(sandbox, workspace_id, form)
    except (ValueError, TimeoutError) as error:
        raise errors.InvalidRequest(_sentence(str(error))) from None
    return web.Response(status=204) if control.answer is NoneType else codec.json_response(codec.data(answer))


async def _read(request: web.Request, limit: int) -> bytes:
    """
    Raises:
        PayloadTooLarge: the body has more than `limit` bytes.
    """
    body = bytearray()
    while not request.content.at_eof():
        body += await request.content.readany()
        if len(body) > limit:
            raise errors.PayloadTooLarge(f"A body takes at most {limit:,} bytes.")
    return bytes(body)


def _local(handler: Handler) -> Handler:
    """Answers 404 to other machines, and to the pages of other sites in a browser of this machine."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if not is_local(request):
            raise errors.NotFound("There is nothing at this path; check the address.")
        return await handler(request)

    return handle


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")
