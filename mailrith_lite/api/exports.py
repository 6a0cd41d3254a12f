"""/v1/jobs/subscriber-exports"""

from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from mailrith_lite import clock, errors, ids
from mailrith_lite.api import codec, idempotency, parameters
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.downloads import download_url
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.imports import RETRY_LATER
from mailrith_lite.audience.values import Status
from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table, submit
from mailrith_lite.exports.export_table import Export, Selection
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.queue import Job, JobStatus

PATH = "/v1/jobs/subscriber-exports"


Query = Annotated[
    str,
    Meta(
        description="What the list of subscribers takes as search",
        extra_json_schema={"maxLength": parameters.MAX_TEXT, "pattern": r"^[^\x00]*$"},
    ),
]


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    query: Query | None = None
    status: Status | None = None
    cold_only: bool | None = None


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


class ExportJob(ExportJobSummary, frozen=True, kw_only=True):
    selection: Selection
    file_name: str | None
    download_url: str | None
    error_message: str | None


async def create_export(call: Call) -> web.StreamResponse:
    """Create a subscriber export job

    Without a body, or without a choice in it, everybody is exported.
    """
    response = await idempotency.create(call, _selection, _insert, changes="nobody", headers=RETRY_LATER)
    call.services.runner.wake()
    return response


async def get_export(call: Call) -> web.StreamResponse:
    """Get a subscriber export job

    `download_url` is there from `Completed` until `expires_at`.
    """
    async with call.database.read() as connection:
        job, export = await _find(connection, call)
    return _job_response(call, job, export)


async def list_exports(call: Call) -> web.StreamResponse:
    """List subscriber export jobs

    Newest first.
    """
    page = parameters.parse_page(call.request, ids.EXPORT_JOB)
    async with call.database.read() as connection:
        jobs = await queue.select_jobs(
            connection, call.workspace_id, "export", before_id=page.before_id, limit=page.fetched
        )
        exports = await export_table.select_exports(connection, call.workspace_id, [job.id for job in jobs])
    return codec.page_response(page, [ExportJobSummary(**_common(job, exports[job.id])) for job in jobs])


async def cancel_export(call: Call) -> web.StreamResponse:
    """Cancel a subscriber export job

    Not in the contract of the hosted service.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        before, export = await _find(connection, call)
        job = await queue.update_canceled(connection, before, clock.now())
    await call.services.runner.canceled(before)
    return _job_response(call, job, export)


def _selection(body: Body) -> Selection:
    """An absent body selects everybody."""
    if not body.data:
        return Selection()
    request = codec.decode(body.data, ExportRequest)
    query = request.query.strip() if request.query is not None else ""
    if len(query) > parameters.MAX_TEXT or "\0" in query:
        raise errors.InvalidBody(
            f"query takes at most {parameters.MAX_TEXT} characters, none a NUL.", field="query"
        )
    return Selection(query=query or None, status=request.status, cold_only=bool(request.cold_only))


async def _insert(call: Call, selection: Selection, connection: Connection, now: int) -> Answer:
    limit = call.services.settings.max_queued_jobs
    job = await submit.insert(connection, call.workspace_id, selection, call.request_id, max_queued=limit, now=now)
    shown = _shown(call, job, Export(selection=selection, file_name=None, expires_at=None))
    return Answer(status=202, body=codec.data(shown), location=shown.self_)


async def _find(connection: Connection, call: Call) -> tuple[Job, Export]:
    public_id = call.request.match_info["job_id"]
    job_id = queue.parse_id("export", public_id)
    job = await queue.select_job(connection, call.workspace_id, "export", job_id)
    if job is None:
        raise errors.NotFound.of("job", public_id)
    return job, await export_table.select_export(connection, call.workspace_id, job_id)


def _job_response(call: Call, job: Job, export: Export) -> web.Response:
    return codec.json_response(codec.data(_shown(call, job, export)), headers=None if job.final else RETRY_LATER)


def _shown(call: Call, job: Job, export: Export) -> ExportJob:
    if job.status != "Completed":  # the job is read first: what the export says by now may be newer
        export = Export(selection=export.selection, file_name=None, expires_at=None)
    link = None
    if export.expires_at is not None and export.available(clock.now()):
        link = download_url(call, job.public_id, export.expires_at)
    return ExportJob(
        selection=export.selection,
        file_name=export.file_name,
        download_url=link,
        error_message=job.error_message,
        **_common(job, export),
    )


def _common(job: Job, export: Export) -> dict[str, Any]:
    return {
        "id": job.public_id,
        "self_": f"{PATH}/{job.public_id}",
        "status": job.status,
        "exported_count": job.progress.rows_processed if job.status == "Completed" else None,
        "expires_at": clock.optional_rfc3339(export.expires_at),
        "started_at": clock.optional_rfc3339(job.started_at),
        "completed_at": clock.optional_rfc3339(job.completed_at),
        "created_at": clock.rfc3339(job.created_at),
        "updated_at": clock.rfc3339(job.updated_at),
    }
