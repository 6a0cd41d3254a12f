"""Middleware: an error of a handler becomes a page. Every response gets the console's security headers."""

from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.console import templating
from mailrith_lite.console.paths import containing_page
from mailrith_lite.console.session_request import SESSION_REQUEST, load_session
from mailrith_lite.http import wire_errors
from mailrith_lite.http.statuses import Handler, error_headers, outcome, status_of
from mailrith_lite.pages.rendering import HEADERS

_HEADERS = {
    **HEADERS,
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with no-referrer, a browser sends forms without their origin
    "X-Frame-Options": "DENY",
}


@web.middleware
async def error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    result = await outcome(request, handler)
    if not isinstance(result, errors.MailrithError):
        return result
    if isinstance(result, errors.NotFound | wire_errors.MethodNotAllowed) and SESSION_REQUEST not in request:
        await load_session(request)  # for 404 and 405 no handler ran, so the session is not loaded yet
    status = status_of(result)
    response = await templating.render_page(
        request,
        "error.html",
        status=status,
        title=templating.error_title(status),
        message=_message(result),
        sign_in_next=containing_page(request) if isinstance(result, errors.InvalidApiKey) else "",
        missing=result.missing if isinstance(result, errors.InsufficientScope) else [],
    )
    response.headers.update(error_headers(result))
    return response


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """A handler of aiohttp's signal `on_response_prepare`, which also covers responses of the framework itself."""
    response.headers.update(_HEADERS)


def _message(error: errors.MailrithError) -> str:
    """The error's message, unless that message is for programs."""
    if isinstance(error, errors.InvalidApiKey):
        return "Your session is over, or its key no longer works. Sign in again."
    if isinstance(error, errors.InsufficientScope):
        return "The API key that you signed in with may not do this."
    return error.message
