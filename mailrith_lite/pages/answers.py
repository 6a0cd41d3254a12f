"""A page as an answer."""

import asyncio
from typing import Any

from aiohttp import web

from mailrith_lite.pages.render import OWN, render

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # an address may hold a signature
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


async def page_response(template: str, *, status: int = 200, package: str = OWN, **values: Any) -> web.Response:
    """In a thread: the first page loads what makes pages. A template is told the status, too."""
    text = await asyncio.to_thread(render, template, package=package, status=status, **values)
    return web.Response(
        status=status,
        text=text,
        content_type="text/html",
        headers={**HEADERS, "Cache-Control": "private, no-store"},
    )
