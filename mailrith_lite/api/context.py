"""What every handler gets: the services of this process, and the call it has to answer."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from aiohttp import web

from mailrith_lite.access.keys import KeyUse, Principal
from mailrith_lite.api.route import Route
from mailrith_lite.audience.segment_counts import SegmentCounts
from mailrith_lite.database import Database
from mailrith_lite.imports.uploads import UploadStore
from mailrith_lite.jobs.runner import Runner
from mailrith_lite.links import Links
from mailrith_lite.settings import Settings


class Services(msgspec.Struct, kw_only=True):
    """One for the life of the process. `stopping`: new requests are turned away."""

    settings: Settings
    database: Database
    runner: Runner
    links: Links
    upload_links: Links
    key_use: KeyUse
    segment_counts: SegmentCounts
    imports_directory: Path
    exports_directory: Path
    uploads: UploadStore
    stopping: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated request."""

    request: web.Request
    services: Services
    principal: Principal
    request_id: str

    @property
    def workspace_id(self) -> int:
        return self.principal.workspace_id

    @property
    def database(self) -> Database:
        return self.services.database


ROUTES = web.AppKey("routes", tuple[Route, ...])
SERVICES = web.AppKey("services", Services)
REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL = web.RequestKey("principal", Principal)
ANSWER_BEGUN = web.RequestKey("answer_begun", bool)
BODY_WATCH = web.RequestKey[Callable[[memoryview], None]]("body_watch")
"""Told of a body once it is there; it must copy what it wants to keep."""
