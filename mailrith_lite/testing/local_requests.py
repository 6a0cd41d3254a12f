"""Which requests come from a program of this machine, or from a page that this machine serves."""

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from mailrith_lite.http import wire_errors
from mailrith_lite.http.statuses import Handler


@web.middleware
async def refuse_foreign_hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page of another site can give its own name the address 127.0.0.1, and the key of the sandbox is known.

    Raises:
        InvalidHttp: the header Host names another machine.
    """
    if not is_local_host(request.headers.get("Host", "localhost")) and not request.path.startswith("/sandbox"):
        raise wire_errors.InvalidHttp("The sandbox answers at localhost only; call it as http://localhost:PORT.")
    return await handler(request)


def is_local(request: web.Request) -> bool:
    """A request through a proxy is not local: the proxy may be on this machine and its client anywhere."""
    if any(name.startswith(("X-Forwarded-", "Forwarded", "Via")) for name in map(str.title, request.headers)):
        return False
    if not _is_loopback(request.remote or "") or not is_local_host(request.headers.get("Host", "")):
        return False
    return "Origin" not in request.headers or _is_local_address(request.headers["Origin"])


def is_local_host(host: str) -> bool:
    """`host`: with or without a port, as in the header."""
    return _is_local_address(f"//{host}")


def _is_local_address(address: str) -> bool:
    try:
        return _is_loopback(urlsplit(address).hostname or "")
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
