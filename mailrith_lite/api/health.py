"""/healthz: whether the database answers."""

import asyncio

from aiohttp import web

from mailrith_lite.api import codec
from mailrith_lite.http import wire_errors
from mailrith_lite.http.services import SERVICES

PATH = "/healthz"
_TIMEOUT = 5.0  # seconds


async def healthz(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    if services.stopping:
        raise wire_errors.ShuttingDown
    try:
        async with asyncio.timeout(_TIMEOUT):
            await services.database.pulse.execute_fetchall("SELECT count(*) FROM workspaces")
    except Exception as error:
        raise wire_errors.Unhealthy from error
    return codec.json_response(codec.encode({"status": "ok"}))
