"""From a file to a finished import, and from an export to a file: what the commands and the demonstration share."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from mailrith_lite.cli import map_option, remote_jobs
from mailrith_lite.cli.http_client import Refused, Service
from mailrith_lite.cli.printing import one_line, print_table, progress_bar, spinner
from mailrith_lite.cli.remote_jobs import Job
from mailrith_lite.errors import StartError
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.imports.uploads.analysis import guess

STDOUT = Path("-")


async def mappings(service: Service, file: Path, columns: Sequence[str], maps: Sequence[str] = ()) -> list[Mapping]:
    """As --map says; without one, as the header suggests, which is said on stderr.

    Raises:
        StartError: a column or field is not there.
    """
    if not maps:
        return await _guessed(service, file, columns)
    fields = await remote_jobs.custom_fields(service) if any(map(map_option.names_custom_field, maps)) else {}
    return [map_option.parse(one, columns, fields) for one in maps]


async def finish_import(service: Service, job: Job, label: str) -> Job:
    """Follows the job to its end with a progress bar, and prints what became of its rows.

    Raises:
        StartError: it failed.
    """
    click.echo(f"Accepted as {job.id}", err=True)
    with progress_bar(label) as show:
        job = await remote_jobs.follow(service, job, _rows_to(show))
    if job.status == "Completed" or job.imported_count:
        click.echo(f"{job.id}: {job.counts}")
    if job.error_report_url is not None:
        await _print_report(service, job, job.error_report_url)
    if job.status != "Completed":
        raise StartError(f"{job.id} failed: {job.error_message}")
    return job


async def finish_export(service: Service, job: Job, output: Path | None) -> Path:
    """Follows the job to its end and fetches its file: to `output`, or under its own name if that is free.

    Raises:
        StartError: it failed, or the file cannot be written.
    """
    with spinner("exporting"):
        job = await remote_jobs.follow(service, job, lambda seen: None)
    if job.status != "Completed":
        raise StartError(f"{job.id} failed: {job.error_message}")
    if job.download_url is None or job.file_name is None:
        raise StartError(f"the file of {job.id} has expired; export again")
    target = output if output is not None else Path(Path(job.file_name).name)
    if output is None and target.exists():
        raise StartError(f"there is a file {target} already; name one with -o")
    size = await _save(service, job.download_url, target)
    place = "stdout" if target == STDOUT else target
    click.echo(f"{job.id}: {job.counts} to {place} ({size:,} bytes)", err=target == STDOUT)
    return target


async def _guessed(service: Service, file: Path, columns: Sequence[str]) -> list[Mapping]:
    fields = await _readable_custom_fields(service)
    found = guess(columns, fields)
    if not any(mapping.field.type == "email" for mapping in found):
        say = 'say which with --map "COLUMN=email"'
        raise StartError(f"no column of {file} looks like the email; {say}: {one_line(', '.join(columns))}")
    taken = ", ".join(f"{one.csv_column} = {map_option.field_name(one.field, fields)}" for one in found)
    left = ", ".join(name for name in columns if name not in {one.csv_column for one in found})
    click.echo(one_line(f"Guessed from the header: {taken}"), err=True)
    if left:
        click.echo(one_line(f"Left out: {left}"), err=True)
        click.echo("A custom field of a column's name keeps it, or --map COLUMN=FIELD.", err=True)
    return found


async def _readable_custom_fields(service: Service) -> dict[str, str]:
    """None at all for a key that may import but not look at custom fields."""
    try:
        return await remote_jobs.custom_fields(service)
    except Refused as refusal:
        if refusal.code != "insufficient_scope":
            raise
        click.echo("Custom fields are not guessed: the key lacks the scope custom_fields:read", err=True)
        return {}


def _rows_to(show: Callable[[int, int | None], None]) -> Callable[[Job], None]:
    def shown(job: Job) -> None:
        if job.progress is not None:
            show(job.progress.rows_processed, job.progress.rows_total)

    return shown


async def _print_report(service: Service, job: Job, url: str) -> None:
    rows = await remote_jobs.reported_rows(service, url)
    print_table(("line", "column", "code", "message"), rows)
    more = job.reported_count - len(rows)
    if more > 0:
        click.echo(f"and {more:,} more")
    click.echo(f"These rows as a CSV file, to be mended and sent again: {url}")


async def _save(service: Service, url: str, target: Path) -> int:
    """Returns how many bytes it wrote."""
    try:
        if target == STDOUT:
            size = await remote_jobs.download(service, url, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return size
        if target.exists() and not target.is_file():  # /dev/null, a pipe: nothing to put another file in place of
            with target.open("wb") as file:
                return await remote_jobs.download(service, url, file)
        return await remote_jobs.download_to(service, url, target.resolve())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StartError(f"cannot write {target}: {error.strerror}") from error
