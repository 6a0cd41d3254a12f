"""A page as an answer, and the files that pages are made of."""

import asyncio
from importlib import resources
from typing import Any

from aiohttp import web

from mailrith_lite.pages.render import render

STATIC_PATH = "/static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # an address may hold a signature
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


async def page_response(template: str, *, status: int = 200, **values: Any) -> web.Response:
    """In a thread: the first page loads what makes pages."""
    text = await asyncio.to_thread(render, template, **values)
    return web.Response(
        status=status,
        text=text,
        content_type="text/html",
        headers={**HEADERS, "Cache-Control": "private, no-store"},
    )


def add_static(router: web.UrlDispatcher) -> None:
    router.add_get(f"{STATIC_PATH}/{{name}}", _send)


async def _send(request: web.Request) -> web.StreamResponse:
    content = await asyncio.to_thread(_read, request.match_info["name"])
    if content is None:
        raise web.HTTPNotFound
    suffix = request.match_info["name"][request.match_info["name"].rindex(".") :]
    return web.Response(
        body=content,
        content_type=_TYPES[suffix],
        charset="utf-8",
        headers={**HEADERS, "Cache-Control": "no-cache"},
    )


def _read(name: str) -> bytes | None:
    """A file of the folder static, and of no other: its names are looked up, never put together."""
    for file in resources.files("mailrith_lite.pages").joinpath("static").iterdir():
        if file.name == name and name[name.rfind(".") :] in _TYPES:
            return file.read_bytes()
    return None
