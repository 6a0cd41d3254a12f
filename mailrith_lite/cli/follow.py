"""Follows a submitted job to its end, and prints the result. The commands and the demonstration share this."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mailrith_lite.cli import download, error_report, output
from mailrith_lite.cli.download import STDOUT, check_free
from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.printing import print_json, print_note, print_result, print_table
from mailrith_lite.cli.progress import Show, progress_bar
from mailrith_lite.cli.remote_jobs import Job, path_of, wait_for_end
from mailrith_lite.errors import StartError

_REPORTED_ROWS = 20


async def follow_import(client: ApiClient, job: Job, name: str, *, one_of_several: bool = False) -> Job:
    """Shows a progress bar, then the counts and the first rows of the error report.

    `name`: the name of the file. `one_of_several`: the result begins with the name. Returns the final job, which
    may have failed.

    Raises:
        Unreachable, Refused
    """
    print_note(f"Accepted as {job.id}")
    with progress_bar(name) as show:
        job = await wait_for_end(client, job, with_progress(show))
    if output.current().as_json:
        print_json({"file": name} | await _document(client, job))
        return job
    if job.status == "Completed" or job.imported_count:
        file = f"{name}: " if one_of_several else ""
        print_result(f"{file}{job.id}: {job.counts}", None)
    if job.error_report_url is not None and not output.current().quiet:
        await _print_report(client, job, job.error_report_url)
        print_note(f"To get these rows as a CSV file and correct them: mailrith-lite jobs report {job.id}")
    return job


async def follow_undo(client: ApiClient, job: Job) -> None:
    """Shows a progress bar, then the counts and the address of the report.

    Raises:
        Unreachable, Refused
        StartError: the undo failed.
    """
    print_note(f"Accepted as {job.id}")
    with progress_bar(f"{job.kind.name} of an import") as show:
        job = await wait_for_end(client, job, with_progress(show))
    report = f"\nThe people that were skipped, as a CSV file: {job.report_url}" if job.report_url else ""
    print_result(f"{job.id}: {job.counts}{report}", await _document(client, job))
    check_completed(job)


async def follow_bulk_change(client: ApiClient, job: Job) -> None:
    """As `follow_undo`.

    Raises:
        Unreachable, Refused
        StartError: the bulk change failed.
    """
    print_note(f"Accepted as {job.id}")
    with progress_bar(job.kind.name.replace("_", " ")) as show:
        job = await wait_for_end(client, job, with_progress(show))
    report = f"\nThe people that were skipped, as a CSV file: {job.report_url}" if job.report_url else ""
    print_result(f"{job.id}: {job.counts}{report}", await _document(client, job))
    check_completed(job)


async def follow_job(client: ApiClient, job_id: str) -> None:
    """Shows a progress bar, then the counts.

    Raises:
        Unreachable, Refused
        StartError: the job failed.
    """
    job = await client.get(path_of(job_id), Job)
    with progress_bar(f"{job.kind.name} {job.id}") as show:
        job = await wait_for_end(client, job, with_progress(show))
    if job.counts or output.current().as_json:
        print_result(f"{job.id}: {job.counts}", await _document(client, job))
    check_completed(job)


async def follow_export(client: ApiClient, job: Job, target: Path | None, *, force: bool = False) -> Path:
    """Downloads the file to `target`, by default under its own name, and returns where it is.

    Raises:
        Unreachable, Refused
        StartError: the job failed, the file cannot be written, or it exists and `force` does not replace it.
    """
    with progress_bar("exporting") as show:
        job = await wait_for_end(client, job, with_progress(show))
    check_completed(job)
    if job.download_url is None or job.file_name is None:
        raise StartError(f"the file of {job.id} has expired; export again")
    target = _target(target, job.file_name, force=force)
    size = await download.save(client, job.download_url, target)
    document = await _document(client, job) | {"saved_as": str(target), "bytes": size}
    _print_saved(f"{job.id}: {job.counts} to {{}} ({size:,} bytes)", target, document)
    return target


async def save_report(client: ApiClient, job_id: str, target: Path | None, *, force: bool) -> None:
    """Downloads the report of a job to `target`, by default as `ID-errors.csv`, and says how to send it again.

    Raises:
        Unreachable, Refused
        StartError: the job has no report, the file cannot be written, or it exists and `force` does not replace it.
    """
    job = await client.get(path_of(job_id), Job)
    url = job.error_report_url or job.report_url
    if url is None:
        reason = "no row was refused and no cell has a warning" if job.final else "the job still runs"
        raise StartError(f"{job_id} has no report: {reason}")
    target = _target(target, f"{job_id}-errors.csv", force=force)
    size = await download.save(client, url, target)
    document = {"job_id": job_id, "saved_as": str(target), "bytes": size}
    _print_saved(f"The report of {job_id} is in {{}} ({size:,} bytes)", target, document)
    if job.error_report_url is not None:
        file = "FILE" if target == STDOUT else shlex.quote(str(target))
        print_note(f"Correct its rows, and import it again: mailrith-lite import {file} --like {job_id}")


def check_completed(job: Job) -> None:
    """
    Raises:
        StartError: the job failed.
    """
    if job.status != "Completed":
        raise StartError(f"{job.id} failed: {job.error_message}")


def _print_saved(sentence: str, target: Path, document: dict[str, Any]) -> None:
    """`sentence`: has `{}` where the path belongs. It goes to stderr if the file goes to stdout."""
    if target == STDOUT:
        print_note(sentence.format("stdout"))
    else:
        print_result(sentence.format(target), document)


async def _document(client: ApiClient, job: Job) -> dict[str, Any]:
    """The job as the API has it. Only --json prints it, so that otherwise no request is made."""
    return await client.get(path_of(job.id), dict[str, Any]) if output.current().as_json else {}


def _target(target: Path | None, default_name: str, *, force: bool) -> Path:
    """
    Raises:
        StartError: the file exists.
    """
    target = Path(Path(default_name).name) if target is None else target
    check_free(target, force=force)
    return target


def with_progress(show: Show) -> Callable[[Job], None]:
    def show_job(job: Job) -> None:
        if job.done is not None:
            show(job.done, None if job.progress is None else job.progress.rows_total)

    return show_job


async def _print_report(client: ApiClient, job: Job, url: str) -> None:
    rows = await error_report.first_rows(client, url, _REPORTED_ROWS)
    print_table(
        ("line", "column", "cell", "reason"), [(row.line, row.column, row.cell, row.reason) for row in rows]
    )
    more = job.reported_count - len(rows)
    if more > 0:
        print_result(f"and {more:,} more", None)
