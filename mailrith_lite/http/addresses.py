"""Addresses of this service, for responses."""

import contextlib
import re

from aiohttp import web

from mailrith_lite.http.services import Services

_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)


def base_address(services: Services, request: web.Request) -> str:
    """The address of this service without a final slash: the setting, else the one that the client used."""
    return services.settings.public_url or _origin(request)


def _origin(request: web.Request) -> str:
    """From the header Host; from the socket if the header is absent or is not an address."""
    if _HOST.fullmatch(request.headers.get("Host", "")):
        with contextlib.suppress(ValueError):  # a port or an IP address out of range
            return str(request.url.origin())
    host, port = request.transport.get_extra_info("sockname")[:2] if request.transport else ("localhost", 80)
    return f"{request.scheme}://[{host}]:{port}" if ":" in host else f"{request.scheme}://{host}:{port}"
