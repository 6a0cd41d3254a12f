"""Serves the style sheet, scripts and icon of the pages, and a sample file.

A versioned address is cached for a year.
"""

import asyncio
import functools
import hashlib
from importlib import resources

from aiohttp import web

from mailrith_lite import errors

PATH = "/static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".csv": "text/csv"}
_FOR_A_YEAR = "public, max-age=31536000, immutable"


def add_static(router: web.UrlDispatcher) -> None:
    router.add_get(f"{PATH}/{{name}}", _send)


def versioned(name: str) -> str:
    """The name with a hash of the file's content, so that a changed file has a new address."""
    return f"{name}?v={_version(name)}"


async def _send(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    content = await asyncio.to_thread(_read, name)
    if content is None:
        raise errors.NotFound("There is nothing at this path; check the address.")
    current = request.query.get("v") == _version(name)
    return web.Response(
        body=content,
        content_type=_TYPES[name[name.rindex(".") :]],
        charset="utf-8",
        headers={
            "Cache-Control": _FOR_A_YEAR if current else "no-cache",
            "Content-Security-Policy": "default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        },
    )


@functools.cache
def _version(name: str) -> str:
    return hashlib.sha256(_read(name) or b"").hexdigest()[:12]


def _read(name: str) -> bytes | None:
    """None for a name that is not in the static folder. The name is compared and never joined to a path."""
    for file in resources.files("mailrith_lite.pages").joinpath("static").iterdir():
        if file.name == name and name[name.rfind(".") :] in _TYPES:
            return file.read_bytes()
    return None
