"""/v1/jobs/subscriber-exports"""

from typing import Any, ClassVar

import msgspec

from mailrith_lite import clock
from mailrith_lite.access import audit
from mailrith_lite.api import codec, example, idempotency, resources
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.downloads import download_url
from mailrith_lite.api.export_request import ExportRequest, ExportSelection
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.responses import RETRY_LATER, Accepted, Data, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table, submit
from mailrith_lite.exports.export_table import Export, Order
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job, JobStatus

PATH = EXPORT.path


class ExportJobSummary(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")
    status: JobStatus
    exported_count: int | None
    expires_at: str | None
    started_at: str | None
    completed_at: str | None
    created_at: str
    updated_at: str

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        EXPORT.id_prefix,
        PATH,
        status="Completed",
        exported_count=998,
        expires_at="2025-04-12T12:00:00.900Z",
        started_at="2025-04-11T12:00:00.100Z",
        completed_at="2025-04-11T12:00:00.900Z",
    )


class ExportJob(ExportJobSummary, frozen=True, kw_only=True):
    selection: ExportSelection
    columns: tuple[str, ...] | None
    file_name: str | None
    download_url: str | None
    error_message: str | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **ExportJobSummary.EXAMPLE,
        "selection": {"query": None, "status": "Active", "cold_only": False},
        "columns": None,
        "file_name": f"subscribers-2025-04-11-{EXPORT.encode(1)[-6:]}.csv",
        "download_url": example.signed("downloads", EXPORT.encode(1)),
        "error_message": None,
    }
    QUEUED_EXAMPLE: ClassVar[dict[str, Any]] = {
        **EXAMPLE,
        "status": "Queued",
        **dict.fromkeys(
            ("exported_count", "expires_at", "started_at", "completed_at", "file_name", "download_url")
        ),
    }


@refuses(queue.queue_full(1_000))
async def create_export(call: Call, body: Body[ExportRequest | None]) -> Accepted[ExportJob]:
    """Create a subscriber export job

    Without a body, or without a filter in it, all subscribers are exported; a subscriber must match every filter.
    Of the body, the contract has `query`, `status` and `cold_only` only.
    """
    answer = await idempotency.create(call, body, _order, _insert, changes="nobody")
    call.services.runner.wake()
    return Accepted(answer)


async def get_export(call: Call) -> Data[ExportJob]:
    """Get a subscriber export job

    `download_url` is set from `Completed` until `expires_at`.
    """
    lookup = call.database.lookup
    job = await queue.find_job(lookup, call.workspace_id, EXPORT, call.request.match_info["job_id"])
    export = await export_table.select_export(lookup, call.workspace_id, job.id)
    return _job_response(call, job, export)


async def list_exports(call: Call, query: PageQuery) -> PageOf[ExportJobSummary]:
    """List subscriber export jobs

    Newest first.
    """
    page = query.page(EXPORT.id_prefix)
    async with call.database.read() as connection:
        jobs = await queue.select_jobs(
            connection, call.workspace_id, EXPORT, before_id=page.before_id, limit=page.fetched
        )
        exports = await export_table.select_exports(connection, call.workspace_id, [job.id for job in jobs])
    return PageOf(page, [ExportJobSummary(**_common(job, exports[job.id])) for job in jobs])


@refuses(queue.already_final("Completed", EXPORT.encode(1)))
async def cancel_export(call: Call) -> Data[ExportJob]:
    """Cancel a subscriber export job

    The hosted service does not have this operation.
    """
    public_id = call.request.match_info["job_id"]
    lookup = call.database.lookup
    job = await queue.find_job(lookup, call.workspace_id, EXPORT, public_id)
    export = await export_table.select_export(lookup, call.workspace_id, job.id)
    job = await call.services.runner.cancel(call.workspace_id, EXPORT, public_id)
    return _job_response(call, job, export)


def _order(body: Body[ExportRequest | None]) -> Order:
    """An absent body selects all subscribers."""
    request = body.decode()
    return Order() if request is None else request.order()


async def _insert(call: Call, order: Order, connection: Connection, now: int) -> Answer:
    limit = call.services.settings.max_queued_jobs
    job = await submit.insert(connection, call.workspace_id, order, call.request_id, max_queued=limit, now=now)
    await audit.record(connection, call.actor, "export.created", job.public_id)
    resource = _resource(call, job, Export(order=order))
    return Answer(status=202, body=codec.data(resource), location=resource.self_)


def _job_response(call: Call, job: Job, export: Export) -> Data[ExportJob]:
    return Data(_resource(call, job, export), headers=None if job.final else RETRY_LATER)


def _resource(call: Call, job: Job, export: Export) -> ExportJob:
    if job.status != "Completed":  # the job was selected before the export, which can be newer
        export = Export(order=export.order)
    link = None
    if export.expires_at is not None and export.available(clock.now()):
        link = download_url(call, job.public_id, export.expires_at)
    return ExportJob(
        selection=ExportSelection.of(export.order.selection),
        columns=export.order.columns,
        file_name=export.file_name,
        download_url=link,
        error_message=job.error_message,
        **_common(job, export),
    )


def _common(job: Job, export: Export) -> dict[str, Any]:
    return {
        **resources.job_members(job),
        "exported_count": job.progress.rows_processed if job.status == "Completed" else None,
        "expires_at": clock.optional_rfc3339(export.expires_at),
    }
