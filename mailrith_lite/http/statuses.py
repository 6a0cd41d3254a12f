"""The HTTP status of every error, and the error for every exception of a handler."""

import traceback
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from mailrith_lite import disk, errors, logs
from mailrith_lite.http import log_fields, wire_errors
from mailrith_lite.http.services import REFUSAL, REQUEST_ID, RESPONSE_STARTED, SERVICES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATUSES: dict[type[errors.MailrithError], tuple[int, str]] = {
    errors.Invalid: (400, "invalid_request"),
    errors.InvalidRequest: (400, "invalid_request"),
    errors.InvalidBody: (400, "invalid_request"),
    errors.InvalidFile: (400, "invalid_request"),
    wire_errors.InvalidHttp: (400, "invalid_request"),
    wire_errors.InvalidQuery: (400, "invalid_request"),
    wire_errors.InvalidIdempotencyKey: (400, "invalid_request"),
    errors.InvalidApiKey: (401, "authentication_error"),
    errors.RevokedApiKey: (401, "authentication_error"),
    errors.ExpiredApiKey: (401, "authentication_error"),
    errors.Forbidden: (403, "permission_error"),
    errors.InsufficientScope: (403, "permission_error"),
    errors.InvalidSignature: (403, "permission_error"),
    errors.NotFound: (404, "not_found"),
    wire_errors.MethodNotAllowed: (405, "invalid_request"),
    errors.Conflict: (409, "conflict"),
    errors.Expired: (410, "not_found"),
    wire_errors.PreconditionFailed: (412, "invalid_request"),
    errors.PayloadTooLarge: (413, "invalid_request"),
    errors.UnsupportedMediaType: (415, "invalid_request"),
    wire_errors.RangeNotSatisfiable: (416, "invalid_request"),
    wire_errors.ExpectationFailed: (417, "invalid_request"),
    errors.TooManyRequests: (429, "invalid_request"),
    errors.QueueFull: (429, "invalid_request"),
    errors.RateLimited: (429, "invalid_request"),
    wire_errors.HeadersTooLarge: (431, "invalid_request"),
    errors.ServiceError: (500, "api_error"),
    wire_errors.InternalError: (500, "api_error"),
    wire_errors.OperationNotSupported: (501, "api_error"),
    errors.StorageFull: (503, "api_error"),
    errors.StorageLost: (503, "api_error"),
    errors.DatabaseBusy: (503, "api_error"),
    errors.QueryTooSlow: (503, "api_error"),
    wire_errors.ShuttingDown: (503, "api_error"),
    wire_errors.Unhealthy: (503, "api_error"),
}
"""Class of error -> its status, and its `type` in the envelope."""


def status_of(error: errors.MailrithError) -> int:
    status, _ = STATUSES[type(error)]
    return status


def error_headers(error: errors.MailrithError) -> dict[str, str]:
    """Headers of a response to the error, whether it is JSON or a page. Retry-After is in seconds."""
    if isinstance(error, wire_errors.MethodNotAllowed):
        return {hdrs.ALLOW: error.allowed}
    if isinstance(error, wire_errors.RangeNotSatisfiable):
        return {hdrs.CONTENT_RANGE: error.content_range}
    if isinstance(error, errors.TooManyRequests):
        return {hdrs.RETRY_AFTER: str(error.retry_after)}
    return {hdrs.RETRY_AFTER: "1"} if status_of(error) == 503 else {}


async def attempt(request: web.Request, handler: Handler) -> web.StreamResponse | errors.MailrithError:
    """The response of the handler, or the error that it raised on purpose."""
    try:
        return await handler(request)
    except errors.MailrithError as error:
        return _noted(request, error)
    except web.HTTPException as error:
        return _noted(request, from_framework(error, request))


def _noted(request: web.Request, error: errors.MailrithError) -> errors.MailrithError:
    request[REFUSAL] = error
    return error


async def outcome(request: web.Request, handler: Handler) -> web.StreamResponse | errors.MailrithError:
    """The response of the handler, or an error for whatever it raised.

    Raises:
        ConnectionError: the client closed the connection, or the handler failed in the middle of a response.
    """
    try:
        return await attempt(request, handler)
    except ConnectionError as error:
        traceback.clear_frames(error.__traceback__)  # aiohttp's task and this error keep each other, and the body
        raise
    except Exception as error:
        logs.service.exception("request failed", extra={"fields": log_fields.caller(request)})
        if request.get(RESPONSE_STARTED):
            raise ConnectionResetError("the response had started and cannot be finished") from None
        services = request.config_dict.get(SERVICES)
        if services is not None and services.database.is_lost:
            return _noted(request, errors.StorageLost())
        is_full = disk.is_full(error)
        return _noted(request, errors.StorageFull() if is_full else wire_errors.InternalError(request[REQUEST_ID]))


def from_framework(error: web.HTTPException, request: web.Request | web.BaseRequest) -> errors.MailrithError:
    """The error for a response that aiohttp would send by itself."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return wire_errors.MethodNotAllowed(request.method, list(error.allowed_methods))
    if isinstance(error, web.HTTPNotFound):
        return errors.NotFound("There is nothing at this path; check the address.")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return errors.PayloadTooLarge("The body is too large.")
    if isinstance(error, web.HTTPExpectationFailed):
        return wire_errors.ExpectationFailed("The header Expect takes 100-continue only.")
    return wire_errors.InvalidHttp("The request is malformed; check its first line, headers and body.")
