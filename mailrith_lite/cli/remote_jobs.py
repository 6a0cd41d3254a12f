"""Jobs over HTTP: submit one, follow it to its end, fetch what came of it."""

import asyncio
import codecs
import contextlib
import csv
import io
import os
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from mailrith_lite.cli.http_client import Refused, Service, Unreachable
from mailrith_lite.cli.send_file import Source
from mailrith_lite.errors import StartError
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.jobs.kinds import EXPORT, IMPORT, KINDS, JobKind
from mailrith_lite.jobs.queue import Progress

REPORTED_ROWS = 20
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0  # seconds; the service's Retry-After is one


def fates(progress: Progress) -> str:
    """What became of the rows, in words."""
    counts = (
        f"{progress.created_count:,} created",
        f"{progress.updated_count:,} updated",
        f"{progress.unchanged_count:,} unchanged",
        f"{progress.rejected_count:,} refused",
        f"{progress.warning_count:,} warning{'' if progress.warning_count == 1 else 's'}",
    )
    return ", ".join(counts)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """An import or an export, and a list's summary of one: what the other has is None."""

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

    @property
    def kind(self) -> JobKind:
        return kind_of(self.id)

    @property
    def final(self) -> bool:
        return self.status in ("Completed", "Failed")

    @property
    def counts(self) -> str:
        if self.kind == EXPORT:
            return "" if self.exported_count is None else f"{self.exported_count:,} exported"
        if self.progress is not None:
            done, total = self.progress.rows_processed, self.progress.rows_total
            counted = f"{done:,}" if self.final or total is None else f"{done:,} of {total:,}"
            noun = "row" if counted == "1" else "rows"
            told = f"{noun}; would have been" if self.dry_run else noun
            return f"{counted} {told}: {fates(self.progress)}"
        return "" if self.imported_count is None else f"{self.imported_count:,} imported"

    @property
    def reported_count(self) -> int:
        """How many rows the error report has."""
        return 0 if self.progress is None else self.progress.rejected_count + self.progress.warning_count


class Named(msgspec.Struct, frozen=True):
    """A tag, or a custom field, whose `label` is its name."""

    id: str
    name: str = ""
    label: str = ""


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


def new_key() -> str:
    """An idempotency key: a submission that is tried again makes one job."""
    return f"cli-{secrets.token_hex(16)}"


async def submit_import(
    service: Service,
    source: Source,
    mappings: Sequence[Mapping],
    *,
    tags: Sequence[str] = (),
    sequence_ids: Sequence[str] = (),
    dry_run: bool = False,
    key: str,
) -> Job:
    """
    Raises:
        Unreachable: saying how to send it again without importing twice.
        Refused
    """
    again = f"send it again with --idempotency-key {key} and nothing is imported twice"
    if source.uploaded:  # sent again it would be another upload
        again = "see `mailrith-lite jobs list` before you send it again"
    body = {
        "mappings": mappings,
        "sequence_ids": sequence_ids,
        **await _tagging(service, tags, dry_run=dry_run),
        **({"dry_run": True} if dry_run else {}),
        **source.body,
    }
    try:
        return await service.post(IMPORT.path, Job, body, key=key)
    except asyncio.CancelledError:  # Ctrl-C
        click.echo(f"Perhaps it was accepted already; {again}", err=True)
        raise
    except Unreachable as error:
        if not error.delivered:
            raise
        raise Unreachable(f"{error}; {again}", delivered=True) from error


async def submit_export(service: Service, selection: dict[str, Any], *, key: str) -> Job:
    """
    Raises:
        Unreachable, Refused
    """
    return await service.post(EXPORT.path, Job, selection, key=key)


async def custom_fields(service: Service) -> dict[str, str]:
    """Label -> id."""
    return {field.label: field.id async for field in service.listed("/v1/custom-fields", Named)}


async def follow(service: Service, job: Job, show: Callable[[Job], None]) -> Job:
    """Waits for the job's end, and shows every state on the way.

    Raises:
        Unreachable: the job goes on without us; the message says how to look after it.
    """
    wait = _FIRST_WAIT
    try:
        while not job.final:
            show(job)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            job = await service.get(path_of(job.id), Job)
    except asyncio.CancelledError:  # Ctrl-C
        click.echo(f"The job goes on; look after it with: mailrith-lite jobs show {job.id}", err=True)
        raise
    except Unreachable as error:
        later = f"once it is back, look after the job with: mailrith-lite jobs show {job.id}"
        raise Unreachable(f"{error}; {later}", delivered=True) from error
    show(job)
    return job


async def reported_rows(service: Service, url: str) -> list[tuple[str, ...]]:
    """(line, column, code, message) of an error report's first rows: no more of it is read."""
    rows: list[tuple[str, ...]] = []
    async with contextlib.aclosing(_records(service.stream(url))) as records:
        await anext(records, None)  # the header
        async for cells in records:
            rows.append(tuple(cells[-4:]))
            if len(rows) == REPORTED_ROWS:
                break
    return rows


async def download(service: Service, url: str, file: BinaryIO) -> int:
    """Returns how many bytes it wrote."""
    size = 0
    async for block in service.stream(url):
        file.write(block)
        size += len(block)
    return size


async def download_to(service: Service, url: str, path: Path) -> int:
    """The file has its name only when it is whole. Returns how many bytes it has."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            size = await download(service, url, file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return size


async def _tagging(service: Service, names: Sequence[str], *, dry_run: bool) -> dict[str, Any]:
    """The API makes one new tag by its name; of several, those that are not there are made first.

    A dry run makes none. One stands for all that are not there: whoever lacks one of them lacks them all.
    """
    if not names:
        return {}
    if len({_key(name) for name in names}) == 1:
        return {"new_tag_name": names[0]}
    known = {_key(tag.name): tag.id async for tag in service.listed("/v1/tags", Named)}
    if dry_run:
        there = list(dict.fromkeys(known[_key(name)] for name in names if _key(name) in known))
        missing = next((name for name in names if _key(name) not in known), None)
        return {"existing_tag_ids": there, "new_tag_name": missing}
    for name in names:
        if _key(name) not in known:
            known[_key(name)] = await _create_tag(service, name)
    return {"existing_tag_ids": list(dict.fromkeys(known[_key(name)] for name in names))}


async def _create_tag(service: Service, name: str) -> str:
    try:
        return (await service.post("/v1/tags", Named, {"name": name}, key=new_key())).id
    except Refused as refusal:
        if refusal.code == "tag_name_taken":  # somebody made it a moment ago
            async for tag in service.listed("/v1/tags", Named):
                if _key(tag.name) == _key(name):
                    return tag.id
        raise


def _key(name: str) -> str:
    return name.strip().casefold()


async def _records(blocks: AsyncIterator[bytes]) -> AsyncGenerator[list[str]]:
    """Rows as csv.writer writes them: a line end ends the row when every quote before it is closed.

    Raises:
        StartError: this is no such file.
    """
    held = io.StringIO(newline="")
    inside = False
    async for line in _lines(blocks):
        held.write(line)
        inside ^= line.count('"') % 2 == 1
        if not inside:
            try:
                yield next(csv.reader(io.StringIO(held.getvalue(), newline="")))
            except csv.Error as error:
                raise StartError(f"the error report cannot be shown: {error}") from error
            held = io.StringIO(newline="")


async def _lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces: list[str] = []
    async for block in blocks:
        first, *others = decoder.decode(block).split("\n")
        pieces.append(first)
        for other in others:
            yield "".join(pieces) + "\n"
            pieces = [other]
