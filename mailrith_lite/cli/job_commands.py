"""The commands `export` and `jobs …`. They use the HTTP API of a running service."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailrith_lite.cli import output
from mailrith_lite.cli.client_command import confirm, parse_field, parse_status, run, yes_option
from mailrith_lite.errors import StartError

if TYPE_CHECKING:
    from mailrith_lite.cli.http_client import ApiClient
    from mailrith_lite.cli.remote_jobs import Job


def _output_option(default: str) -> Callable[[Any], Any]:
    return click.option(
        "-o",
        "--output",
        "target",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"- for stdout  [{default}]",
    )


_force_option = click.option("--force", is_flag=True, help="replace an existing file")


@click.command()
@click.option("--status", metavar="STATUS", help="only subscribers of this status, such as Active")
@click.option("--query", metavar="Q", help="only subscribers with this text in the email or name")
@click.option("--cold-only", is_flag=True, help="only subscribers who have opened no email for a long time")
@click.option("--tag", "tags", multiple=True, metavar="NAME_OR_ID", help="has one of these; may be repeated")
@click.option("--without-tag", "without_tags", multiple=True, metavar="NAME_OR_ID", help="has none of these")
@click.option("--sequence", "sequences", multiple=True, metavar="NAME_OR_ID", help="is in one of these")
@click.option("--country", metavar="CODE", help="such as DE, or the English name")
@click.option("--segment", metavar="NAME_OR_ID")
@click.option("--import", "import_job_id", metavar="JOB", help="only whom this import created or changed")
@click.option("--field", "fields", multiple=True, metavar="LABEL=VALUE", help="a custom field has this value")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME",
    help="a column, such as Email; may be repeated",
)
@_output_option("the file name of the job")
@_force_option
def export(
    status: str | None,
    query: str | None,
    fields: tuple[str, ...],
    columns: tuple[str, ...],
    target: Path | None,
    force: bool,
    **people: Any,
) -> None:
    """Export the subscribers who match every option to a CSV file. Without --column, it has all columns.

    An existing file is replaced only with --force.

    \b
    Examples:
      mailrith-lite export
      mailrith-lite export --status Active -o active.csv --force
      mailrith-lite export --segment Readers --column Email --column Name
    """
    from mailrith_lite.cli.follow import follow_export
    from mailrith_lite.cli.http_client import new_idempotency_key
    from mailrith_lite.cli.remote_bulk_changes import People
    from mailrith_lite.cli.remote_exports import body_of
    from mailrith_lite.cli.remote_jobs import submit_export

    _check_target(target, force=force)
    chosen = People(search=query, status=parse_status(status), **people)
    if chosen.tags and chosen.without_tags:
        raise click.UsageError("--tag and --without-tag do not go together; a segment can have both")
    values = dict(map(parse_field, fields))

    async def work(client: "ApiClient") -> None:
        body = await body_of(client, chosen, fields=values, columns=columns)
        job = await submit_export(client, body, key=new_idempotency_key())
        await follow_export(client, job, target, force=force)

    run(work)


@click.group()
def jobs() -> None:
    """List, follow, cancel, undo and delete jobs, and save reports.

    A job is an import, an export, a bulk change, or an undo.

    \b
    Example:
      mailrith-lite jobs list
    """


@jobs.command("list")
@click.option("--limit", type=click.IntRange(1), default=25, help="how many jobs  [25]")
def list_jobs(limit: int) -> None:
    """List the newest imports, exports, bulk changes and undos.

    \b
    Example:
      mailrith-lite jobs list --limit 100
    """
    from mailrith_lite.cli.printing import print_items, stdout_is_terminal
    from mailrith_lite.cli.remote_jobs import job_of, newest_jobs

    columns: tuple[str, ...] = ("kind", "id", "status", "counts", "created")
    row = _row
    if stdout_is_terminal():  # 80 columns are enough
        columns, row = ("id", "status", "counts", "created (UTC)"), _short_row
    print_items(columns, run(lambda client: newest_jobs(client, limit)), lambda one: row(job_of(one)))


@jobs.command("show")
@click.argument("job_id", metavar="ID")
def show_job(job_id: str) -> None:
    """Show all fields of a job.

    \b
    Example:
      mailrith-lite jobs show import_job_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.printing import print_fields
    from mailrith_lite.cli.remote_jobs import job_of, path_of

    path = path_of(job_id)
    document = run(lambda client: client.get(path, dict[str, Any]))
    print_fields(_fields(job_of(document)), document)


@jobs.command("wait")
@click.argument("job_id", metavar="ID")
def wait_for_job(job_id: str) -> None:
    """Wait for the end of a job, and print its counts.

    The exit code is 1 when the job fails.

    \b
    Example:
      mailrith-lite jobs wait import_job_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.follow import follow_job

    run(lambda client: follow_job(client, job_id))


@jobs.command("cancel")
@click.argument("job_id", metavar="ID")
def cancel_job(job_id: str) -> None:
    """Cancel a job. The rows that an import has written stay.

    \b
    Example:
      mailrith-lite jobs cancel import_job_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.cli.remote_jobs import job_of, path_of

    path = path_of(job_id)
    document = run(lambda client: client.post(f"{path}/cancel", dict[str, Any]))
    job = job_of(document)
    print_result(f"canceled {job.id}" + (f" ({job.counts})" if job.counts else ""), document)


@jobs.command("delete")
@click.argument("job_id", metavar="ID")
@yes_option
def delete_job(job_id: str, yes: bool) -> None:
    """Delete a finished job, with its report or file.

    Subscribers stay as they are. A deleted import can no longer be undone.

    \b
    Examples:
      mailrith-lite jobs delete export_job_f5trj0n0jhzfa
      mailrith-lite jobs delete import_job_f5trj0n0jhzfa --yes
    """
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.cli.remote_jobs import path_of

    path = path_of(job_id)
    confirm(f"Delete {job_id}?", yes=yes)
    run(lambda client: client.delete(path))
    print_result(f"deleted {job_id}", {"id": job_id, "deleted": True})


@jobs.command("report")
@click.argument("job_id", metavar="ID")
@_output_option("ID-errors.csv")
@_force_option
def save_report(job_id: str, target: Path | None, force: bool) -> None:
    """Save the refused rows and warnings of an import as a CSV file.

    The file has the columns of the imported file, then the line, column, code and message of each error. Correct
    the rows and import the file with `--like ID`. The report of an undo has the people that it skipped.

    \b
    Examples:
      mailrith-lite jobs report import_job_f5trj0n0jhzfa -o refused.csv
      mailrith-lite import refused.csv --like import_job_f5trj0n0jhzfa
    """
    from mailrith_lite.cli import follow

    _check_target(target, force=force)
    run(lambda client: follow.save_report(client, job_id, target, force=force))


@jobs.command("undo")
@click.argument("job_id", metavar="ID")
@yes_option
def undo_import(job_id: str, yes: bool) -> None:
    """Undo an import or a bulk change.

    Deletes the people that an import created, and puts back what it changed in others. Says what it would do, and
    asks. Skips people who have been changed since.

    \b
    Examples:
      mailrith-lite jobs undo import_job_f5trj0n0jhzfa
      mailrith-lite jobs undo bulk_job_f5trj0n0jhzfa --yes
    """
    from mailrith_lite.cli.follow import follow_undo
    from mailrith_lite.cli.http_client import new_idempotency_key
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.cli.remote_jobs import describe_undo, kind_of, preview_undo, submit_undo
    from mailrith_lite.jobs.kinds import BULK_CHANGE

    if kind_of(job_id) == BULK_CHANGE:
        _undo_bulk_change(job_id, yes=yes)
        return
    result = run(lambda client: preview_undo(client, job_id))
    if not yes or not output.current().as_json:
        print_result(f"This would be the result: {describe_undo(result)}", result)
    confirm(f"Undo {job_id}?", yes=yes)

    async def work(client: "ApiClient") -> None:
        await follow_undo(client, await submit_undo(client, job_id, key=new_idempotency_key()))

    run(work)


def _undo_bulk_change(job_id: str, *, yes: bool) -> None:
    from mailrith_lite.cli.follow import follow_bulk_change
    from mailrith_lite.cli.http_client import new_idempotency_key
    from mailrith_lite.cli.remote_bulk_changes import submit_undo
    from mailrith_lite.cli.remote_jobs import Job, path_of

    job = run(lambda client: client.get(path_of(job_id), Job))
    people = 0 if job.progress is None else job.progress.changed_count
    confirm(f"Undo {job_id}, which has changed {people:,} {'person' if people == 1 else 'people'}?", yes=yes)

    async def work(client: "ApiClient") -> None:
        await follow_bulk_change(client, await submit_undo(client, job_id, key=new_idempotency_key()))

    run(work)


def _check_target(path: Path | None, *, force: bool) -> None:
    """Called before the export starts.

    Raises:
        StartError: no file can be written there.
    """
    from mailrith_lite.cli.download import check_free

    if path is None:
        return
    if str(path) == "-":
        if output.current().as_json:
            raise click.UsageError("--json and -o - both print on stdout; leave out one of them")
        return
    if path.is_dir():
        raise StartError(f"{path} is a directory; name a file")
    if not path.parent.is_dir():
        raise StartError(f"cannot write {path}: there is no directory {path.parent}")
    check_free(path, force=force)


def _row(job: "Job") -> tuple[str, ...]:
    return job.kind.name, job.id, job.status, job.counts, job.created_at


def _short_row(job: "Job") -> tuple[str, ...]:
    return job.id, job.status, job.short_counts, job.created_at[:16].replace("T", " ")


def _fields(job: "Job") -> list[tuple[str, str]]:
    """(name, value); an empty value where the job has none."""
    selection = job.selection or {}
    return [
        ("id", job.id),
        ("kind", job.kind.name),
        ("status", job.status),
        ("error", job.error_message or ""),
        ("counts", job.counts),
        ("dry run", "yes" if job.dry_run else ""),
        ("selection", ", ".join(f"{name} {value}" for name, value in selection.items() if value)),
        ("file", job.file_name or ""),
        ("download", job.download_url or ""),
        ("expires", job.expires_at or ""),
        ("report", job.error_report_url or job.report_url or ""),
        ("created", job.created_at),
        ("started", job.started_at or ""),
        ("completed", job.completed_at or ""),
    ]


COMMANDS = (export, jobs)
