"""/docs: the API reference for a browser, without a request to any other host.

Swagger UI, unchanged, in a page of this service. The addresses of its files contain its version, so a browser can
keep the files forever.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable
from importlib import resources

import msgspec
from aiohttp import web

from mailrith_lite.api.discovery import REFERENCE_PATH

VERSION = "5.35.0"  # of swagger-ui-dist; its files are in viewer/swagger-ui
_VENDORED = f"{REFERENCE_PATH}/{VERSION}"
_HEADERS = {
    # The style sheet of Swagger UI contains images as data: addresses; everything else is a file of this service.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FRESH = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"


class File(msgspec.Struct, frozen=True):
    """`name`: the path within viewer/."""

    name: str
    content_type: str
    caching: str = _FRESH


FILES = {
    REFERENCE_PATH: File("page.html", "text/html"),
    f"{REFERENCE_PATH}/page.css": File("page.css", "text/css"),
    f"{REFERENCE_PATH}/start.js": File("start.js", "text/javascript"),
    f"{_VENDORED}/swagger-ui.css": File("swagger-ui/swagger-ui.css", "text/css", _FOR_EVER),
    f"{_VENDORED}/swagger-ui-bundle.js": File("swagger-ui/swagger-ui-bundle.js", "text/javascript", _FOR_EVER),
    f"{_VENDORED}/favicon-32x32.png": File("swagger-ui/favicon-32x32.png", "image/png", _FOR_EVER),
}
"""Address -> file. Nothing else in the folder has an address."""


def add_routes(router: web.UrlDispatcher) -> None:
    for path, file in FILES.items():
        router.add_get(path, _sender(file))


def _sender(file: File) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def send(_: web.Request) -> web.StreamResponse:
        content = await asyncio.to_thread(_read, file.name)
        return web.Response(
            body=io.BytesIO(content),  # aiohttp would send large bytes in one piece
            content_type=file.content_type,
            charset="utf-8" if file.content_type.startswith("text/") else None,
            headers={**_HEADERS, "Cache-Control": file.caching},
        )

    return send


def _read(name: str) -> bytes:
    content = resources.files("mailrith_lite.api.documentation").joinpath("viewer", name).read_bytes()
    return content.replace(b"{version}", VERSION.encode()) if name == "page.html" else content
