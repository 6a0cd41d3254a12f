"""Accept a request: all that can be known from it is checked before the 202."""

import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mailrith_lite import disk, errors, ids
from mailrith_lite.audience import custom_fields, sequences, tags
from mailrith_lite.database import Connection
from mailrith_lite.imports import dry_run_table, import_table, mapping, records, spool
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import Column, Mapping
from mailrith_lite.imports.records import Header
from mailrith_lite.imports.uploads import upload_store, upload_table
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.queue import Job

MAX_LISTED = 100
_BLOCK = 1 << 20


class ImportOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a request wants done with its rows. `dry_run`: it wants to be told only."""

    mappings: list[Mapping]
    new_tag_name: str | None = None
    existing_tag_ids: list[str] = []
    sequence_ids: list[str] = []
    dry_run: bool = False


def is_ours(file_name: str) -> bool:
    """Is it the name of a source, of a body that was being received, or of what a dry run has noted down?"""
    return re.fullmatch(r"[0-9a-f]{32}\.(?:csv|body|dry)", file_name) is not None


def prepare(literal: memoryview, order: ImportOrder, directory: Path) -> ImportPlan:
    """Writes the source file and checks the order against it. Blocking: run it in a thread.

    `literal` is the JSON string literal of `csv_text`. On any error no file is left.

    Raises:
        InvalidBody, InvalidJson: naming the field that must be changed.
    """

    def write(path: Path) -> Header:
        try:
            spool.write_source(literal, path)
            return records.read_header(path)
        except records.BrokenFile as error:
            raise errors.InvalidBody(f"csv_text cannot be read: {error}.", field="csv_text") from None

    return _plan(order, directory, write)


def prepare_upload(upload: Upload, path: Path, order: ImportOrder, directory: Path) -> ImportPlan:
    """The same for the file of an upload, which was read already: it stays where it is, and gets a second name.

    Raises:
        InvalidBody
    """
    header = Header(delimiter=upload.delimiter or "", names=upload.header)

    def link(source_path: Path) -> Header:
        try:
            _link(path, source_path)
        except FileNotFoundError:
            raise upload_store.replaced() from None
        return header

    return _plan(order, directory, link)


def _plan(order: ImportOrder, directory: Path, write: Callable[[Path], Header]) -> ImportPlan:
    """`write`: makes the source file, and tells its header."""
    new_tag_name = order.new_tag_name and tags.clean_name(order.new_tag_name, "new_tag_name")
    if order.new_tag_name == "":
        raise errors.InvalidBody("new_tag_name takes 1 to 100 characters.", field="new_tag_name")
    tag_ids = _decoded(ids.TAG, order.existing_tag_ids, "existing_tag_ids")
    sequence_ids = _decoded(ids.SEQUENCE, order.sequence_ids, "sequence_ids")
    path = directory / f"{secrets.token_hex(16)}.csv"
    try:
        header = write(path)
        return ImportPlan(
            source=path.name,
            delimiter=header.delimiter,
            header=header.names,
            columns=mapping.resolve(header.names, order.mappings),
            tag_ids=tag_ids,
            sequence_ids=sequence_ids,
            new_tag_name=new_tag_name,
        )
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _link(path: Path, target: Path) -> None:
    """A second name for the file, or a copy where the file system knows no second names."""
    try:
        target.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:
        with path.open("rb") as file, disk.create_private(target) as copy:
            shutil.copyfileobj(file, copy, _BLOCK)
            disk.sync_file(copy)
    disk.sync_directory(target.parent)


def discard(plan: ImportPlan, directory: Path) -> None:
    """Deletes the source of a plan that did not become a job."""
    (directory / plan.source).unlink(missing_ok=True)


async def insert(
    connection: Connection,
    workspace_id: int,
    plan: ImportPlan,
    request_id: str,
    *,
    max_queued: int,
    now: int,
    upload: Upload | None = None,
    dry_run: bool = False,
) -> Job:
    """Queues the job in the caller's transaction. An `upload` is used up by it, but not by a dry run.

    Raises:
        InvalidBody: a tag, sequence or custom field is not one of this workspace, or the upload has changed.
        Conflict: another job has taken the upload.
        QueueFull: too many jobs wait.
    """
    await _check_known(connection, workspace_id, plan)
    job = await queue.insert_job(
        connection, workspace_id, "import", request_id, max_queued=max_queued, now=now, dry_run=dry_run
    )
    await import_table.insert_import(connection, job.id, plan)
    if upload is not None:
        saved = upload_store.check_usable(
            await upload_table.select_upload(connection, workspace_id, upload.id), now
        )
        if saved.source != upload.source:
            raise upload_store.replaced()
        if dry_run:
            await dry_run_table.insert_dry_run(connection, job.id, saved)
        else:
            await upload_table.update_queued(connection, upload, job.id, now)
    return job


async def _check_known(connection: Connection, workspace_id: int, plan: ImportPlan) -> None:
    fields = await custom_fields.select_all_custom_fields(connection, workspace_id)
    _check_custom_fields(plan.columns, {field.id for field in fields})
    known_tags = await tags.select_known_tag_ids(connection, workspace_id, plan.tag_ids)
    _check_listed(plan.tag_ids, known_tags, "existing_tag_ids", "tag")
    known_sequences = await sequences.select_known_sequence_ids(connection, workspace_id, plan.sequence_ids)
    _check_listed(plan.sequence_ids, known_sequences, "sequence_ids", "sequence")


def _check_custom_fields(columns: Sequence[Column], known: set[int]) -> None:
    for position, column in enumerate(columns):
        if column.custom_field_id is not None and column.custom_field_id not in known:
            raise mapping.unknown_custom_field(f"mappings[{position}]")


def _check_listed(numbers: Sequence[int], known: set[int], field: str, resource: str) -> None:
    for position, number in enumerate(numbers):
        if number not in known:
            raise _unknown(field, position, resource)


def _decoded(prefix: str, public_ids: Sequence[str], field: str) -> list[int]:
    """The integers, in order; -1 would be a lie, so an id of another form is refused here."""
    if len(public_ids) > MAX_LISTED:
        raise errors.InvalidBody(f"{field} takes at most {MAX_LISTED} ids.", field=field)
    numbers = []
    for position, public_id in enumerate(public_ids):
        number = ids.decode(prefix, public_id)
        if number is None:
            raise _unknown(field, position, prefix)
        numbers.append(number)
    return numbers


def _unknown(field: str, position: int, resource: str) -> errors.InvalidBody:
    return errors.InvalidBody(
        f"There is no {resource} with this id in the workspace.",
        field=f"{field}[{position}]",
        reason=f"{resource}_not_found",
    )
