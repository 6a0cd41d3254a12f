"""What every handler gets: the call it has to answer."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from mailrith_lite.access.keys import Principal
from mailrith_lite.api.route import Route
from mailrith_lite.database import Database
from mailrith_lite.http.services import Services


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated request. `operation_id`: of the route that it matched."""

    request: web.Request
    services: Services
    principal: Principal
    request_id: str
    operation_id: str

    @property
    def workspace_id(self) -> int:
        return self.principal.workspace_id

    @property
    def database(self) -> Database:
        return self.services.database


ROUTES = web.AppKey("routes", tuple[Route, ...])
BODY_WATCH = web.RequestKey[Callable[[memoryview], None]]("body_watch")
"""Told of a body once it is there; it must copy what it wants to keep."""
