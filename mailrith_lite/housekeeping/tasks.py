"""The loops that run until the service stops. A failure is logged, and the loop goes on."""

import functools
from asyncio import Task, create_task, sleep
from collections.abc import Awaitable, Callable, Sequence

from mailrith_lite import clock, logs
from mailrith_lite.access import audit
from mailrith_lite.api import idempotency
from mailrith_lite.audience import blocks, search_index
from mailrith_lite.audience.history_retention import HistoryRetention
from mailrith_lite.exports.export_pipeline import ExportPipeline
from mailrith_lite.housekeeping.erasure import Erasure
from mailrith_lite.housekeeping.job_retention import JobRetention
from mailrith_lite.http.services import Services
from mailrith_lite.imports.undo.image_retention import ImageRetention
from mailrith_lite.webhooks.retention import Retention

_HOUSEKEEPING_SECONDS = 30.0
_ERASURE_SECONDS = 20.0
"""The documented limit is 60 seconds: one step more if somebody reads from the WAL during the first."""
_INDEX_SECONDS = 1.0


def start(services: Services, exports: ExportPipeline) -> list[Task[None]]:
    """Starts the loops. Cancel the tasks to end them."""
    return [
        create_task(_delete_expired(services, exports), name="housekeeping"),
        create_task(_erase_deleted(services), name="erasure"),
        create_task(_update_indexes(services), name="indexes"),
    ]


async def _delete_expired(services: Services, exports: ExportPipeline) -> None:
    """Deletes what has expired, saves when keys were used, and shrinks the WAL, until the service stops."""
    steps = (exports.remove_expired, *_steps(services))
    while not services.stopping:
        # Each on its own: on a full disk, one that cannot write must not stop the others, which free space.
        for step in steps:
            try:
                await step()
            except Exception:
                logs.service.exception("housekeeping failed; trying again")
        await sleep(_HOUSEKEEPING_SECONDS)


def _steps(services: Services) -> Sequence[Callable[[], Awaitable[None]]]:
    database, settings = services.database, services.settings
    retention = Retention(database, ttl=settings.webhook_ttl)
    images = ImageRetention(database, ttl=settings.undo_ttl)
    history = HistoryRetention(database, ttl=settings.history_ttl, values_ttl=settings.undo_ttl)
    jobs = JobRetention(
        database,
        services.exports_directory,
        ttl=settings.job_ttl,
        undo_ttl=settings.undo_ttl,
        is_running=services.runner.is_running,
    )

    async def delete_records() -> None:
        now = clock.now()
        await database.write_in_steps(lambda connection: idempotency.delete_expired(connection, now))

    async def shrink_wal() -> None:
        if not services.runner.busy:
            await database.shrink_wal()

    return (
        services.uploads.remove_expired,
        delete_records,
        retention.remove_expired,
        images.remove_expired,
        jobs.remove_expired,
        functools.partial(audit.remove_expired, database, ttl=settings.audit_ttl),
        history.remove_expired,
        functools.partial(services.key_use.save, database),
        functools.partial(services.refused_keys.save, database),
        shrink_wal,
    )


async def _erase_deleted(services: Services) -> None:
    """Takes people who were deleted off the disk, until the service stops."""
    erasure = Erasure(services.database)
    while not services.stopping:
        try:
            await erasure.step()
        except Exception:
            logs.service.exception("deleted people could not be erased; trying again")
        await sleep(_ERASURE_SECONDS)


async def _update_indexes(services: Services) -> None:
    """Keeps the search index and the block counts current. Pauses after each step while a job runs."""
    index = search_index.Upkeep(services.database)
    while not services.stopping:
        more = False
        try:
            more = await index.step() or await blocks.refresh(services.database)
        except Exception:
            logs.service.exception("the indexes could not be updated; trying again")
        await sleep(0 if more and not services.runner.busy else _INDEX_SECONDS)
