"""Renders the console's templates, with the values that all of them share."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web
from yarl import URL

from mailrith_lite.console.navigation import visible_groups
from mailrith_lite.console.paths import PATH, relative_root
from mailrith_lite.console.session_request import SESSION_REQUEST
from mailrith_lite.pages.rendering import page_response, render

_PACKAGE = "mailrith_lite.console"
_TITLES = {401: "Signed out", 403: "Not allowed", 404: "Not found", 410: "Gone", 500: "Something went wrong"}


async def render_page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    return await page_response(template, status=status, package=_PACKAGE, **_shared(request), **values)


async def render_part(request: web.Request, template: str, **values: Any) -> str:
    """A live part, as HTML."""
    return await render(template, package=_PACKAGE, **_shared(request), **values)


def error_title(status: int) -> str:
    return _TITLES.get(status, HTTPStatus(status).phrase)


def _shared(request: web.Request) -> dict[str, Any]:
    """Relative addresses: `root` of the service, `console` of its first page, `address(path, query)` of any page.

    `call` is None when nobody is signed in.
    """
    root = relative_root(request)

    def address(path: str, query: Mapping[str, str], **more: str) -> str:
        return root + str(URL.build(path=PATH + path, query=[*query.items(), *more.items()]))

    call = request.get(SESSION_REQUEST)
    return {
        "address": address,
        "console": root + PATH,
        "root": root,
        "call": call,
        "navigation": visible_groups(call.principal.scopes) if call else [],
    }
