"""What is ready to be queued: a plan, and the upload whose file it takes."""

import asyncio
from pathlib import Path

import msgspec

from mailrith_lite import clock, errors, ids
from mailrith_lite.database import Connection, Database
from mailrith_lite.imports import submit
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.submit import ImportOrder
from mailrith_lite.imports.uploads import upload_store, upload_table
from mailrith_lite.imports.uploads.upload_store import UploadStore
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.jobs.queue import Job


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """`upload`: whose file it is."""

    plan: ImportPlan
    dry_run: bool
    upload: Upload | None = None


async def of_text(literal: memoryview, order: ImportOrder, directory: Path) -> Submission:
    """`literal`: the JSON string literal of `csv_text`.

    Raises:
        InvalidBody, InvalidJson: naming the field that must be changed.
    """
    plan = await asyncio.to_thread(submit.prepare, literal, order, directory)
    return Submission(plan=plan, dry_run=order.dry_run)


async def of_upload(
    database: Database, store: UploadStore, workspace_id: int, public_id: str, order: ImportOrder, directory: Path
) -> Submission:
    """
    Raises:
        InvalidBody: there is no upload that can be used, or the order does not fit its file.
        Conflict: a job has taken the file.
    """
    upload = await _usable(database, workspace_id, public_id)
    path = store.path(upload)
    assert path is not None
    try:
        plan = await asyncio.to_thread(submit.prepare_upload, upload, path, order, directory)
    except errors.InvalidBody:
        await _usable(database, workspace_id, public_id)  # if a job took it at this very moment, that is the reason
        raise
    return Submission(plan=plan, dry_run=order.dry_run, upload=upload)


async def _usable(database: Database, workspace_id: int, public_id: str) -> Upload:
    async with database.read() as connection:
        number = ids.decode(ids.UPLOAD, public_id) or 0
        saved = await upload_table.select_upload(connection, workspace_id, number)
    return upload_store.check_usable(saved, clock.now())


async def insert(
    connection: Connection,
    workspace_id: int,
    submission: Submission,
    request_id: str,
    *,
    max_queued: int,
    now: int,
) -> Job:
    """Queues it in the caller's transaction. Raises as `submit.insert` does; then `discard` it."""
    return await submit.insert(
        connection,
        workspace_id,
        submission.plan,
        request_id,
        max_queued=max_queued,
        now=now,
        upload=submission.upload,
        dry_run=submission.dry_run,
    )


def discard(submission: Submission, directory: Path) -> None:
    """Of one that did not become a job."""
    submit.discard(submission.plan, directory)


async def settle(submission: Submission, store: UploadStore) -> None:
    """Once it is queued: the upload's own file goes, unless there is more to come of it."""
    if submission.upload is not None and not submission.dry_run:
        await store.remove(submission.upload)
