"""Middleware: request id, error envelope, log line, pauses. Before a handler with a key: the key and its scopes."""

import re
from time import monotonic

from aiohttp import hdrs, web

from mailrith_lite import clock, errors, ids, logs, metrics
from mailrith_lite.access import keys, scopes, wrong_keys
from mailrith_lite.api.call import Call, CallHandler
from mailrith_lite.api.envelope import respond
from mailrith_lite.database import Requester
from mailrith_lite.http import log_fields, wire_errors
from mailrith_lite.http.addresses import client_address, relative_address
from mailrith_lite.http.key_check import check_key
from mailrith_lite.http.services import (
    OPERATION,
    PRINCIPAL,
    REFUSAL,
    REFUSED_KEY,
    REQUEST_ID,
    REQUESTER,
    RESPONSE_STARTED,
    SERVICES,
    Services,
)
from mailrith_lite.http.statuses import Handler, attempt, outcome

REQUEST_ID_HEADER = "x-mailrith-request-id"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every response that does not set them itself, as pages and files do."""
_HSTS = "max-age=31536000"  # seconds: a year
_FIRST_REFUSED = 400
_CLIENT_HEADER = "x-mailrith-client"
_REQUEST_ID = re.compile(r"[ -~]{1,128}")
_CLIENT = re.compile(r"[\w./-]{1,64}", re.ASCII)


def request_id_of(request: web.BaseRequest) -> str:
    """The client's own id if it is 1 to 128 printable ASCII characters, else a new one."""
    client_id = request.headers.get(REQUEST_ID_HEADER, "")
    return client_id if _REQUEST_ID.fullmatch(client_id) else ids.new_request_id()


@web.middleware
async def pause_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Sends the refusals of a workspace, or of an address without a valid key, slowly if they are many."""
    response = await handler(request)
    if REFUSAL in request:
        services = request.app[SERVICES]
        principal = request.get(PRINCIPAL)
        address = client_address(services, request)
        owner = wrong_keys.site(address) if principal is None else principal.workspace_id
        await services.refusal_pauses.wait(owner)
    return response


@web.middleware
async def boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives each request an id and a log line, and each error its envelope."""
    request[REQUEST_ID] = request_id_of(request)
    requester = request[REQUESTER] = Requester()
    began = monotonic()
    status = 499  # for the log: the client closed the connection
    try:
        with requester.requesting():
            response = await outcome(request, handler)
        if isinstance(response, errors.MailrithError):
            response = respond(response)
        status = response.status
        return response
    finally:
        _record(request, status, monotonic() - began)


async def response_of(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The response of the handler, or the envelope of the error that it raised on purpose."""
    result = await attempt(request, handler)
    return respond(result) if isinstance(result, errors.MailrithError) else result


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A handler of aiohttp's signal `on_response_prepare`, which also covers responses of aiohttp itself."""
    request[RESPONSE_STARTED] = True
    response.headers[REQUEST_ID_HEADER] = request.get(REQUEST_ID) or request_id_of(request)
    if response.headers.get(hdrs.LOCATION, "").startswith("/"):
        response.headers[hdrs.LOCATION] = relative_address(request, response.headers[hdrs.LOCATION])
    set_headers(response)


async def add_hsts(_: web.Request, response: web.StreamResponse) -> None:
    """As `add_headers`, for a service whose public address is https."""
    response.headers["Strict-Transport-Security"] = _HSTS


def set_headers(response: web.StreamResponse) -> None:
    """Adds the headers of `HEADERS` that the response does not have, and replaces aiohttp's Server."""
    response.headers["Server"] = "mailrith-lite"
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def authenticated(handler: CallHandler, operation_id: str, required: tuple[str, ...]) -> Handler:
    """Calls the handler after the API key and its scopes were checked."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request[OPERATION] = operation_id
        services = request.app[SERVICES]
        if services.stopping:
            raise wire_errors.ShuttingDown
        now = clock.now()
        principal = await _authenticate(services, request)
        request[PRINCIPAL] = principal
        request[REQUESTER].workspace_id = principal.workspace_id
        services.key_use.note(principal.key_id, now)
        services.request_rates.check(principal)
        scopes.require(principal.scopes, required)
        return await handler(
            Call(
                request=request,
                services=services,
                principal=principal,
                request_id=request[REQUEST_ID],
                operation_id=operation_id,
            )
        )

    return handle


async def _authenticate(services: Services, request: web.Request) -> keys.Principal:
    """
    Raises:
        InvalidApiKey, RateLimited: as `check_key` does; the first also without a key.
    """
    key = await check_key(services, request, keys.presented(request.headers), "api", services.wrong_keys)
    return keys.principal(key)


def _record(request: web.Request, status: int, seconds: float) -> None:
    """Logs the route, not the path, which can hold an email address. Without a route: the path's plain words."""
    resource = request.match_info.route.resource
    operation = request.get(OPERATION) or (resource.canonical if resource is not None else "none")
    metrics.note_request(operation, status, seconds)
    error = request.get(REFUSAL)
    _note(request, status, seconds, error)
    if isinstance(error, errors.TooManyRequests):
        metrics.LIMITED_REQUESTS.labels(error.details.get("reason") or error.error_code).inc()
    client = request.headers.get(_CLIENT_HEADER, "")
    answer = {
        "method": request.method,
        "route": resource.canonical if resource is not None else None,
        **({"path": log_fields.path(request.path)} if resource is None else {}),
        "status": status,
        **log_fields.refusal(error),
    }
    caller = log_fields.caller(request)
    fields = {
        "request_id": caller.pop("request_id"),
        **answer,
        "ms": round(seconds * 1_000, 1),
        **caller,
        "client": client if _CLIENT.fullmatch(client) else None,
    }
    equal = (*answer.values(), *caller.values()) if status >= _FIRST_REFUSED else None
    logs.request(fields, equal)


def _note(request: web.Request, status: int, seconds: float, error: errors.MailrithError | None) -> None:
    """For the workspace's own log of requests: those of a known key, to an operation of the API."""
    operation_id, principal, refused = request.get(OPERATION), request.get(PRINCIPAL), request.get(REFUSED_KEY)
    if operation_id is None:
        return
    if principal is not None:
        workspace_id, key_id = principal.workspace_id, principal.key_id
    elif refused is not None:
        workspace_id, key_id = refused.workspace_id, refused.id
    else:
        return
    request.app[SERVICES].request_log.note(
        workspace_id,
        occurred_at=clock.now(),
        milliseconds=round(seconds * 1_000),
        operation_id=operation_id,
        status=status,
        error=error,
        key_id=key_id,
        request_id=request[REQUEST_ID],
    )
