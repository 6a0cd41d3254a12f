"""From a class of error to a status, and to the envelope that every answer but a success has."""

import msgspec
from aiohttp import web

from mailrith_lite import errors

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
    errors.Invalid: (400, "invalid_request"),
    errors.InvalidBody: (400, "invalid_request"),
    errors.InvalidJson: (400, "invalid_request"),
    errors.InvalidQuery: (400, "invalid_request"),
    errors.InvalidIdempotencyKey: (400, "invalid_request"),
    errors.InvalidHttp: (400, "invalid_request"),
    errors.InvalidFile: (400, "invalid_request"),
    errors.InvalidApiKey: (401, "authentication_error"),
    errors.Forbidden: (403, "permission_error"),
    errors.InsufficientScope: (403, "permission_error"),
    errors.InvalidSignature: (403, "permission_error"),
    errors.NotFound: (404, "not_found"),
    errors.MethodNotAllowed: (405, "invalid_request"),
    errors.Conflict: (409, "conflict"),
    errors.Expired: (410, "not_found"),
    PreconditionFailed: (412, "invalid_request"),
    errors.PayloadTooLarge: (413, "invalid_request"),
    errors.UnsupportedMediaType: (415, "invalid_request"),
    RangeNotSatisfiable: (416, "invalid_request"),
    errors.ExpectationFailed: (417, "invalid_request"),
    errors.QueueFull: (429, "invalid_request"),
    errors.HeadersTooLarge: (431, "invalid_request"),
    errors.ServiceError: (500, "api_error"),
    errors.InternalError: (500, "api_error"),
    errors.OperationNotSupported: (501, "api_error"),
    errors.ShuttingDown: (503, "api_error"),
    errors.StorageFull: (503, "api_error"),
    errors.Unhealthy: (503, "api_error"),
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
    if status in (429, 503):
        return {"Retry-After": RETRY_AFTER}
    return {}


def from_framework(error: web.HTTPException, request: web.Request | web.BaseRequest) -> errors.MailrithError:
    """What aiohttp would have answered by itself, in our words."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return errors.MethodNotAllowed(request.method, list(error.allowed_methods))
    if isinstance(error, web.HTTPNotFound):
        return errors.NotFound("There is nothing at this path; check the address.", code="route_not_found")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return errors.PayloadTooLarge("The body is too large.")
    if isinstance(error, web.HTTPExpectationFailed):
        return errors.ExpectationFailed("The header Expect takes 100-continue only.")
    return errors.InvalidHttp("The request cannot be understood; check its form.")
