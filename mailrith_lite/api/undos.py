"""/v1/jobs/subscriber-imports/{job_id}/undo and /v1/jobs/subscriber-import-undos"""

from typing import Any, ClassVar

import msgspec

from mailrith_lite import clock, errors
from mailrith_lite.access import audit
from mailrith_lite.api import codec, example, idempotency, resources
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.downloads import download_url
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.responses import RETRY_LATER, Accepted, Data, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.database import Connection, Reader
from mailrith_lite.imports.undo import undo_preview, undo_state, undo_table
from mailrith_lite.imports.undo.undo_table import Undo
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT, UNDO
from mailrith_lite.jobs.queue import Job, JobStatus

PATH = UNDO.path


class UndoRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The undo takes no options: send no body, or an empty object."""

    EXAMPLE: ClassVar[dict[str, Any]] = {}


_IMPORT_EXAMPLE = {"id": IMPORT.encode(1), "self": f"{IMPORT.path}/{IMPORT.encode(1)}"}


class UndoneImport(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")


class UndoProgress(msgspec.Struct, frozen=True, kw_only=True):
    """People. The three counts together are those who have been processed.

    `rows_total` is null until the people are counted. `skipped_count`: something has changed them since the import.
    """

    rows_total: int | None
    restored_count: int
    deleted_count: int
    skipped_count: int

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "rows_total": 980,
        "restored_count": 75,
        "deleted_count": 900,
        "skipped_count": 5,
    }


class UndoPreviewResource(UndoProgress, frozen=True, kw_only=True):
    """What the undo would do if it ran now."""

    import_job: UndoneImport

    EXAMPLE: ClassVar[dict[str, Any]] = dict(UndoProgress.EXAMPLE, import_job=_IMPORT_EXAMPLE)


class UndoJob(msgspec.Struct, frozen=True, kw_only=True):
    """`report_url`: a CSV file with `email` and `reason` of the people that the undo has skipped."""

    id: str
    self_: str = msgspec.field(name="self")
    status: JobStatus
    import_job: UndoneImport
    started_at: str | None
    completed_at: str | None
    created_at: str
    updated_at: str
    error_message: str | None
    report_url: str | None
    progress: UndoProgress

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        UNDO.id_prefix,
        PATH,
        status="Completed",
        import_job=_IMPORT_EXAMPLE,
        error_message=None,
        report_url=example.signed("downloads", UNDO.encode(1)),
        progress=UndoProgress.EXAMPLE,
        started_at="2025-04-11T12:00:00.100Z",
        completed_at="2025-04-11T12:00:00.900Z",
    )
    QUEUED_EXAMPLE: ClassVar[dict[str, Any]] = {
        **EXAMPLE,
        "status": "Queued",
        **dict.fromkeys(("started_at", "completed_at", "report_url")),
        "progress": {**dict.fromkeys(EXAMPLE["progress"], 0), "rows_total": None},
    }


_REFUSALS = (
    undo_state.not_possible("nothing_applied", IMPORT.encode(1)),
    undo_state.not_possible("already_undone", UNDO.encode(1)),
    undo_state.expired(),
)


@refuses(*_REFUSALS, queue.queue_full(1_000))
async def create_undo(call: Call, body: Body[UndoRequest | None]) -> Accepted[UndoJob]:
    """Undo a subscriber import

    The undo deletes the people that the import created, and puts back what it changed in others. It skips people
    who have been changed since; they are in the report. The Idempotency-Key belongs to this import: another import
    can have the same. The hosted service does not have this operation.
    """
    answer = await idempotency.create(
        call, body, Body.decode, _insert, changes="nobody", scope=call.request.match_info["job_id"]
    )
    call.services.runner.wake()
    return Accepted(answer)


def _not_undone(import_job_id: str) -> errors.NotFound:
    return errors.NotFound(
        "This import has no undo; start one with a POST to this path.",
        code=f"{UNDO.resource}_not_found",
        resource=(IMPORT.resource, import_job_id),
    )


@refuses(_not_undone(IMPORT.encode(1)))
async def get_undo_of_import(call: Call) -> Data[UndoJob]:
    """Get the undo of a subscriber import

    The newest one.
    """
    lookup = call.database.lookup
    job = await _find_of_import(call, lookup)
    undo = await undo_table.select_undo(lookup, call.workspace_id, job.id)
    return _job_response(call, job, undo)


@refuses(*_REFUSALS)
async def preview_undo(call: Call) -> Data[UndoPreviewResource]:
    """Preview the undo of a subscriber import

    The counts are those of an undo that would run now. Nothing is changed.
    """
    async with call.database.read() as connection:
        job = await _find_import(call, connection)
        state = await undo_state.select_state(connection, job, ttl=call.services.settings.undo_ttl, now=clock.now())
        undo_state.check(state, job.public_id)
        preview = await undo_preview.select_preview(connection, call.workspace_id, job.id)
    return Data(UndoPreviewResource(import_job=_undone_import(job.id), **msgspec.structs.asdict(preview)))


@refuses(_not_undone(IMPORT.encode(1)), queue.already_final("Completed", UNDO.encode(1)))
async def cancel_undo_of_import(call: Call) -> Data[UndoJob]:
    """Cancel the undo of a subscriber import

    People who have been processed stay as they are now. Another undo can process the rest.
    """
    public_id = (await _find_of_import(call, call.database.lookup)).public_id
    return await _cancel(call, public_id)


async def list_undos(call: Call, query: PageQuery) -> PageOf[UndoJob]:
    """List undo jobs of subscriber imports

    Newest first.
    """
    page = query.page(UNDO.id_prefix)
    async with call.database.read_list() as connection:
        jobs = await queue.select_jobs(
            connection, call.workspace_id, UNDO, before_id=page.before_id, limit=page.fetched
        )
        undos = await undo_table.select_undos(connection, call.workspace_id, [job.id for job in jobs])
    return PageOf(page, [_resource(call, job, undos[job.id]) for job in jobs])


async def get_undo(call: Call) -> Data[UndoJob]:
    """Get an undo job of a subscriber import"""
    lookup = call.database.lookup
    job = await queue.find_job(lookup, call.workspace_id, UNDO, call.request.match_info["job_id"])
    undo = await undo_table.select_undo(lookup, call.workspace_id, job.id)
    return _job_response(call, job, undo)


@refuses(queue.already_final("Completed", UNDO.encode(1)))
async def cancel_undo(call: Call) -> Data[UndoJob]:
    """Cancel an undo job of a subscriber import

    People who have been processed stay as they are now. Another undo can process the rest.
    """
    return await _cancel(call, call.request.match_info["job_id"])


async def _insert(call: Call, _: UndoRequest | None, connection: Connection, now: int) -> Answer:
    settings = call.services.settings
    job = await _find_import(call, connection)
    undo = await undo_state.insert_undo(
        connection, job, call.request_id, ttl=settings.undo_ttl, max_queued=settings.max_queued_jobs, now=now
    )
    await audit.record(connection, call.actor, "import.undone", job.public_id, details={UNDO.name: undo.public_id})
    resource = _resource(call, undo, Undo(import_job_id=job.id))
    return Answer(status=202, body=codec.data(resource), location=resource.self_)


async def _cancel(call: Call, public_id: str) -> Data[UndoJob]:
    lookup = call.database.lookup
    job = await queue.find_job(lookup, call.workspace_id, UNDO, public_id)
    undo = await undo_table.select_undo(lookup, call.workspace_id, job.id)
    job = await call.services.runner.cancel(call.workspace_id, UNDO, public_id)
    return _job_response(call, job, undo)


async def _find_import(call: Call, connection: Reader) -> Job:
    return await queue.find_job(connection, call.workspace_id, IMPORT, call.request.match_info["job_id"])


async def _find_of_import(call: Call, connection: Reader) -> Job:
    """
    Raises:
        NotFound: there is no such import, or it has no undo.
    """
    job = await _find_import(call, connection)
    latest = await undo_table.select_latest(connection, call.workspace_id, job.id)
    if latest is None:
        raise _not_undone(job.public_id)
    return latest


def _job_response(call: Call, job: Job, undo: Undo) -> Data[UndoJob]:
    return Data(_resource(call, job, undo), headers=None if job.final else RETRY_LATER)


def _resource(call: Call, job: Job, undo: Undo) -> UndoJob:
    expires_at = clock.now() + call.services.settings.export_ttl * clock.SECOND
    return UndoJob(
        import_job=_undone_import(undo.import_job_id),
        error_message=job.error_message,
        report_url=download_url(call, job.public_id, expires_at) if job.progress.skipped_count else None,
        progress=msgspec.convert(job.counts, UndoProgress),
        **resources.job_members(job),
    )


def _undone_import(job_id: int) -> UndoneImport:
    public_id = IMPORT.encode(job_id)
    return UndoneImport(id=public_id, self_=f"{IMPORT.path}/{public_id}")
