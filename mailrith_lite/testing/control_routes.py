"""/sandbox: the same controls over HTTP, for every other language. On this machine and under `sandbox` alone."""

import functools
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api import codec
from mailrith_lite.http.statuses import Handler
from mailrith_lite.testing.control import CONTROLS, Control, Nothing
from mailrith_lite.testing.control_document import get_document
from mailrith_lite.testing.sandbox import Sandbox


def add_routes(router: web.UrlDispatcher, sandbox: Sandbox) -> None:
    for one in CONTROLS:
        router.add_route(one.method, one.path, _local(functools.partial(_handle, sandbox, one)))
    router.add_get("/sandbox/openapi.json", _local(get_document))


async def _handle(sandbox: Sandbox, one: Control, request: web.Request) -> web.StreamResponse:
    """A key in the request chooses its workspace; without one, it is the sandbox's own."""
    form = codec.decode(await _body(sandbox, request) or b"{}", one.form) if one.method == "POST" else Nothing()
    workspace_id = sandbox.own_workspace_id
    if "Authorization" in request.headers:
        found = await sandbox.instruments.workspace_of(request)
        if found is None:
            raise errors.InvalidApiKey
        workspace_id = found
    try:
        answer = await one.act(sandbox, workspace_id, form)
    except (ValueError, TimeoutError) as error:
        raise errors.InvalidBody(_sentence(str(error))) from None
    return web.Response(status=204) if one.answer is None else codec.json_response(codec.data(answer))


async def _body(sandbox: Sandbox, request: web.Request) -> bytes:
    limit = sandbox.services.settings.max_body_bytes
    found = bytearray()
    while not request.content.at_eof():
        found += await request.content.readany()
        if len(found) > limit:
            raise errors.PayloadTooLarge(f"A body takes at most {limit:,} bytes.")
    return bytes(found)


def _local(handler: Handler) -> Handler:
    """For programs of this machine: no other, and no page of a foreign site in a browser."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if not _is_local(request):
            raise errors.NotFound("There is nothing at this path; check the address.", code="route_not_found")
        return await handler(request)

    return handle


def _is_local(request: web.Request) -> bool:
    """A proxy on this machine may stand before anybody."""
    if any(name.startswith(("X-Forwarded-", "Forwarded", "Via")) for name in map(str.title, request.headers)):
        return False
    addresses = [f"//{request.headers.get('Host', '')}"]
    if "Origin" in request.headers:
        addresses.append(request.headers["Origin"])
    try:
        hosts = [urlsplit(address).hostname or "" for address in addresses]
    except ValueError:
        return False
    return all(map(_is_loopback, [request.remote or "", *hosts]))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")
