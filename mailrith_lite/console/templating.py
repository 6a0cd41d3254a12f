"""The console's pages. Every address in one is relative, so that a proxy may put the service below a path."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web
from yarl import URL

from mailrith_lite.console.filter_form import STATUSES
from mailrith_lite.console.session_request import PATH, VISIT, root_of
from mailrith_lite.pages.rendering import page_response, render

_PACKAGE = "mailrith_lite.console"
_TITLES = {401: "Signed out", 403: "Not allowed", 404: "Not found", 410: "Gone", 500: "Something went wrong"}


async def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    return await page_response(template, status=status, package=_PACKAGE, **_shared(request), **values)


async def part(request: web.Request, template: str, **values: Any) -> str:
    """A piece of a page."""
    return await render(template, package=_PACKAGE, **_shared(request), **values)


def error_title(status: int) -> str:
    return _TITLES.get(status, HTTPStatus(status).phrase)


def _shared(request: web.Request) -> dict[str, Any]:
    """What every template gets. `console`: where it begins; `address`: a page of it, with parameters."""
    root = root_of(request)

    def address(path: str, query: Mapping[str, str], **more: str) -> str:
        return root + str(URL.build(path=PATH + path, query={**query, **more}))

    return {
        "address": address,
        "console": root + PATH,
        "root": root,
        "statuses": STATUSES,
        "visit": request.get(VISIT),
    }
