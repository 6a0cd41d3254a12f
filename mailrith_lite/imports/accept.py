"""Accept an import: its order is checked, and its source file is on the disk, before the job is queued."""

import asyncio
import contextlib
import functools
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from mailrith_lite import clock, disk, errors, ids
from mailrith_lite.audience import custom_fields, listed_ids, sequences, tags
from mailrith_lite.audience.values import FieldType
from mailrith_lite.database import Connection, Database
from mailrith_lite.imports import dry_run_table, import_table, like, mapping, new_fields, records, spool
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.layout import read_layout
from mailrith_lite.imports.like import Earlier
from mailrith_lite.imports.mapping import Column, Mapping
from mailrith_lite.imports.options import ImportOptions
from mailrith_lite.imports.records import Layout
from mailrith_lite.imports.uploads import encoding_names, originals, upload_table, usable
from mailrith_lite.imports.uploads.upload_store import UploadStore
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job

_BLOCK = 1 << 20


class ImportOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks for, not checked yet. It has a `csv_text` or an `upload_id`.

    `csv_text`: the JSON string literal, quotes included. `upload_source`: the upload must still have this file;
    None takes the file that it has. `dry_run`: the job reports what the import would do, and changes nothing.
    `like`: the id of an import, from which this one takes over what is None here.
    """

    csv_text: memoryview | None = None
    upload_id: str | None = None
    upload_source: str | None = None
    mappings: list[Mapping] | None = None
    new_tag_name: str | None = None
    existing_tag_ids: list[str] | None = None
    sequence_ids: list[str] | None = None
    dry_run: bool = False
    options: ImportOptions = ImportOptions()
    like: str | None = None


class PreparedImport:
    """A checked import with its source file on the disk."""

    def __init__(
        self,
        workspace_id: int,
        plan: ImportPlan,
        upload: Upload | None,
        *,
        dry_run: bool,
        parent_job_id: int | None,
    ) -> None:
        """`upload`: the source is its file."""
        self._workspace_id = workspace_id
        self._upload = upload
        self._dry_run = dry_run
        self._parent_job_id = parent_job_id
        self.plan = plan
        self.inserted = False

    async def insert(self, connection: Connection, request_id: str, *, max_queued: int, now: int) -> Job:
        """Queues the job in the caller's transaction. The job takes the file of the upload; a dry run leaves it.

        Raises:
            InvalidRequest: the workspace has no such tag, sequence or custom field, or the upload has a newer file.
            Conflict: another job has taken the upload.
            QueueFull: too many jobs wait.
        """
        await _check_known(connection, self._workspace_id, self.plan)
        job = await queue.insert_job(
            connection,
            self._workspace_id,
            IMPORT,
            request_id,
            max_queued=max_queued,
            now=now,
            dry_run=self._dry_run,
            parent_job_id=self._parent_job_id,
        )
        await import_table.insert_import(connection, job.id, self.plan)
        if self._upload is not None:
            await self._take(connection, self._upload, job, now)
        self.inserted = True
        return job

    async def _take(self, connection: Connection, upload: Upload, job: Job, now: int) -> None:
        saved = await upload_table.select_upload(connection, self._workspace_id, upload.id)
        if usable.check_usable(saved, now).source != upload.source:
            raise usable.replaced()
        if self._dry_run:
            await dry_run_table.insert_dry_run(connection, job.id, upload)
        else:
            await upload_table.update_queued(connection, upload, job.id, now)


@contextlib.asynccontextmanager
async def prepared(
    order: ImportOrder, *, workspace_id: int, database: Database, uploads: UploadStore, directory: Path
) -> AsyncIterator[PreparedImport]:
    """The import, to be inserted in a transaction that ends before the context does; `directory` gets its source.

    At the end an upload's file is deleted if the import has taken it, and the source if nothing was inserted.

    Raises:
        InvalidRequest, InvalidBody: the error names the field that must change.
        Conflict: another job has taken the upload, or the import that this one is like is not finished.
    """
    earlier = Earlier()
    if order.like is not None:  # else the import waits for no reader
        async with database.read() as connection:
            earlier = await like.select_earlier(connection, workspace_id, order.like)
    order = _completed(order, earlier)
    upload = None if order.upload_id is None else await _select_usable(database, workspace_id, order)
    write = _source_writer(order, upload, uploads)
    try:
        plan = await asyncio.to_thread(_plan, order, earlier, directory, write)
    except errors.InvalidRequest:
        if upload is not None:  # if a job has just taken the upload, or it has a newer file, that is the reason
            newest = await _select_usable(database, workspace_id, order)
            if newest.source != upload.source:
                raise usable.replaced() from None
        raise
    source = directory / plan.source
    prepared = PreparedImport(workspace_id, plan, upload, dry_run=order.dry_run, parent_job_id=earlier.job_id)
    try:
        yield prepared
    except Exception:  # not a cancellation, which may follow the commit: the next start deletes what no job names
        await disk.remove(source)
        raise
    if not prepared.inserted:
        await disk.remove(source)
    elif upload is not None and not order.dry_run:
        await uploads.remove(upload)


def _completed(order: ImportOrder, earlier: Earlier) -> ImportOrder:
    """With the mappings, the new tag and the options of the earlier import where the order has none."""
    options = order.options
    return msgspec.structs.replace(
        order,
        mappings=earlier.mappings if order.mappings is None else order.mappings,
        new_tag_name=earlier.new_tag_name if order.new_tag_name is None else order.new_tag_name,
        options=msgspec.structs.replace(
            options,
            status=options.status or earlier.status,
            invalid_cells=options.invalid_cells or earlier.invalid_cells,
        ),
    )


async def _select_usable(database: Database, workspace_id: int, order: ImportOrder) -> Upload:
    number = ids.decode(ids.UPLOAD, order.upload_id or "") or 0
    async with database.read() as connection:
        saved = await upload_table.select_upload(connection, workspace_id, number)
    upload = usable.check_usable(saved, clock.now())
    if order.upload_source not in (None, upload.source):
        raise usable.replaced()
    return upload


def _source_writer(order: ImportOrder, upload: Upload | None, uploads: UploadStore) -> Callable[[Path], Layout]:
    """A function that makes the source file at a path and gives its layout."""
    if upload is None:
        return functools.partial(_write_text, order)
    file = uploads.path(upload)
    assert file is not None
    return functools.partial(_link_upload, order, upload, file, uploads.limit)


def _plan(order: ImportOrder, earlier: Earlier, directory: Path, write: Callable[[Path], Layout]) -> ImportPlan:
    """Checks the order and writes the source file; leaves none on an error. Blocking: run it in a thread."""
    new_tag_name = order.new_tag_name and tags.clean_name(order.new_tag_name, "new_tag_name")
    if order.new_tag_name == "":
        raise errors.InvalidRequest("new_tag_name takes 1 to 100 characters.", field="new_tag_name")
    tag_ids, sequence_ids = earlier.tag_ids, earlier.sequence_ids
    if order.existing_tag_ids is not None:
        tag_ids = listed_ids.decode(ids.TAG, order.existing_tag_ids, "existing_tag_ids")
    if order.sequence_ids is not None:
        sequence_ids = listed_ids.decode(ids.SEQUENCE, order.sequence_ids, "sequence_ids")
    source = directory / f"{secrets.token_hex(16)}.csv"
    try:
        layout = write(source)
        return ImportPlan(
            source=source.name,
            layout=layout,
            columns=mapping.resolve(layout.names, order.mappings or []),
            tag_ids=tag_ids,
            sequence_ids=sequence_ids,
            new_tag_name=new_tag_name,
            options=order.options,
        )
    except BaseException:
        source.unlink(missing_ok=True)
        raise


def _write_text(order: ImportOrder, source: Path) -> Layout:
    assert order.csv_text is not None
    for name in ("encoding", "file"):
        if getattr(order.options, name) is not None:
            raise errors.InvalidRequest(f"{name} goes with upload_id; leave it out with csv_text.", field=name)
    try:
        spool.write_source(order.csv_text, source)
        layout = _read_layout(order, source)
    except records.BrokenFile as error:
        raise _invalid_text(f"csv_text cannot be read: {error}.") from None
    if not records.has_row(source, layout):
        raise _invalid_text("csv_text has no row after its header; add the rows to import.", "no_data_row")
    return layout


def _read_layout(order: ImportOrder, source: Path) -> Layout:
    names = [mapping.csv_column for mapping in order.mappings or []]
    return read_layout(source, names, header=order.options.header, delimiter=order.options.delimiter)


def _invalid_text(message: str, reason: str | None = None) -> errors.InvalidRequest:
    return errors.InvalidRequest(message, code="invalid_csv_text", field="csv_text", reason=reason)


def _link_upload(order: ImportOrder, upload: Upload, file: Path, limit: int, source: Path) -> Layout:
    """The upload keeps its file: the source is a second name of it, or a copy where hard links are not possible."""
    analyzed = _is_analyzed_file(order, upload)
    if analyzed:
        _link(file, source)
    else:
        _write_original(order, upload, file, source, limit)
    try:
        layout = _read_layout(order, source)
    except records.BrokenFile as error:
        raise usable.broken(str(error)) from None
    # The upload's own count is for the layout that it was analyzed with.
    if not (upload.row_count if analyzed and layout == upload.layout else records.has_row(source, layout)):
        raise usable.without_rows()
    return layout


def _is_analyzed_file(order: ImportOrder, upload: Upload) -> bool:
    """Whether the request means the file, in the encoding, that the upload shows.

    Raises:
        InvalidRequest: it does not say which file of an archive, or how to read bytes that are not UTF-8.
    """
    name = originals.choose_file(upload.origin, order.options.file)
    if name is not None and name != upload.origin.files[0].name:
        return False
    if order.options.encoding is None:
        originals.check_lines(upload.origin.wrong_lines)
        return True
    return encoding_names.public(originals.find_encoding(order.options.encoding)) == upload.encoding


def _write_original(order: ImportOrder, upload: Upload, file: Path, source: Path, limit: int) -> None:
    options = order.options
    encoding = None if options.encoding is None else originals.find_encoding(options.encoding)
    name = originals.choose_file(upload.origin, options.file)
    try:
        originals.write_text(file, name, encoding, source, scratch=source.with_suffix(".body"), limit=limit)
    except FileNotFoundError:
        raise usable.missing() from None
    disk.sync_directory(source.parent)


def _link(file: Path, source: Path) -> None:
    try:
        source.hardlink_to(file)
    except FileNotFoundError:
        raise usable.missing() from None
    except OSError:
        _copy(file, source)
    disk.sync_directory(source.parent)


def _copy(file: Path, source: Path) -> None:
    try:
        with file.open("rb") as original, disk.create_private(source) as copy:
            shutil.copyfileobj(original, copy, _BLOCK)
            disk.sync_file(copy)
    except FileNotFoundError:
        raise usable.missing() from None


async def _check_known(connection: Connection, workspace_id: int, plan: ImportPlan) -> None:
    fields = await custom_fields.select_all_custom_fields(connection, workspace_id)
    _check_custom_fields(plan.columns, {field.id: field.type for field in fields})
    await new_fields.check(connection, workspace_id, plan.columns)
    known_tags = await tags.select_known_tag_ids(connection, workspace_id, plan.tag_ids)
    listed_ids.check(plan.tag_ids, known_tags, "existing_tag_ids", "tag")
    known_sequences = await sequences.select_known_sequence_ids(connection, workspace_id, plan.sequence_ids)
    listed_ids.check(plan.sequence_ids, known_sequences, "sequence_ids", "sequence")


def _check_custom_fields(columns: Sequence[Column], types: dict[int, FieldType]) -> None:
    """`types`: of the workspace's custom fields, by their integer ids."""
    for position, column in enumerate(columns):
        path = f"mappings[{position}]"
        if column.custom_field_id is not None:
            if column.custom_field_id not in types:
                raise mapping.unknown_custom_field(path)
            mapping.check_format(column.format, types[column.custom_field_id], f"{path}.format")
