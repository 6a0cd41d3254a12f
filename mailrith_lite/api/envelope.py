"""From a class of error to a status, and to the envelope that every answer but a success has."""

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.http import statuses

RETRY_AFTER = "1"  # seconds


class RangeNotSatisfiable(errors.Invalid):
    """`content_range`: says how long the file is."""

    code = "range_not_satisfiable"

    def __init__(self, content_range: str) -> None:
        super().__init__("The file has no such range of bytes; leave the header Range out to get all of it.")
        self.content_range = content_range


class PreconditionFailed(errors.Invalid):
    code = "precondition_failed"

    def __init__(self) -> None:
        super().__init__("The file is not the one that If-Match or If-Unmodified-Since asks for.")


STATUSES: dict[type[errors.MailrithError], tuple[int, str]] = {
    **statuses.STATUSES,
    PreconditionFailed: (412, "invalid_request"),
    RangeNotSatisfiable: (416, "invalid_request"),
}


def respond(error: errors.MailrithError) -> web.Response:
    """The error as an answer."""
    status, error_type = STATUSES[type(error)]
    envelope = {"type": error_type, "code": error.error_code, "message": error.message, **error.extra()}
    if error.details:
        envelope["details"] = error.details
    return web.Response(
        status=status,
        body=msgspec.json.encode({"error": envelope}),
        content_type="application/json",
        headers=_headers(error, status),
    )


def _headers(error: errors.MailrithError, status: int) -> dict[str, str]:
    if isinstance(error, errors.InvalidApiKey):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": error.allowed}
    if isinstance(error, RangeNotSatisfiable):
        return {"Content-Range": error.content_range}
    if isinstance(error, errors.QueueFull):
        return {"Retry-After": str(error.retry_after)}
    if status in (429, 503):
        return {"Retry-After": RETRY_AFTER}
    return {}
