"""Commands that speak to a running service over HTTP: import, export, jobs."""

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
    from mailrith_lite.cli.http_client import Service
    from mailrith_lite.cli.remote_jobs import Job

T = TypeVar("T")


def _with_service(work: Callable[["Service"], Awaitable[T]]) -> T:
    from mailrith_lite.cli.http_client import connect

    async def run() -> T:
        async with connect(settings.load_client(os.environ)) as service:
            return await work(service)

    return asyncio.run(run())


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="may be given several times  [guessed]")
@click.option("--tag", "tags", multiple=True, metavar="NAME", help="for every row; made if it is not there")
@click.option("--sequence", "sequence_ids", multiple=True, metavar="ID", help="for every row")
@click.option("--dry-run", is_flag=True, help="only say what would become of every row; change nothing")
@click.option("--idempotency-key", metavar="K", help="the same key and file again make no second job  [random]")
def import_file(
    file: Path,
    maps: tuple[str, ...],
    tags: tuple[str, ...],
    sequence_ids: tuple[str, ...],
    dry_run: bool,
    idempotency_key: str | None,
) -> None:
    """Import subscribers from a CSV file, and show what became of its rows.

    FIELD is a field of the subscriber, such as email or status, or the label or id of a custom field. Without --map
    the header suggests the fields.
    A long file, one packed with gzip, and one in an older encoding go as an upload.
    Exits 0 when the file was read to its end, also when rows were refused, and 1 when the import failed.

    \b
    Examples:
      mailrith-lite import subscribers.csv --tag "Spring fair"
      mailrith-lite import list.csv --map "E-Mail=email" --map "Firm=Company"
      mailrith-lite import list.csv --dry-run
    """
    from mailrith_lite.cli import follow, send_file
    from mailrith_lite.cli.http_client import Refused
    from mailrith_lite.cli.remote_jobs import new_key, submit_import

    if idempotency_key is not None and not re.fullmatch(r"[ -~]{1,255}", idempotency_key):
        raise click.UsageError("--idempotency-key takes 1 to 255 printable ASCII characters")
    key = idempotency_key or new_key()

    async def work(service: "Service") -> None:
        source = await send_file.prepare(service, file)
        mappings = await follow.mappings(service, file, source.columns, maps)
        submit = functools.partial(submit_import, tags=tags, sequence_ids=sequence_ids, dry_run=dry_run, key=key)
        try:
            job = await submit(service, source, mappings)
        except Refused as refusal:
            if refusal.code != "payload_too_large" or source.uploaded:
                raise
            job = await submit(service, await send_file.upload(service, file), mappings)
        await follow.finish_import(service, job, file.name)

    _with_service(work)


@click.command()
@click.option("--status", metavar="STATUS", help="subscribers of this status only, such as Active")
@click.option("--query", metavar="Q", help="those whose email or name holds this")
@click.option("--cold-only", is_flag=True, help="those who have not opened anything for long")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="- for stdout  [the job's name]"
)
def export(status: str | None, query: str | None, cold_only: bool, output: Path | None) -> None:
    """Export subscribers to a CSV file.

    \b
    Examples:
      mailrith-lite export
      mailrith-lite export --status Active -o active.csv
    """
    from mailrith_lite.cli.follow import finish_export
    from mailrith_lite.cli.remote_jobs import new_key, submit_export

    _check_target(output)
    selection = {"query": query, "status": _status(status), "cold_only": cold_only}

    async def work(service: "Service") -> None:
        job = await submit_export(service, selection, key=new_key())
        await finish_export(service, job, output)

    _with_service(work)


@click.group()
def jobs() -> None:
    """List imports and exports, look at one, cancel one.

    \b
    Example:
      mailrith-lite jobs list
    """


@jobs.command("list")
@click.option("--limit", type=click.IntRange(1), default=25, help="how many, the newest first  [25]")
def list_jobs(limit: int) -> None:
    """Show the newest imports and exports.

    \b
    Example:
      mailrith-lite jobs list --limit 100
    """
    from mailrith_lite.cli.printing import print_table

    found = _with_service(lambda service: _newest(service, limit))
    print_table(
        ("kind", "id", "status", "counts", "created"),
        [(job.kind.name, job.id, job.status, job.counts, job.created_at) for job in found],
    )


@jobs.command("show")
@click.argument("job_id", metavar="ID")
def show_job(job_id: str) -> None:
    """Show everything about a job.

    \b
    Example:
      mailrith-lite jobs show import_job_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.printing import print_fields
    from mailrith_lite.cli.remote_jobs import Job, path_of

    path = path_of(job_id)
    print_fields(_fields(_with_service(lambda service: service.get(path, Job))))


@jobs.command("cancel")
@click.argument("job_id", metavar="ID")
def cancel_job(job_id: str) -> None:
    """Stop a job. Rows that an import has applied already stay.

    \b
    Example:
      mailrith-lite jobs cancel import_job_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.remote_jobs import Job, path_of

    path = path_of(job_id)
    job = _with_service(lambda service: service.post(f"{path}/cancel", Job))
    click.echo(f"canceled {job.id}" + (f" ({job.counts})" if job.counts else ""))


def _status(text: str | None) -> str | None:
    from mailrith_lite.audience import values

    try:
        return None if text is None else values.status(text)
    except values.Refused as refusal:
        raise click.UsageError(f"--status: {refusal.message}") from refusal


def _check_target(path: Path | None) -> None:
    """Before any work is done for it.

    Raises:
        StartError: nothing can be written there.
    """
    if path is None or str(path) == "-":
        return
    if path.is_dir():
        raise StartError(f"{path} is a directory; name a file")
    if not path.parent.is_dir():
        raise StartError(f"cannot write {path}: there is no directory {path.parent}")


async def _newest(service: "Service", limit: int) -> list["Job"]:
    """Of imports and exports together; of those alone that the key may see."""
    from mailrith_lite.cli.http_client import Refused
    from mailrith_lite.cli.remote_jobs import Job
    from mailrith_lite.jobs.kinds import KINDS

    found: list[Job] = []
    refusals: list[Refused] = []
    for kind in KINDS:
        try:
            found += await _first(service, kind.path, limit)
        except Refused as refusal:
            if refusal.code != "insufficient_scope":
                raise
            refusals.append(refusal)
    if len(refusals) == len(KINDS):
        raise refusals[0]
    return sorted(found, key=lambda job: job.created_at, reverse=True)[:limit]


async def _first(service: "Service", path: str, limit: int) -> list["Job"]:
    from mailrith_lite.cli.remote_jobs import Job

    jobs: list[Job] = []
    async for job in service.listed(path, Job):
        jobs.append(job)
        if len(jobs) == limit:
            break
    return jobs


def _fields(job: "Job") -> list[tuple[str, str]]:
    """(name, value as a person reads it); blank where there is none."""
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
