"""/v1/jobs/subscriber-bulk-changes"""

from typing import Any, ClassVar

import msgspec

from mailrith_lite import clock, ids
from mailrith_lite.access import audit, workspaces
from mailrith_lite.api import codec, example, idempotency, resources
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.bulk_request import BulkChangeRequest, BulkFilter
from mailrith_lite.api.call import Call
from mailrith_lite.api.downloads import download_url
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.responses import RETRY_LATER, Accepted, Data, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.audience import search_limit, selection, subscribers
from mailrith_lite.bulk_changes import bulk_table, bulk_undo, submission
from mailrith_lite.bulk_changes.actions import BY_NAME, ActionName
from mailrith_lite.bulk_changes.bulk_table import UNDO_ACTION, BulkChange, UndoAction
from mailrith_lite.bulk_changes.bulk_undo import UndoStatus
from mailrith_lite.bulk_changes.submission import Order
from mailrith_lite.database import Connection
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import BULK_CHANGE
from mailrith_lite.jobs.queue import Job, JobStatus

PATH = BULK_CHANGE.path


class BulkUndoRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The undo takes no options: send no body, or an empty object."""

    EXAMPLE: ClassVar[dict[str, Any]] = {}


class BulkPreview(msgspec.Struct, frozen=True, kw_only=True):
    """`people_count`: the number of people that the bulk change would process if it ran now."""

    action: ActionName
    people_count: int

    EXAMPLE: ClassVar[dict[str, Any]] = {"action": "unsubscribe", "people_count": 120}


class BulkProgress(msgspec.Struct, frozen=True, kw_only=True):
    """People. The three counts together are those who have been processed.

    `rows_total` is null until the people are counted. `unchanged_count`: they are already as the action makes them.
    `skipped_count`: a listed subscriber does not exist, or something has changed them since an undone bulk change.
    """

    rows_total: int | None
    changed_count: int
    unchanged_count: int
    skipped_count: int

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "rows_total": 120,
        "changed_count": 110,
        "unchanged_count": 10,
        "skipped_count": 0,
    }


class BulkUndoState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the bulk change can be undone. `job_id`: of its newest undo."""

    status: UndoStatus
    job_id: str | None


class BulkChangeJob(msgspec.Struct, frozen=True, kw_only=True):
    """`listed_count`: the listed subscribers. `undone_job_id`: for an undo, the bulk change that it takes back.

    `report_url`: a CSV file with `subscriber_id`, `email` and `reason` of each person that the job has skipped.
    """

    id: str
    self_: str = msgspec.field(name="self")
    status: JobStatus
    action: ActionName | UndoAction
    tag_id: str | None
    sequence_id: str | None
    filter: BulkFilter | None
    listed_count: int | None
    undone_job_id: str | None
    expected_count: int | None
    started_at: str | None
    completed_at: str | None
    created_at: str
    updated_at: str
    error_message: str | None
    report_url: str | None
    progress: BulkProgress
    undo: BulkUndoState

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        BULK_CHANGE.id_prefix,
        PATH,
        status="Completed",
        action="add_tag",
        tag_id=ids.encode(ids.TAG, 1),
        filter=msgspec.to_builtins(BulkFilter(status="Active", country="GB")),
        **dict.fromkeys(
            ("sequence_id", "listed_count", "undone_job_id", "expected_count", "error_message", "report_url")
        ),
        progress=BulkProgress.EXAMPLE,
        undo={"status": "available", "job_id": None},
        started_at="2025-04-11T12:00:00.100Z",
        completed_at="2025-04-11T12:00:00.900Z",
    )
    QUEUED_EXAMPLE: ClassVar[dict[str, Any]] = dict(
        EXAMPLE,
        status="Queued",
        **dict.fromkeys(("started_at", "completed_at", "report_url")),
        progress={**dict.fromkeys(EXAMPLE["progress"], 0), "rows_total": None},
        undo={"status": "not_possible", "job_id": None},
    )


@refuses(queue.queue_full(1_000))
async def create_change(call: Call, body: Body[BulkChangeRequest]) -> Accepted[BulkChangeJob]:
    """Change many subscribers

    A job adds or removes a tag, adds people to a sequence or removes them from it, unsubscribes or erases them. It
    changes everybody who matches the filter when the job comes to them and who existed when it was submitted.
    Everything but `erase` can be undone. The hosted service does not have this operation.
    """
    answer = await idempotency.create(call, body, _order, _insert, changes="nobody")
    call.services.runner.wake()
    return Accepted(answer)


@refuses(search_limit.too_many(200))
async def preview_change(call: Call, form: BulkChangeRequest) -> Data[BulkPreview]:
    """Preview a bulk change

    Checks the request, and counts the people. Nothing is changed. The hosted service does not have this operation.
    """
    order = form.order()
    unguarded = msgspec.structs.replace(order, expected_count=order.expected_count or 0)
    now = clock.now()
    async with call.database.read() as connection:
        change = await submission.check(connection, call.workspace_id, unguarded, now)
        if change.selection is None:
            listed = change.subscriber_ids or []
            count = await subscribers.select_known_count(connection, call.workspace_id, listed)
            return Data(BulkPreview(action=form.action, people_count=count))
        workspace = await workspaces.select_own(connection, call.workspace_id)
        resolved = await selection.resolve(
            connection, call.workspace_id, change.selection, time_zone=workspace.time_zone, now=now
        )
    counts = await call.services.segment_counts.count(resolved.query(call.workspace_id, now))
    return Data(BulkPreview(action=form.action, people_count=counts.total))


async def list_changes(call: Call, query: PageQuery) -> PageOf[BulkChangeJob]:
    """List bulk changes of subscribers

    Newest first, with the undos.
    """
    page = query.page(BULK_CHANGE.id_prefix)
    async with call.database.read() as connection:
        jobs = await queue.select_jobs(
            connection, call.workspace_id, BULK_CHANGE, before_id=page.before_id, limit=page.fetched
        )
        numbers = [job.id for job in jobs]
        changes = await bulk_table.select_bulk_changes(connection, call.workspace_id, numbers)
        undos = await bulk_table.select_undos(connection, call.workspace_id, numbers)
    return PageOf(page, [_resource(call, job, changes[job.id], undos.get(job.id)) for job in jobs])


async def get_change(call: Call) -> Data[BulkChangeJob]:
    """Get a bulk change of subscribers"""
    async with call.database.read() as connection:
        job = await _find(call, connection)
        change, undo = await _select(call, connection, job)
    return _job_response(call, job, change, undo)


@refuses(queue.already_final("Completed", BULK_CHANGE.encode(1)))
async def cancel_change(call: Call) -> Data[BulkChangeJob]:
    """Cancel a bulk change of subscribers

    People who have been changed stay so, and an undo can take this back.
    """
    async with call.database.read() as connection:  # before the change: a read can be refused
        job = await _find(call, connection)
        change, undo = await _select(call, connection, job)
    job = await call.services.runner.cancel(call.workspace_id, BULK_CHANGE, job.public_id)
    return _job_response(call, job, change, undo)


@refuses(
    bulk_undo.not_possible("nothing_changed", BULK_CHANGE.encode(1)),
    bulk_undo.not_possible("already_undone", BULK_CHANGE.encode(2)),
    bulk_undo.expired(),
    queue.queue_full(1_000),
)
async def undo_change(call: Call, body: Body[BulkUndoRequest | None]) -> Accepted[BulkChangeJob]:
    """Undo a bulk change of subscribers

    The undo is a bulk change, too. It skips people who have been changed since, so nobody who has opted out again
    becomes Active; they are in the report. Erased people cannot come back. The Idempotency-Key belongs to this bulk
    change: another one can have the same.
    """
    answer = await idempotency.create(
        call, body, Body.decode, _insert_undo, changes="nobody", scope=call.request.match_info["job_id"]
    )
    call.services.runner.wake()
    return Accepted(answer)


def _order(body: Body[BulkChangeRequest]) -> Order:
    return body.decode().order()


async def _insert(call: Call, order: Order, connection: Connection, now: int) -> Answer:
    limit = call.services.settings.max_queued_jobs
    job = await submission.insert(connection, call.workspace_id, order, call.request_id, max_queued=limit, now=now)
    await audit.record(
        connection, call.actor, "bulk_change.created", job.public_id, details={"action": order.action}
    )
    return await _accepted(call, connection, job)


async def _insert_undo(call: Call, _: BulkUndoRequest | None, connection: Connection, now: int) -> Answer:
    settings = call.services.settings
    job = await _find(call, connection)
    undo = await bulk_undo.insert_undo(
        connection, job, call.request_id, ttl=settings.bulk_undo_ttl, max_queued=settings.max_queued_jobs, now=now
    )
    await audit.record(
        connection, call.actor, "bulk_change.undone", job.public_id, details={UNDO_ACTION: undo.public_id}
    )
    return await _accepted(call, connection, undo)


async def _accepted(call: Call, connection: Connection, job: Job) -> Answer:
    change = await bulk_table.select_bulk_change(connection, call.workspace_id, job.id)
    resource = _resource(call, job, change, None)
    return Answer(status=202, body=codec.data(resource), location=resource.self_)


async def _find(call: Call, connection: Connection) -> Job:
    return await queue.find_job(connection, call.workspace_id, BULK_CHANGE, call.request.match_info["job_id"])


async def _select(call: Call, connection: Connection, job: Job) -> tuple[BulkChange, Job | None]:
    """The bulk change of the job, and its newest undo."""
    change = await bulk_table.select_bulk_change(connection, call.workspace_id, job.id)
    return change, (await bulk_table.select_undos(connection, call.workspace_id, [job.id])).get(job.id)


def _job_response(call: Call, job: Job, change: BulkChange, undo: Job | None) -> Data[BulkChangeJob]:
    return Data(_resource(call, job, change, undo), headers=None if job.final else RETRY_LATER)


def _resource(call: Call, job: Job, change: BulkChange, latest: Job | None) -> BulkChangeJob:
    """`latest`: the newest undo of the bulk change."""
    settings, now = call.services.settings, clock.now()
    undo = bulk_undo.find_undo(job, change, latest, ttl=settings.bulk_undo_ttl, now=now)
    expires_at = now + settings.export_ttl * clock.SECOND
    return BulkChangeJob(
        action=change.action,
        **_target(change),
        filter=None if change.selection is None else BulkFilter.of(change.selection),
        listed_count=change.listed_count,
        expected_count=change.expected_count,
        error_message=job.error_message,
        report_url=download_url(call, job.public_id, expires_at) if job.progress.skipped_count else None,
        progress=msgspec.convert(job.counts, BulkProgress),
        undo=BulkUndoState(status=undo.status, job_id=undo.job_id),
        **resources.job_members(job),
    )


def _target(change: BulkChange) -> dict[str, Any]:
    """The members that name what the action needs."""
    target = None if change.action == UNDO_ACTION else BY_NAME[change.action].target
    number = change.target_id or 0
    return {
        "tag_id": ids.encode(ids.TAG, number) if target == "tag" else None,
        "sequence_id": ids.encode(ids.SEQUENCE, number) if target == "sequence" else None,
        "undone_job_id": BULK_CHANGE.encode(number) if change.action == UNDO_ACTION else None,
    }
