"""/v1/jobs/subscriber-imports"""

import functools
from typing import Any, ClassVar

import msgspec

from mailrith_lite import clock, ids
from mailrith_lite.access import audit
from mailrith_lite.api import codec, example, idempotency, resources
from mailrith_lite.api.bodies import LargeBody
from mailrith_lite.api.call import Call
from mailrith_lite.api.downloads import download_url
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.import_request import ImportRequest, parse_order
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.responses import RETRY_LATER, Accepted, Data, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.database import Connection
from mailrith_lite.imports import accept, import_table, like, mapping
from mailrith_lite.imports.accept import PreparedImport
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.imports.options import ImportOptions
from mailrith_lite.imports.undo import undo_state, undo_table
from mailrith_lite.imports.undo.undo_state import UndoStatus
from mailrith_lite.imports.uploads import usable
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job, JobStatus

PATH = IMPORT.path


class ImportProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Each processed row is created, updated, unchanged or rejected; a row with a warning is one of these, too.

    `rows_total` is null until the rows are counted.
    """

    rows_total: int | None
    rows_processed: int
    created_count: int
    updated_count: int
    unchanged_count: int
    rejected_count: int
    warning_count: int


class ImportUndo(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the import can be undone. `job_id`: of its newest undo."""

    status: UndoStatus
    job_id: str | None


class ImportJobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """`parent_job_id`: of the import that the request has named as `like`."""

    id: str
    self_: str = msgspec.field(name="self")
    status: JobStatus
    imported_count: int | None
    started_at: str | None
    completed_at: str | None
    created_at: str
    updated_at: str
    dry_run: bool
    parent_job_id: str | None
    progress: ImportProgress

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        IMPORT.id_prefix,
        PATH,
        status="Completed",
        imported_count=998,
        dry_run=False,
        parent_job_id=None,
        progress={
            "rows_total": 1000,
            "rows_processed": 1000,
            "created_count": 900,
            "updated_count": 80,
            "unchanged_count": 18,
            "rejected_count": 2,
            "warning_count": 0,
        },
        started_at="2025-04-11T12:00:00.100Z",
        completed_at="2025-04-11T12:00:00.900Z",
    )


class ImportJob(ImportJobSummary, frozen=True, kw_only=True):
    """`mappings`: once the file has been read, also the `format` of each column of dates or numbers."""

    error_message: str | None
    error_report_url: str | None
    mappings: list[Mapping]
    options: ImportOptions
    undo: ImportUndo

    EXAMPLE: ClassVar[dict[str, Any]] = dict(
        ImportJobSummary.EXAMPLE,
        error_message=None,
        mappings=ImportRequest.EXAMPLE["mappings"],
        options={"invalid_cells": "leave_out"},
        error_report_url=example.signed("downloads", IMPORT.encode(1)),
        undo={"status": "available", "job_id": None},
    )
    QUEUED_EXAMPLE: ClassVar[dict[str, Any]] = dict(
        EXAMPLE,
        status="Queued",
        **dict.fromkeys(("imported_count", "started_at", "completed_at", "error_report_url")),
        progress={**dict.fromkeys(EXAMPLE["progress"], 0), "rows_total": None},
        undo={"status": "not_possible", "job_id": None},
    )


@refuses(usable.already_used(ids.encode(ids.UPLOAD, 1)), like.unfinished(IMPORT.encode(1)), queue.queue_full(1_000))
async def create_import(call: Call, body: LargeBody[ImportRequest]) -> Accepted[ImportJob]:
    """Create a subscriber import job

    Takes exactly one of `csv_text` and `upload_id`. The rows are on the disk before the 202. With `dry_run` the job
    reports what an import would do with every row, and changes nothing; the upload can be used again after it.
    """
    services = call.services
    prepare = functools.partial(
        accept.prepared,
        workspace_id=call.workspace_id,
        database=services.database,
        uploads=services.uploads,
        directory=services.imports_directory,
    )
    answer = await idempotency.create(call, body, parse_order, _insert, prepare=prepare, changes="nobody")
    services.runner.wake()
    return Accepted(answer)


async def get_import(call: Call) -> Data[ImportJob]:
    """Get a subscriber import job"""
    lookup = call.database.lookup
    job = await queue.find_job(lookup, call.workspace_id, IMPORT, call.request.match_info["job_id"])
    plan = await import_table.select_import(lookup, call.workspace_id, job.id)
    latest = await undo_table.select_latest(lookup, call.workspace_id, job.id)
    return _job_response(call, job, plan, latest)


async def list_imports(call: Call, query: PageQuery) -> PageOf[ImportJobSummary]:
    """List subscriber import jobs

    Newest first.
    """
    page = query.page(IMPORT.id_prefix)
    async with call.database.read_list() as connection:
        jobs = await queue.select_jobs(
            connection, call.workspace_id, IMPORT, before_id=page.before_id, limit=page.fetched
        )
    return PageOf(page, [ImportJobSummary(**_common(job)) for job in jobs])


@refuses(queue.already_final("Completed", IMPORT.encode(1)))
async def cancel_import(call: Call) -> Data[ImportJob]:
    """Cancel a subscriber import job

    Rows that were applied before stay, and are counted. The hosted service does not have this operation.
    """
    public_id = call.request.match_info["job_id"]
    lookup = call.database.lookup
    job = await queue.find_job(lookup, call.workspace_id, IMPORT, public_id)
    plan = await import_table.select_import(lookup, call.workspace_id, job.id)
    job = await call.services.runner.cancel(call.workspace_id, IMPORT, public_id)
    return _job_response(call, job, plan, None)


async def _insert(call: Call, prepared: PreparedImport, connection: Connection, now: int) -> Answer:
    limit = call.services.settings.max_queued_jobs
    job = await prepared.insert(connection, call.request_id, max_queued=limit, now=now)
    if not job.dry_run:
        await audit.record(connection, call.actor, "import.created", job.public_id)
    resource = _resource(call, job, prepared.plan, None)
    return Answer(status=202, body=codec.data(resource), location=resource.self_)


def _job_response(call: Call, job: Job, plan: ImportPlan, latest: Job | None) -> Data[ImportJob]:
    return Data(_resource(call, job, plan, latest), headers=None if job.final else RETRY_LATER)


def _resource(call: Call, job: Job, plan: ImportPlan, latest: Job | None) -> ImportJob:
    """`latest`: the newest undo of the import."""
    now, settings = clock.now(), call.services.settings
    undo = undo_state.find_state(job, plan.images, latest, ttl=settings.undo_ttl, now=now)
    reported = job.progress.rejected_count + job.progress.warning_count
    expires_at = now + settings.export_ttl * clock.SECOND
    return ImportJob(
        error_message=job.error_message,
        error_report_url=download_url(call, job.public_id, expires_at) if reported else None,
        mappings=mapping.as_mappings(plan.columns),
        options=plan.options,
        undo=ImportUndo(status=undo.status, job_id=undo.job_id),
        **_common(job),
    )


def _common(job: Job) -> dict[str, Any]:
    applied = 0 if job.dry_run else job.progress.rows_processed - job.progress.rejected_count
    return {
        **resources.job_members(job),
        "imported_count": None if job.started_at is None else applied,
        "dry_run": job.dry_run,
        "parent_job_id": None if job.parent_job_id is None else IMPORT.encode(job.parent_job_id),
        "progress": msgspec.convert(job.counts, ImportProgress),
    }
