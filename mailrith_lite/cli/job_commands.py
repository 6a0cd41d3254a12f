"""The commands `import`, `export` and `jobs …`. They use the HTTP API of a running service."""

import asyncio
import functools
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from mailrith_lite import settings
from mailrith_lite.errors import StartError

if TYPE_CHECKING:
    from mailrith_lite.cli.http_client import ApiClient
    from mailrith_lite.cli.remote_jobs import Job

T = TypeVar("T")


def _run(work: Callable[["ApiClient"], Awaitable[T]]) -> T:
    """Runs `work` with a client made from the environment."""
    from mailrith_lite.cli.http_client import connect

    async def run() -> T:
        async with connect(settings.load_client(os.environ)) as client:
            return await work(client)

    return asyncio.run(run())


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="may be repeated  [guessed]")
@click.option(
    "--tag", "tags", multiple=True, metavar="NAME", help="for every row; created if missing; may be repeated"
)
@click.option("--sequence", "sequence_ids", multiple=True, metavar="ID", help="for every row; may be repeated")
@click.option("--dry-run", is_flag=True, help="print the result of every row, but change nothing")
@click.option(
    "--idempotency-key", metavar="K", help="a repeated command with the same key makes no second job  [random]"
)
def import_file(
    file: Path,
    maps: tuple[str, ...],
    tags: tuple[str, ...],
    sequence_ids: tuple[str, ...],
    dry_run: bool,
    idempotency_key: str | None,
) -> None:
    """Import subscribers from a CSV file, and print the result.

    FIELD is a field of the subscriber, such as email or status, or the label or id of a custom field. Without --map
    the header suggests the fields. A missing tag is created.
    A file that is large, compressed with gzip, or not in UTF-8 or UTF-16 is sent as an upload.
    The exit code is 0 when the file was read to its end, even if rows were refused; it is 1 when the import failed.

    \b
    Examples:
      mailrith-lite import subscribers.csv --tag "Spring fair"
      mailrith-lite import list.csv --map "E-Mail=email" --map "Firm=Company"
      mailrith-lite import list.csv --dry-run
    """
    from mailrith_lite.cli import send_file
    from mailrith_lite.cli.follow import follow_import
    from mailrith_lite.cli.http_client import Refused, new_idempotency_key
    from mailrith_lite.cli.map_option import read_mappings
    from mailrith_lite.cli.remote_jobs import submit_import

    if idempotency_key is not None and not re.fullmatch(r"[ -~]{1,255}", idempotency_key):
        raise click.UsageError("--idempotency-key takes 1 to 255 printable ASCII characters")
    key = idempotency_key or new_idempotency_key()

    async def work(client: "ApiClient") -> None:
        source = await send_file.prepare(client, file)
        mappings = await read_mappings(client, file, source.columns, maps)
        submit = functools.partial(submit_import, tags=tags, sequence_ids=sequence_ids, dry_run=dry_run, key=key)
        try:
            job = await submit(client, source, mappings)
        except Refused as refusal:
            if refusal.code != "request_body_too_large" or source.uploaded:
                raise
            job = await submit(client, await send_file.upload(client, file), mappings)
        await follow_import(client, job, file.name)

    _run(work)


@click.command()
@click.option("--status", metavar="STATUS", help="only subscribers of this status, such as Active")
@click.option("--query", metavar="Q", help="only subscribers with this text in the email or name")
@click.option("--cold-only", is_flag=True, help="only subscribers who have opened no email for a long time")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="- for stdout  [the file name of the job]",
)
def export(status: str | None, query: str | None, cold_only: bool, output: Path | None) -> None:
    """Export subscribers to a CSV file.

    \b
    Examples:
      mailrith-lite export
      mailrith-lite export --status Active -o active.csv
    """
    from mailrith_lite.cli.follow import follow_export
    from mailrith_lite.cli.http_client import new_idempotency_key
    from mailrith_lite.cli.remote_jobs import submit_export

    _check_output(output)
    selection = {"query": query, "status": _status(status), "cold_only": cold_only}

    async def work(client: "ApiClient") -> None:
        job = await submit_export(client, selection, key=new_idempotency_key())
        await follow_export(client, job, output)

    _run(work)


@click.group()
def jobs() -> None:
    """List, show and cancel imports and exports.

    \b
    Example:
      mailrith-lite jobs list
    """


@jobs.command("list")
@click.option("--limit", type=click.IntRange(1), default=25, help="how many jobs  [25]")
def list_jobs(limit: int) -> None:
    """List the newest imports and exports.

    \b
    Example:
      mailrith-lite jobs list --limit 100
    """
    from mailrith_lite.cli.printing import print_table
    from mailrith_lite.cli.remote_jobs import newest_jobs

    print_table(
        ("kind", "id", "status", "counts", "created"),
        [
            (job.kind.name, job.id, job.status, job.counts, job.created_at)
            for job in _run(lambda client: newest_jobs(client, limit))
        ],
    )


@jobs.command("show")
@click.argument("job_id", metavar="ID")
def show_job(job_id: str) -> None:
    """Show all fields of a job.

    \b
    Example:
      mailrith-lite jobs show import_job_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.printing import print_fields
    from mailrith_lite.cli.remote_jobs import Job, path_of

    path = path_of(job_id)
    print_fields(_fields(_run(lambda client: client.get(path, Job))))


@jobs.command("cancel")
@click.argument("job_id", metavar="ID")
def cancel_job(job_id: str) -> None:
    """Cancel a job. The rows that an import has written stay.

    \b
    Example:
      mailrith-lite jobs cancel import_job_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.remote_jobs import Job, path_of

    path = path_of(job_id)
    job = _run(lambda client: client.post(f"{path}/cancel", Job))
    click.echo(f"canceled {job.id}" + (f" ({job.counts})" if job.counts else ""))


def _status(text: str | None) -> str | None:
    from mailrith_lite.audience import values

    try:
        return None if text is None else values.status(text)
    except values.Refused as refusal:
        raise click.UsageError(f"--status: {refusal.message}") from refusal


def _check_output(path: Path | None) -> None:
    """Called before the export starts.

    Raises:
        StartError: no file can be written there.
    """
    if path is None or str(path) == "-":
        return
    if path.is_dir():
        raise StartError(f"{path} is a directory; name a file")
    if not path.parent.is_dir():
        raise StartError(f"cannot write {path}: there is no directory {path.parent}")


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
        ("report", job.error_report_url or ""),
        ("created", job.created_at),
        ("started", job.started_at or ""),
        ("completed", job.completed_at or ""),
    ]


COMMANDS = (import_file, export, jobs)
