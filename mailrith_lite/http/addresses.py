"""Addresses of this service, for responses."""

import contextlib
import posixpath
import re

from aiohttp import web
from yarl import URL

from mailrith_lite.http.forwarding import sender
from mailrith_lite.http.services import Services

_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)


def base_address(services: Services, request: web.Request) -> str:
    """The address of this service without a final slash: the setting, else the one that the client used."""
    return services.settings.public_url or _origin(services, request)


def client_address(services: Services, request: web.Request) -> str:
    """The IP address of the client, also of one behind a trusted proxy."""
    return sender(request, services.settings.trusted_proxies).address


def relative_address(request: web.BaseRequest, path: str) -> str:
    """The address of a path of this service, relative to the request: it stays below the path of a proxy."""
    return posixpath.relpath(path, posixpath.dirname(request.rel_url.raw_path))


def _origin(services: Services, request: web.Request) -> str:
    """From a trusted proxy or the header Host; from the socket if there is none, or it is not an address."""
    seen = sender(request, services.settings.trusted_proxies)
    scheme = seen.scheme or request.scheme
    for name in (seen.host, request.headers.get("Host")):
        if name is not None and _HOST.fullmatch(name):
            with contextlib.suppress(ValueError):  # a port or an IP address out of range
                return str(URL(f"{scheme}://{name}").origin())
    own = request.transport.get_extra_info("sockname") if request.transport else None
    host, port = own[:2] if isinstance(own, tuple) else ("localhost", 80)  # a Unix socket has a path
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
