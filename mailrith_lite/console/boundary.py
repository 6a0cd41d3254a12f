"""Around every page: an error is a page, too; and no page loads anything from elsewhere or runs anything inline."""

from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.console import templating
from mailrith_lite.console.session_request import VISIT, current, page_behind
from mailrith_lite.http.statuses import STATUSES, Handler, outcome
from mailrith_lite.pages.rendering import HEADERS

_HEADERS = {
    **HEADERS,
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with no-referrer a form would come without its origin
    "X-Frame-Options": "DENY",
}
_RETRY = {429, 503}


@web.middleware
async def error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    found = await outcome(request, handler)
    if not isinstance(found, errors.MailrithError):
        return found
    if isinstance(found, errors.NotFound | errors.MethodNotAllowed) and VISIT not in request:
        await current(request)  # where there is no page, nobody has looked who asks
    status, _ = STATUSES[type(found)]
    response = await templating.page(
        request,
        "error.html",
        status=status,
        title=templating.error_title(status),
        message=_message(found),
        sign_in_next=page_behind(request) if isinstance(found, errors.InvalidApiKey) else "",
        missing=found.missing if isinstance(found, errors.InsufficientScope) else [],
    )
    if isinstance(found, errors.MethodNotAllowed):
        response.headers["Allow"] = found.allowed
    if status in _RETRY:
        response.headers["Retry-After"] = "1"
    return response


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Called by the framework just before an answer goes out."""
    response.headers.update(_HEADERS)


def _message(error: errors.MailrithError) -> str:
    """What a person can do about it; some errors speak to programs."""
    if isinstance(error, errors.InvalidApiKey):
        return "Your session is over, or its key no longer works. Sign in again."
    if isinstance(error, errors.InsufficientScope):
        return "The API key that you signed in with may not do this."
    return error.message
