"""/v1/jobs/subscriber-imports"""

import functools
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from mailrith_lite import clock, errors, ids
from mailrith_lite.api import codec, example, idempotency, texts
from mailrith_lite.api.bodies import IN_MEMORY, Body, LargeBody
from mailrith_lite.api.call import Call
from mailrith_lite.api.codes import Codes
from mailrith_lite.api.downloads import download_url
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.responses import RETRY_LATER, Accepted, Data, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.audience import listed_ids, tags
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Connection
from mailrith_lite.imports import accept, import_table, mapping
from mailrith_lite.imports.accept import ImportOrder, PreparedImport
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.imports.options import Delimiter, ImportOptions, InvalidCells
from mailrith_lite.imports.uploads import usable
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job, JobStatus, Progress

PATH = IMPORT.path

CsvText = Annotated[
    msgspec.Raw,
    Meta(
        description="The whole file, with a header row; or upload_id instead",
        extra_json_schema={"type": ["string", "null"]},
    ),
]
Mappings = Annotated[
    list[Mapping], Meta(description="One of them maps the email", extra_json_schema={"minItems": 1})
]
DryRun = Annotated[bool, Meta(description="Report what an import would do with every row, and change nothing")]
RowStatus = Annotated[
    Status | None,
    Meta(
        description="The status of every row without a mapped status. A suppressed subscriber never becomes Active"
    ),
]
Cells = Annotated[
    InvalidCells,
    Meta(description="Whether a cell that cannot be read refuses its row, or is left out with a warning"),
]
HasHeader = Annotated[
    bool | None, Meta(description="false: the first line is a row, and the columns are Column 1, Column 2, …")
]
AnyDelimiter = Annotated[Delimiter | None, Meta(description="Otherwise the file decides")]
Encoding = Annotated[str, Meta(max_length=100, description="Of an upload; otherwise the file decides")]
ArchivedFile = Annotated[str, Meta(max_length=1_000, description="The file of an upload that is an archive")]
Ids = Annotated[list[str], texts.listed(listed_ids.MAX_LISTED, "Added to the subscriber of every applied row")]


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Has exactly one of `csv_text` and `upload_id`."""

    CODES: ClassVar[Codes] = Codes(fields={"mappings": "invalid_mappings", "new_tag_name": "invalid_tag_name"})

    mappings: Mappings
    csv_text: CsvText = msgspec.field(  # raw, because it can be very large
        default_factory=functools.partial(msgspec.Raw, b"null")
    )
    upload_id: str | None = None
    new_tag_name: Annotated[str, texts.name(tags.MAX_NAME)] | None = None
    existing_tag_ids: Ids | None = None
    sequence_ids: Ids | None = None
    dry_run: DryRun = False
    status: RowStatus = None
    invalid_cells: Cells = "refuse_row"
    header: HasHeader = None
    delimiter: AnyDelimiter = None
    encoding: Encoding | None = None
    file: ArchivedFile | None = None

    SCHEMA: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {"required": [name], "properties": {name: {"type": "string"}, other: {"type": "null"}}}
            for name, other in (("csv_text", "upload_id"), ("upload_id", "csv_text"))
        ]
    }
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "csv_text": "Email,Name,Country\nada@example.com,Ada Lovelace,GB\n",
        "mappings": [
            {"csv_column": "Email", "field": {"type": "email"}},
            {"csv_column": "Name", "field": {"type": "name"}},
            {"csv_column": "Country", "field": {"type": "country"}},
        ],
        "new_tag_name": "April import",
    }


class _TextAlone(msgspec.Struct, frozen=True):
    csv_text: msgspec.Raw = msgspec.Raw(b"null")


class ImportJobSummary(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")
    status: JobStatus
    imported_count: int | None
    started_at: str | None
    completed_at: str | None
    created_at: str
    updated_at: str
    dry_run: bool
    progress: Progress

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        IMPORT.id_prefix,
        PATH,
        status="Completed",
        imported_count=998,
        dry_run=False,
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

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **ImportJobSummary.EXAMPLE,
        "error_message": None,
        "mappings": ImportRequest.EXAMPLE["mappings"],
        "options": {"invalid_cells": "leave_out"},
        "error_report_url": example.signed("downloads", IMPORT.encode(1)),
    }
    QUEUED_EXAMPLE: ClassVar[dict[str, Any]] = {
        **EXAMPLE,
        "status": "Queued",
        **dict.fromkeys(("imported_count", "started_at", "completed_at", "error_report_url")),
        "progress": {**dict.fromkeys(EXAMPLE["progress"], 0), "rows_total": None},
    }


@refuses(usable.already_used(ids.encode(ids.UPLOAD, 1)), queue.queue_full(1_000))
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
    answer = await idempotency.create(call, body, _parse, _insert, prepare=prepare, changes="nobody")
    services.runner.wake()
    return Accepted(answer)


async def get_import(call: Call) -> Data[ImportJob]:
    """Get a subscriber import job"""
    async with call.database.read() as connection:
        job = await queue.find_job(connection, call.workspace_id, IMPORT, call.request.match_info["job_id"])
        plan = await import_table.select_import(connection, call.workspace_id, job.id)
    return _job_response(call, job, plan)


async def list_imports(call: Call, query: PageQuery) -> PageOf[ImportJobSummary]:
    """List subscriber import jobs

    Newest first.
    """
    page = query.page(IMPORT.id_prefix)
    async with call.database.read() as connection:
        jobs = await queue.select_jobs(
            connection, call.workspace_id, IMPORT, before_id=page.before_id, limit=page.fetched
        )
    return PageOf(page, [_summary(job) for job in jobs])


@refuses(queue.already_final("Completed", IMPORT.encode(1)))
async def cancel_import(call: Call) -> Data[ImportJob]:
    """Cancel a subscriber import job

    Rows that were applied before stay, and are counted. The hosted service does not have this operation.
    """
    job = await call.services.runner.cancel(call.workspace_id, IMPORT, call.request.match_info["job_id"])
    async with call.database.read() as connection:
        plan = await import_table.select_import(connection, call.workspace_id, job.id)
    return _job_response(call, job, plan)


def _parse(body: Body[ImportRequest]) -> ImportOrder:
    if len(body.data) > IN_MEMORY:
        rest = len(body.data) - len(memoryview(codec.decode(body.data, _TextAlone).csv_text))
        if rest > IN_MEMORY:  # decoded, it would take many times its size in memory
            raise errors.PayloadTooLarge(f"Everything beside csv_text takes at most {IN_MEMORY:,} bytes.")
    request = body.decode()
    literal = memoryview(request.csv_text)
    has_text = bytes(literal[:5]) != b"null"
    if has_text == (request.upload_id is not None):
        raise errors.InvalidRequest("Send exactly one of csv_text and upload_id.", field="csv_text")
    if has_text and bytes(literal[:1]) != b'"':
        raise errors.InvalidRequest("csv_text takes a text.", field="csv_text")
    return ImportOrder(
        csv_text=literal if has_text else None,
        upload_id=request.upload_id,
        mappings=request.mappings,
        new_tag_name=request.new_tag_name,
        existing_tag_ids=request.existing_tag_ids or [],
        sequence_ids=request.sequence_ids or [],
        dry_run=request.dry_run,
        options=ImportOptions(**{name: getattr(request, name) for name in ImportOptions.__struct_fields__}),
    )


async def _insert(call: Call, prepared: PreparedImport, connection: Connection, now: int) -> Answer:
    limit = call.services.settings.max_queued_jobs
    job = await prepared.insert(connection, call.request_id, max_queued=limit, now=now)
    resource = _resource(call, job, prepared.plan)
    return Answer(status=202, body=codec.data(resource), location=resource.self_)


def _job_response(call: Call, job: Job, plan: ImportPlan) -> Data[ImportJob]:
    return Data(_resource(call, job, plan), headers=None if job.final else RETRY_LATER)


def _summary(job: Job) -> ImportJobSummary:
    return ImportJobSummary(**_common(job))


def _resource(call: Call, job: Job, plan: ImportPlan) -> ImportJob:
    reported = job.progress.rejected_count + job.progress.warning_count
    expires_at = clock.now() + call.services.settings.export_ttl * clock.SECOND
    return ImportJob(
        error_message=job.error_message,
        error_report_url=download_url(call, job.public_id, expires_at) if reported else None,
        mappings=mapping.as_mappings(plan.columns),
        options=plan.options,
        **_common(job),
    )


def _common(job: Job) -> dict[str, Any]:
    progress = job.progress
    applied = 0 if job.dry_run else progress.rows_processed - progress.rejected_count
    return {
        "id": job.public_id,
        "self_": f"{PATH}/{job.public_id}",
        "status": job.status,
        "imported_count": None if job.started_at is None else applied,
        "started_at": clock.optional_rfc3339(job.started_at),
        "completed_at": clock.optional_rfc3339(job.completed_at),
        "created_at": clock.rfc3339(job.created_at),
        "updated_at": clock.rfc3339(job.updated_at),
        "dry_run": job.dry_run,
        "progress": progress,
    }
