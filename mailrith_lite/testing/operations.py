"""The operations of the contract by their ids, also those that answer 501, and the operation of a request."""

import difflib
import functools

from aiohttp import web

from mailrith_lite.api import downloads, uploads
from mailrith_lite.api.not_served import NOT_SERVED
from mailrith_lite.api.routes import ROUTES
from mailrith_lite.jobs.kinds import KINDS

CREATING = frozenset(route.operation_id for route in ROUTES if route.idempotent)
"""The operations that take an Idempotency-Key."""
POLLS = {
    route.operation_id: kind
    for kind in KINDS
    for route in ROUTES
    if (route.method, route.path) == ("GET", f"{kind.path}/{{job_id}}")
}
"""The operations that show one job, and the kind of that job."""
DOWNLOAD = "download"
UPLOAD = "upload"
"""The requests of signed links, which the contract does not list as operations."""


@functools.cache
def _by_route() -> dict[tuple[str, str], str]:
    served = {(route.method, route.path): route.operation_id for route in ROUTES}
    return served | {(one.method, one.path): one.operation_id for one in NOT_SERVED}


def scopes(operation_id: str | None) -> tuple[str, ...]:
    """The scopes that the operation requires of a key."""
    return next((route.scopes for route in ROUTES if route.operation_id == operation_id), ())


def query_names(operation_id: str | None) -> frozenset[str] | None:
    """The query parameters that the operation takes; None for an operation that is not served."""
    return next(
        (
            frozenset(route.signature.query.__struct_encode_fields__)
            for route in ROUTES
            if route.operation_id == operation_id
        ),
        None,
    )


@functools.cache
def field_names(operation_id: str | None) -> frozenset[str] | None:
    """The fields of the operation's JSON body; None for an operation without one, or that is not served."""
    forms = [route.signature.request for route in ROUTES if route.operation_id == operation_id]
    return frozenset(forms[0].__struct_encode_fields__) if forms and forms[0] is not None else None


def of(request: web.Request) -> str | None:
    """None for a request to no operation of the contract."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    if resource.canonical == downloads.PATH:
        return DOWNLOAD
    if resource.canonical == uploads.LINK_PATH:
        return UPLOAD
    method = "GET" if request.method == "HEAD" else request.method
    return _by_route().get((method, resource.canonical))


def check(operation_id: str | None) -> None:
    """None means any operation.

    Raises:
        ValueError: no operation has this id; the text names one with a similar spelling.
    """
    operation_ids = {*_by_route().values(), DOWNLOAD, UPLOAD}
    if operation_id is not None and operation_id not in operation_ids:
        similar = difflib.get_close_matches(operation_id, sorted(operation_ids), n=1)
        raise ValueError(f"there is no operation {operation_id}" + (f"; is it {similar[0]}?" if similar else ""))
