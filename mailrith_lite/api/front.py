"""/: redirects a browser to the console."""

from aiohttp import hdrs, web

from mailrith_lite import errors


async def show_front(request: web.Request) -> web.StreamResponse:
    """A client that does not accept HTML gets 404, as at any path without a route."""
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        raise errors.NotFound("There is nothing at this path; check the address.")
    return web.Response(status=303, headers={hdrs.LOCATION: "console"})
