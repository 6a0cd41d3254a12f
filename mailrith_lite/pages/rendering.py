"""Renders templates to HTML and sends them as responses. Every value in a template is escaped."""

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mailrith_lite import clock
from mailrith_lite.pages import formats, static

if TYPE_CHECKING:
    from jinja2 import Environment

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address of a page can contain a signature
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_PACKAGE = "mailrith_lite.pages"


async def page_response(
    template: str, *, status: int = 200, package: str = _PACKAGE, **values: Any
) -> web.Response:
    """A page that is not cached. The template also gets `status`."""
    text = await render(template, package=package, status=status, **values)
    return web.Response(
        status=status,
        text=text,
        content_type="text/html",
        headers={**HEADERS, "Cache-Control": "private, no-store"},
    )


async def render(template: str, *, package: str = _PACKAGE, **values: Any) -> str:
    """Renders a file of the package's templates folder, or else of this package's.

    A value that the template uses and that is missing is an error. `root` is the relative address from the page to
    the root of the service. Runs in a thread, because the first call imports and compiles.
    """
    return await asyncio.to_thread(_render, template, package, values)


def _render(template: str, package: str, values: dict[str, Any]) -> str:
    return _environment(package).get_template(template).render(**values)


@functools.cache
def _environment(package: str) -> "Environment":
    import jinja2  # takes a tenth of a second, which the start of the service does not need

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in dict.fromkeys((package, _PACKAGE))]),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        date=formats.date,
        date_time=formats.date_time,
        date_time_seconds=formats.date_time_seconds,
        duration=formats.duration,
        number=formats.number,
        plural=formats.plural,
        rfc3339=clock.rfc3339,
        size=formats.size,
        versioned=static.versioned,
    )
    return environment
