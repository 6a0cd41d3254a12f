"""/metrics: for the bearer of the setting `metrics_token`, or on a listener of its own."""

import hmac
import shutil

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from mailrith_lite import clock, errors, metrics
from mailrith_lite.http.services import SERVICES, Services
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import KINDS
from mailrith_lite.webhooks import delivery_table

PATH = "/metrics"


async def get_metrics(request: web.Request) -> web.StreamResponse:
    """On a listener that only this machine, or a network of its own, can reach."""
    await _measure(request.app[SERVICES])
    return web.Response(body=generate_latest(metrics.REGISTRY), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})


async def get_metrics_with_token(request: web.Request) -> web.StreamResponse:
    """
    Raises:
        NotFound: no token is set, or the request has another one; the answer does not say which.
    """
    token = request.app[SERVICES].settings.metrics_token
    sent = request.headers.get(hdrs.AUTHORIZATION, "").encode(errors="surrogateescape")
    if token is None or not hmac.compare_digest(sent, f"Bearer {token}".encode()):
        raise errors.NotFound("There is nothing at this path; check the address.")
    return await get_metrics(request)


async def _measure(services: Services) -> None:
    """Sets the values that are read at each scrape."""
    now = clock.now()
    async with services.database.read() as connection:
        open_jobs = await queue.select_open_counts(connection)
        due = await delivery_table.select_due_subscriptions(connection)
    for kind in KINDS:
        for status in ("Queued", "Processing"):
            count = sum(one.count for one in open_jobs if (one.kind, one.status) == (kind.name, status))
            metrics.JOBS_OPEN.labels(kind.name, status.lower()).set(count)
    oldest = min((one.oldest_at for one in open_jobs if one.status == "Queued"), default=now)
    metrics.OLDEST_QUEUED_SECONDS.set((now - oldest) / clock.SECOND)
    metrics.WEBHOOKS_WAITING.set(len(due))
    first_due = min((one.due_at for one in due), default=now)
    metrics.WEBHOOK_DELAY_SECONDS.set(max(now - first_due, 0) / clock.SECOND)
    database = services.database.path
    wal = database.with_name(f"{database.name}-wal")
    metrics.DATABASE_BYTES.set(database.stat().st_size)
    metrics.WAL_BYTES.set(wal.stat().st_size if wal.exists() else 0)
    metrics.DISK_FREE_BYTES.set(shutil.disk_usage(database.parent).free)
