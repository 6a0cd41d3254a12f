"""Imports the files of one command: each is a job that is followed to its end."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from mailrith_lite.cli import error_report, output, send_file
from mailrith_lite.cli.client_errors import Unreachable
from mailrith_lite.cli.follow import follow_import
from mailrith_lite.cli.http_client import ApiClient, new_idempotency_key
from mailrith_lite.cli.import_plan import Wishes, plan_files
from mailrith_lite.cli.input_files import InputFile, open_inputs
from mailrith_lite.cli.like_check import check_like
from mailrith_lite.cli.printing import one_line, print_note
from mailrith_lite.cli.remote_jobs import Interrupted, Job, submit_import
from mailrith_lite.cli.tag_option import tag_members
from mailrith_lite.errors import StartError


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command that do not depend on the file. `like`: the id of a job."""

    tags: Sequence[str] = ()
    sequence_ids: Sequence[str] = ()
    like: str | None = None
    leave_out_invalid_cells: bool = False
    dry_run: bool = False
    strict: bool = False
    idempotency_key: str | None = None


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: the Idempotency-Key of the request. `repeatable`: the same command makes the same request again."""

    file: InputFile
    body: dict[str, Any]
    key: str
    repeatable: bool


async def import_all(client: ApiClient, *, file: Path, wishes: Wishes, options: ImportOptions) -> None:
    """Imports the file, or each CSV file of a zip.

    Raises:
        Unreachable, Refused
        StartError: the file cannot be imported as the options say, or the result calls for exit code 1.
    """
    with open_inputs(file) as files:
        submissions = await prepare(client, files, wishes, options)
        several = len(submissions) > 1
        jobs = [await _import(client, one, options, one_of_several=several) for one in submissions]
    check_results(jobs, strict=options.strict)


async def prepare(
    client: ApiClient, files: Sequence[InputFile], wishes: Wishes, options: ImportOptions
) -> list[Submission]:
    """Sends the files, and decides what to import from each.

    Raises:
        Unreachable, Refused
        StartError: see `plan_files` and `check_like`.
    """
    shared = await _shared_members(client, options)
    keys = _keys(files, options.idempotency_key)
    if options.like is None:
        plans = await plan_files(client, files, wishes)
        bodies = [({"upload_id": plan.upload.id}, plan.members | shared) for plan in plans]
    else:
        if wishes.status is not None:
            shared["status"] = wishes.status
        bodies = []
        for file in files:
            sent = await send_file.upload(client, file)
            await check_like(client, file, sent.analysis, like=options.like, status=wishes.status)
            bodies.append(({"upload_id": sent.id}, shared))
    submissions = []
    for file, key, (source, members) in zip(files, keys, bodies, strict=True):
        # with the user's Idempotency-Key the request contains the text, so a repeated command sends the same
        text = None if options.idempotency_key is None else send_file.read_text(file)
        body = members | (source if text is None else {"csv_text": text})
        submissions.append(Submission(file=file, body=body, key=key, repeatable=text is not None))
    return submissions


async def submit(client: ApiClient, submission: Submission) -> Job:
    """
    Raises:
        Unreachable, Interrupted: the message says what to do before the command is repeated.
        Refused
    """
    advice = "see `mailrith-lite jobs list` before you send it again"
    if submission.repeatable:
        advice = f"send it again with --idempotency-key {submission.key} and nothing is imported twice"
    try:
        return await submit_import(client, submission.body, key=submission.key)
    except asyncio.CancelledError:  # Ctrl-C
        raise Interrupted(f"stopped; perhaps the import was accepted already; {advice}") from None
    except Unreachable as error:
        if not error.delivered:
            raise
        raise Unreachable(f"{error}; {advice}", delivered=True) from error


def check_results(jobs: Sequence[Job], *, strict: bool = False) -> None:
    """
    Raises:
        StartError: a job failed, no row of it was applied, or with `strict` a row was refused.
    """
    for job in jobs:
        if job.status != "Completed":
            raise StartError(one_line(f"{job.id} failed: {job.error_message}"))
        progress = job.progress
        if progress is None:
            continue
        if progress.rows_processed and progress.rejected_count == progress.rows_processed:
            raise StartError(f"{job.id}: every row was refused; nobody was imported")
        if strict and progress.rejected_count:
            raise StartError(
                f"{job.id}: {progress.rejected_count:,} of {progress.rows_processed:,} rows were refused"
            )


async def _shared_members(client: ApiClient, options: ImportOptions) -> dict[str, Any]:
    members: dict[str, Any] = dict(await tag_members(client, options.tags, dry_run=options.dry_run))
    if options.sequence_ids:
        members["sequence_ids"] = options.sequence_ids
    if options.like is not None:
        members["like"] = options.like
    if options.leave_out_invalid_cells:
        members["invalid_cells"] = "leave_out"
    if options.dry_run:
        members["dry_run"] = True
    return members


def _keys(files: Sequence[InputFile], given: str | None) -> list[str]:
    """An Idempotency-Key for each file; of several files, the number of the file is a part of it."""
    if given is None:
        return [new_idempotency_key() for _ in files]
    if len(files) == 1:
        return [given]
    return [f"{given[:250]} {number}" for number in range(1, len(files) + 1)]


async def _import(
    client: ApiClient, submission: Submission, options: ImportOptions, *, one_of_several: bool
) -> Job:
    job = await submit(client, submission)
    job = await follow_import(client, job, submission.file.name, one_of_several=one_of_several)
    if not options.leave_out_invalid_cells:
        await _print_advice(client, job)
    return job


async def _print_advice(client: ApiClient, job: Job) -> None:
    """Says how many people an unreadable optional cell kept out."""
    if job.progress is None or not job.progress.rejected_count or job.error_report_url is None:
        return
    if output.current().quiet or output.current().as_json:
        return
    count = await error_report.count_left_out(client, job.error_report_url)
    if count:
        rows = "1 row was" if count == 1 else f"{count:,} rows were"
        advice = "--leave-out-invalid-cells imports the row without it"
        print_note(f"{rows} refused for a cell that is optional: {advice}")
