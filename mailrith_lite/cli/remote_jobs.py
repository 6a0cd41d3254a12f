"""Jobs over HTTP: submit one, wait for its end, list them."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import msgspec

from mailrith_lite.cli.client_errors import Refused, Unreachable
from mailrith_lite.cli.http_client import ApiClient, Document, read_as
from mailrith_lite.errors import StartError
from mailrith_lite.imports.undo.undo_preview import UndoPreview
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, KINDS, UNDO, JobKind

_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0  # seconds between polls; the service's Retry-After is one


class Interrupted(StartError):
    """The user has ended the command, and work in the service continues."""

    code = "stopped"
    exit_code = 130


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job of any kind, or a list's summary of one. Members of the other kind are None."""

    id: str
    status: str
    created_at: str
    updated_at: str
    started_at: str | None = None
    completed_at: str | None = None
    error_message: str | None = None
    imported_count: int | None = None
    dry_run: bool = False
    progress: Progress | None = None
    error_report_url: str | None = None
    selection: dict[str, Any] | None = None
    exported_count: int | None = None
    file_name: str | None = None
    download_url: str | None = None
    expires_at: str | None = None
    report_url: str | None = None

    @property
    def kind(self) -> JobKind:
        return kind_of(self.id)

    @property
    def final(self) -> bool:
        return self.status in ("Completed", "Failed")

    @property
    def done(self) -> int | None:
        """How many rows or people the job has done."""
        if self.progress is None:
            return self.exported_count
        people = self.progress
        if self.kind == UNDO:
            return people.restored_count + people.deleted_count + people.skipped_count
        if self.kind == BULK_CHANGE:
            return people.changed_count + people.unchanged_count + people.skipped_count
        return people.rows_processed

    @property
    def counts(self) -> str:
        """The counts in words; empty when the job has none yet."""
        if self.kind == EXPORT:
            return "" if self.exported_count is None else f"{self.exported_count:,} exported"
        if self.kind == UNDO and self.progress is not None:
            return describe_undo(self.progress)
        if self.kind == BULK_CHANGE and self.progress is not None:
            return _describe_change(self.progress)
        if self.progress is not None:
            return _describe(self.progress, final=self.final, dry_run=self.dry_run)
        return "" if self.imported_count is None else f"{self.imported_count:,} imported"

    @property
    def short_counts(self) -> str:
        """`counts` without the results that are zero, for a narrow table."""
        return without_zeros(self.counts)

    @property
    def reported_count(self) -> int:
        """How many rows the error report has."""
        return 0 if self.progress is None else self.progress.rejected_count + self.progress.warning_count


def job_of(document: Document) -> Job:
    """
    Raises:
        StartError: the API describes no job so.
    """
    return read_as(document, Job)


def without_zeros(counts: str) -> str:
    """`5 rows: 0 created, 5 updated` becomes `5 rows: 5 updated`."""
    head, colon, results = counts.rpartition(": ")
    kept = ", ".join(part for part in results.split(", ") if not part.startswith("0 "))
    return f"{head}{colon}{kept}" if kept else head or results


def _describe(progress: Progress, *, final: bool, dry_run: bool) -> str:
    done, total = progress.rows_processed, progress.rows_total
    rows = f"{done:,}" if final or total is None else f"{done:,} of {total:,}"
    results = (
        f"{progress.created_count:,} created",
        f"{progress.updated_count:,} updated",
        f"{progress.unchanged_count:,} unchanged",
        f"{progress.rejected_count:,} refused",
        f"{progress.warning_count:,} warning{'' if progress.warning_count == 1 else 's'}",
    )
    noun = "row" if rows == "1" else "rows"
    return f"{rows} {noun}{'; would have been' if dry_run else ''}: {', '.join(results)}"


def _describe_change(people: Progress) -> str:
    return (
        f"{people.changed_count:,} changed, {people.unchanged_count:,} unchanged, {people.skipped_count:,} skipped"
    )


def describe_undo(people: UndoPreview | Progress) -> str:
    return (
        f"{people.restored_count:,} restored, {people.deleted_count:,} deleted, "
        f"{people.skipped_count:,} skipped because they have been changed since"
    )


async def preview_undo(client: ApiClient, import_id: str) -> UndoPreview:
    """What the undo of the import would do now.

    Raises:
        StartError: this is not the id of an import.
        Unreachable, Refused
    """
    return await client.get(f"{_undo_path(import_id)}/preview", UndoPreview)


async def submit_undo(client: ApiClient, import_id: str, *, key: str) -> Job:
    """
    Raises:
        Unreachable, Refused
    """
    return await client.post(_undo_path(import_id), Job, key=key)


def _undo_path(import_id: str) -> str:
    if kind_of(import_id) != IMPORT:
        raise StartError(f"{import_id} is not the id of an import or a bulk change: only these can be undone")
    return f"{path_of(import_id)}/undo"


def kind_of(job_id: str) -> JobKind:
    """
    Raises:
        StartError: this is not a job's id.
    """
    for kind in KINDS:
        if re.fullmatch(rf"{kind.id_prefix}_[A-Za-z0-9_-]+", job_id):
            return kind
    prefixes = " or ".join(f"{kind.id_prefix}_" for kind in KINDS)
    raise StartError(f"{job_id} is not a job's id: such an id begins with {prefixes}")


def path_of(job_id: str) -> str:
    """
    Raises:
        StartError: this is not a job's id.
    """
    return f"{kind_of(job_id).path}/{job_id}"


async def submit_import(client: ApiClient, body: dict[str, Any], *, key: str) -> Job:
    """
    Raises:
        Unreachable, Refused
    """
    return await client.post(IMPORT.path, Job, body, key=key)


async def submit_export(client: ApiClient, selection: dict[str, Any], *, key: str) -> Job:
    """
    Raises:
        Unreachable, Refused
    """
    return await client.post(EXPORT.path, Job, selection, key=key)


async def wait_for_end(client: ApiClient, job: Job, show: Callable[[Job], None]) -> Job:
    """Polls the job until it is final, and calls `show` with each state.

    Raises:
        Unreachable, Interrupted: the job continues; the message names the command that waits for it.
    """
    wait = _FIRST_WAIT
    try:
        while not job.final:
            show(job)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            job = await client.get(path_of(job.id), Job)
    except asyncio.CancelledError:  # Ctrl-C
        raise Interrupted(f"stopped; the job continues; to follow it: mailrith-lite jobs wait {job.id}") from None
    except Unreachable as error:
        advice = f"once it is back, follow the job with: mailrith-lite jobs wait {job.id}"
        raise Unreachable(f"{error}; {advice}", delivered=True) from error
    show(job)
    return job


async def newest_jobs(client: ApiClient, limit: int) -> list[Document]:
    """The newest jobs of all kinds that the key may read, as the API has them.

    Raises:
        Unreachable
        Refused: the key may read no kind of job.
    """
    jobs: list[Document] = []
    refusals: list[Refused] = []
    for kind in KINDS:
        try:
            jobs += await client.list_first(kind.path, Document, limit)
        except Refused as refusal:
            if refusal.code != "insufficient_scope":
                raise
            refusals.append(refusal)
    if len(refusals) == len(KINDS):
        raise refusals[0]
    return sorted(jobs, key=lambda job: job_of(job).created_at, reverse=True)[:limit]
