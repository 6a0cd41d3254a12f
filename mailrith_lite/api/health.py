"""/healthz: whether the service works, and its problems."""

import asyncio
from typing import Literal

import msgspec
from aiohttp import web

from mailrith_lite import disk
from mailrith_lite.api import codec
from mailrith_lite.http import wire_errors
from mailrith_lite.http.services import SERVICES, Services

PATH = "/healthz"
_TIMEOUT = 5.0  # seconds

Problem = Literal["disk_full", "jobs_stopped"]
"""`jobs_stopped`: the runner cannot use the queue, and tries again every second."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """With a problem the service is degraded: it answers, and a restart changes nothing."""

    status: Literal["ok", "degraded"]
    problems: list[Problem]


async def healthz(request: web.Request) -> web.StreamResponse:
    """
    Raises:
        ShuttingDown
        Unhealthy: the database does not answer, or its file is not there any more.
    """
    services = request.app[SERVICES]
    if services.stopping:
        raise wire_errors.ShuttingDown
    try:
        async with asyncio.timeout(_TIMEOUT):
            await services.database.pulse.execute_fetchall("SELECT count(*) FROM workspaces")
    except Exception as error:
        raise wire_errors.Unhealthy from error
    if services.database.is_lost:
        raise wire_errors.Unhealthy
    problems = _problems(services)
    return codec.json_response(codec.encode(Health(status="degraded" if problems else "ok", problems=problems)))


def _problems(services: Services) -> list[Problem]:
    problems: list[Problem] = []
    if not disk.has_room(services.database.path.parent):
        problems.append("disk_full")
    if services.runner.failing:
        problems.append("jobs_stopped")
    return problems
