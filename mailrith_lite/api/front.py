"""/: whoever opens the service's address in a browser is led to the console."""

from aiohttp import hdrs, web

from mailrith_lite import errors


async def show_front(request: web.Request) -> web.StreamResponse:
    """A program is told that there is nothing, as at every other path without a route."""
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        raise errors.NotFound("There is nothing at this path; check the address.", code="route_not_found")
    return web.Response(status=303, headers={hdrs.LOCATION: "console"})
