"""Follows a submitted job to its end, and prints the result. The commands and the demonstration share this."""

import shlex
from collections.abc import Callable
from pathlib import Path

import click

from mailrith_lite.cli import download, error_report
from mailrith_lite.cli.download import STDOUT
from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.printing import print_table, progress_bar, spinner
from mailrith_lite.cli.remote_jobs import Job, path_of, wait_for_end
from mailrith_lite.errors import StartError

_REPORTED_ROWS = 20


async def follow_import(client: ApiClient, job: Job, label: str, *, quiet: bool = False) -> Job:
    """Shows a progress bar, then the counts and the first rows of the error report, unless `quiet`.

    Returns the final job, which may have failed.

    Raises:
        Unreachable, Refused
    """
    click.echo(f"Accepted as {job.id}", err=True)
    with progress_bar(label) as show:
        job = await wait_for_end(client, job, _with_rows(show))
    if quiet:
        return job
    if job.status == "Completed" or job.imported_count:
        click.echo(f"{job.id}: {job.counts}")
    if job.error_report_url is not None:
        await _print_report(client, job, job.error_report_url)
        click.echo(
            f"To get these rows as a CSV file and correct them: mailrith-lite jobs report {job.id}", err=True
        )
    return job


async def follow_undo(client: ApiClient, job: Job) -> None:
    """Shows a progress bar, then the counts and the address of the report.

    Raises:
        Unreachable, Refused
        StartError: the undo failed.
    """
    click.echo(f"Accepted as {job.id}", err=True)
    with progress_bar(f"{job.kind.name} of an import") as show:
        job = await wait_for_end(client, job, _with_people(show))
    click.echo(f"{job.id}: {job.counts}")
    if job.report_url is not None:
        click.echo(f"The people that were skipped, as a CSV file: {job.report_url}")
    if job.status != "Completed":
        raise StartError(f"{job.id} failed: {job.error_message}")


async def follow_export(client: ApiClient, job: Job, output: Path | None) -> Path:
    """Downloads the file to `output`, by default under its own name, and returns where it is.

    Raises:
        Unreachable, Refused
        StartError: the job failed, the file cannot be written, or a file has the default name already.
    """
    with spinner("exporting"):
        job = await wait_for_end(client, job, lambda _: None)
    if job.status != "Completed":
        raise StartError(f"{job.id} failed: {job.error_message}")
    if job.download_url is None or job.file_name is None:
        raise StartError(f"the file of {job.id} has expired; export again")
    target = _new_file(output, job.file_name)
    size = await download.save(client, job.download_url, target)
    place = "stdout" if target == STDOUT else target
    click.echo(f"{job.id}: {job.counts} to {place} ({size:,} bytes)", err=target == STDOUT)
    return target


async def save_report(client: ApiClient, job_id: str, output: Path | None) -> None:
    """Downloads the report of a job to `output`, by default as `ID-errors.csv`, and says how to send it again.

    Raises:
        Unreachable, Refused
        StartError: the job has no report, the file cannot be written, or a file has the default name already.
    """
    job = await client.get(path_of(job_id), Job)
    url = job.error_report_url or job.report_url
    if url is None:
        reason = "no row was refused and no cell has a warning" if job.final else "the job still runs"
        raise StartError(f"{job_id} has no report: {reason}")
    target = _new_file(output, f"{job_id}-errors.csv")
    size = await download.save(client, url, target)
    place = "stdout" if target == STDOUT else target
    click.echo(f"The report of {job_id} is in {place} ({size:,} bytes)", err=True)
    if job.error_report_url is not None:
        file = "FILE" if target == STDOUT else shlex.quote(str(target))
        click.echo(f"Correct its rows, and import it again: mailrith-lite import {file} --like {job_id}", err=True)


def _new_file(output: Path | None, default_name: str) -> Path:
    """
    Raises:
        StartError: a file has the default name already.
    """
    target = output if output is not None else Path(Path(default_name).name)
    if output is None and target.exists():
        raise StartError(f"there is a file {target} already; name one with -o")
    return target


def _with_rows(show: Callable[[int, int | None], None]) -> Callable[[Job], None]:
    def show_job(job: Job) -> None:
        if job.progress is not None:
            show(job.progress.rows_processed, job.progress.rows_total)

    return show_job


def _with_people(show: Callable[[int, int | None], None]) -> Callable[[Job], None]:
    def show_job(job: Job) -> None:
        if (people := job.progress) is not None:
            show(people.restored_count + people.deleted_count + people.skipped_count, people.rows_total)

    return show_job


async def _print_report(client: ApiClient, job: Job, url: str) -> None:
    rows = await error_report.first_rows(client, url, _REPORTED_ROWS)
    print_table(
        ("line", "column", "code", "message"), [(row.line, row.column, row.code, row.message) for row in rows]
    )
    more = job.reported_count - len(rows)
    if more > 0:
        click.echo(f"and {more:,} more")
