"""Every operation of the contract by its id, those that answer 501 included, and which one a request hits."""

import difflib
import functools

from aiohttp import web

from mailrith_lite.api import downloads, uploads
from mailrith_lite.api.not_served import NOT_SERVED
from mailrith_lite.api.routes import ROUTES
from mailrith_lite.jobs.kinds import KINDS

CREATING = frozenset(route.operation_id for route in ROUTES if route.idempotent)
"""Those that take an Idempotency-Key."""
POLLS = {
    route.operation_id: kind
    for kind in KINDS
    for route in ROUTES
    if (route.method, route.path) == ("GET", f"{kind.path}/{{job_id}}")
}
"""What looks at one job, and of which kind it is."""
DOWNLOAD = "download"
UPLOAD = "upload"
"""Not in the contract: whoever follows a signed link, to a file or with one."""


@functools.cache
def _by_route() -> dict[tuple[str, str], str]:
    served = {(route.method, route.path): route.operation_id for route in ROUTES}
    return served | {(method, path): operation_id for method, path, operation_id in NOT_SERVED}


def known() -> list[str]:
    return sorted({*_by_route().values(), DOWNLOAD, UPLOAD})


def scopes(operation_id: str | None) -> tuple[str, ...]:
    """What a key has to hold for the operation."""
    return next((route.scopes for route in ROUTES if route.operation_id == operation_id), ())


def of(request: web.Request) -> str | None:
    """None where nothing of the contract is hit."""
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
    """None stands for any operation.

    Raises:
        ValueError: there is no such operation; the text names one that is spelled alike.
    """
    if operation_id is not None and operation_id not in known():
        near = difflib.get_close_matches(operation_id, known(), n=1)
        raise ValueError(f"there is no operation {operation_id}" + (f"; is it {near[0]}?" if near else ""))
