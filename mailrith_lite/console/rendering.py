"""Pages from templates. Jinja is imported with the first page, not with the service: its start is measured."""

import asyncio
import functools
import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web
from yarl import URL

from mailrith_lite import clock, errors
from mailrith_lite.console import wording
from mailrith_lite.console.choices import STATUSES
from mailrith_lite.console.visit import PATH, SIGN_IN_PATH, VISIT

if TYPE_CHECKING:
    import jinja2

STATIC_PATH = f"{PATH}/static/{{version}}/{{name}}"
FILES = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""Name -> type. Nothing else in the folder can be asked for."""
_TITLES = {401: "Signed out", 403: "Not allowed", 404: "Not found", 410: "Gone", 500: "Something went wrong"}
_FOR_EVER = "public, max-age=31536000, immutable"


async def page(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    text = await part(request, template, **context)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


async def part(request: web.Request, template: str, **context: Any) -> str:
    """A template's text. Everything in it is escaped; nothing is ever marked as safe."""
    loaded = _environment.cache_info().currsize
    environment = _environment() if loaded else await asyncio.to_thread(_environment)
    visit = request.get(VISIT)
    return environment.get_template(template).render(visit=visit, path=request.path, **context)


def error_title(status: int) -> str:
    return _TITLES.get(status, HTTPStatus(status).phrase)


def _read_static(name: str) -> bytes:
    return resources.files(__package__).joinpath("static", name).read_bytes()


@functools.cache
def static_version() -> str:
    """Changes with the content of any file, so that a browser may keep what it has."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update(_read_static(name))
    return digest.hexdigest()[:12]


async def send_static(request: web.Request) -> web.StreamResponse:
    """Under the version that there is now; a page of an earlier one gets what is there, to be asked for again."""
    name, version = request.match_info["name"], request.match_info["version"]
    if name not in FILES:
        raise errors.NotFound("There is nothing at this path; check the address.", code="route_not_found")
    return web.Response(
        body=await asyncio.to_thread(_read_static, name),
        content_type=FILES[name],
        charset="utf-8",
        headers={"Cache-Control": _FOR_EVER if version == static_version() else "no-cache"},
    )


def _static(name: str) -> str:
    return STATIC_PATH.format(version=static_version(), name=name)


def _address(path: str, query: Mapping[str, str], **more: str) -> str:
    """A page of the console with its parameters."""
    return str(URL.build(path=PATH + path, query={**query, **more}))


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mailrith_lite.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=wording.number,
        counted=wording.counted,
        moment=wording.moment,
        rfc3339=clock.rfc3339,
        span=wording.span,
        row=wording.row,
        size=wording.size,
        selection=wording.selection,
    )
    environment.globals.update(
        address=_address, root=PATH, sign_in_path=SIGN_IN_PATH, static=_static, statuses=STATUSES
    )
    return environment
