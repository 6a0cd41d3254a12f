"""Puts jobs into a state without the runner, which does not see them until `wake`."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from conftest import Server

from mailrith_lite import clock
from mailrith_lite.database import Connection
from mailrith_lite.exports import submit as exports
from mailrith_lite.exports.export_table import Order
from mailrith_lite.imports import accept
from mailrith_lite.imports.accept import ImportOrder, PreparedImport
from mailrith_lite.imports.mapping import MappedField, Mapping
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job

_MAPPINGS = [Mapping(csv_column="Email", field=MappedField(type="email"))]
_LITERAL = b'"Email\\nada@example.com\\n"'


def queue_export(server: Server) -> str:
    """Queues an export. Returns its public id."""

    async def insert() -> str:
        async with server.services.database.write() as connection:
            job = await exports.insert(connection, 1, Order(), "req", max_queued=9, now=clock.now())
            return job.public_id

    return str(server.wait(insert()))


def queue_dry_run(server: Server, upload_id: str) -> str:
    """Queues a dry run of the upload with this public id. Returns the public id of the job."""

    async def insert() -> str:
        order = ImportOrder(upload_id=upload_id, mappings=_MAPPINGS, dry_run=True)
        async with _prepared(server, order) as prepared, server.services.database.write() as connection:
            job = await prepared.insert(connection, "req", max_queued=9, now=clock.now())
            return job.public_id

    return str(server.wait(insert()))


def _prepared(server: Server, order: ImportOrder) -> AbstractAsyncContextManager[PreparedImport]:
    services = server.services
    return accept.prepared(
        order,
        workspace_id=1,
        database=services.database,
        uploads=services.uploads,
        directory=services.imports_directory,
    )


def wake(server: Server) -> None:
    """Lets the runner take the queued jobs."""

    async def wake_runner() -> None:
        server.services.runner.wake()

    server.wait(wake_runner())


def claim_export(server: Server, export: str) -> None:
    """Marks a queued export as processing."""
    _update(server, queue.update_claimed, export)


def put_back_export(server: Server, export: str) -> None:
    """Marks a processing export as queued again."""
    _update(server, queue.update_queued, export)


def _update(server: Server, update: Callable[[Connection, int, int], Awaitable[Any]], export: str) -> None:
    async def write() -> None:
        async with server.services.database.write() as connection:
            await update(connection, EXPORT.decode(export) or 0, clock.now())

    server.wait(write())


def claim_import(server: Server, *, ago: int = 0) -> Job:
    """An import that started `ago` milliseconds before, and that only `write_progress` moves on."""

    async def begin() -> Job:
        now = clock.now() - ago
        order = ImportOrder(csv_text=memoryview(_LITERAL), mappings=_MAPPINGS)
        async with _prepared(server, order) as prepared, server.services.database.write() as connection:
            job = await prepared.insert(connection, "req", max_queued=9, now=now)
            return await queue.update_claimed(connection, job.id, now)

    job: Job = server.wait(begin())
    return job


def write_progress(
    server: Server, job: Job, *, created: int, rejected: int, total: int, final: bool = False
) -> None:
    """Writes the checkpoint of a chunk; `final` completes the job."""

    async def write() -> None:
        progress = Progress(
            rows_total=total,
            rows_processed=created + rejected,
            created_count=created,
            rejected_count=rejected,
        )
        async with server.services.database.write() as connection:
            await queue.update_checkpoint(connection, job.id, progress, clock.now())
            if final:
                await queue.update_final(connection, job.id, "Completed", None, clock.now())

    server.wait(write())
