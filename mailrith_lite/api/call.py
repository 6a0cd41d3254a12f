"""One authenticated request, which every handler with a key gets."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from mailrith_lite.access.audit import Actor
from mailrith_lite.access.keys import Principal
from mailrith_lite.catalog.door import Door
from mailrith_lite.database import Database
from mailrith_lite.http import acting
from mailrith_lite.http.services import Services
from mailrith_lite.webhooks import events


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """`request_id`: the client's own, or a new one. `operation_id`: of the route that the request matched."""

    request: web.Request
    services: Services
    principal: Principal
    request_id: str
    operation_id: str

    @property
    def workspace_id(self) -> int:
        return self.principal.workspace_id

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit."""
        return acting.actor(self.request, "api")

    @property
    def door(self) -> Door:
        return acting.door(self.request, "api", events.API)

    @property
    def database(self) -> Database:
        return self.services.database


CallHandler = Callable[[Call], Awaitable[web.StreamResponse]]
BODY_WATCH = web.RequestKey[Callable[[memoryview], None]]("body_watch")
"""Called with each body that arrives; it must copy what it needs later."""
