"""The table `uploads`: received files, until a job takes them or they expire."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from mailrith_lite import ids
from mailrith_lite.database import Connection, Row, by_name
from mailrith_lite.imports import column_names
from mailrith_lite.imports.records import Layout
from mailrith_lite.imports.uploads.originals import Origin
from mailrith_lite.imports.uploads.survey import FileFacts

UploadStatus = Literal["Pending", "Ready", "Queued"]

_names_decoder = msgspec.json.Decoder(list[str])
_origin_decoder = msgspec.json.Decoder(Origin)
_facts_decoder = msgspec.json.Decoder(FileFacts)


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read to its end. `size_bytes`, `encoding`: as the client sent it."""

    source: str
    file_name: str
    size_bytes: int
    encoding: str
    layout: Layout
    row_count: int
    facts: FileFacts
    origin: Origin


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: the file's name in the uploads directory, while a job can take it. `facts`: None before there is a
    file, and for a file that an older version received."""

    id: int
    workspace_id: int
    source: str | None
    file_name: str | None
    size_bytes: int | None
    encoding: str | None
    layout: Layout | None
    row_count: int | None
    facts: FileFacts | None
    origin: Origin
    import_job_id: int | None
    created_at: int
    expires_at: int
    uploaded_at: int | None
    queued_at: int | None

    @property
    def public_id(self) -> str:
        return ids.encode(ids.UPLOAD, self.id)

    @property
    def status(self) -> UploadStatus:
        if self.queued_at is not None:
            return "Queued"
        return "Pending" if self.uploaded_at is None else "Ready"

    @property
    def columns(self) -> list[str]:
        """The names of the columns, without those of an error report."""
        return [] if self.layout is None else column_names.without_report_columns(self.layout.names)

    def expired(self, now: int) -> bool:
        """An upload that a job has taken does not expire."""
        return self.queued_at is None and self.expires_at <= now


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """`ready`: the number of uploads with a file that no job has taken. `pending`: the number without a file.
    `…_until`: when the first of them expires; 0 if there is none."""

    ready: int
    pending: int
    ready_until: int
    pending_until: int


def _from_row(row: Row) -> Upload:
    values: dict[str, Any] = by_name(row)
    facts, origin = values.pop("facts"), values.pop("origin")
    delimiter, header_line, header = (values.pop(name) for name in ("delimiter", "header_line", "header"))
    return Upload(
        layout=None
        if delimiter is None
        else Layout(delimiter=delimiter, header_line=header_line, names=_names_decoder.decode(header)),
        origin=Origin() if origin is None else _origin_decoder.decode(origin),
        facts=None if facts is None else _facts_decoder.decode(facts),
        **values,
    )


async def insert_upload(connection: Connection, workspace_id: int, *, expires_at: int, now: int) -> Upload:
    rows = await connection.execute_fetchall(
        "INSERT INTO uploads (workspace_id, created_at, expires_at) VALUES (?, ?, ?) RETURNING *",
        (workspace_id, now, expires_at),
    )
    return _from_row(next(iter(rows)))


async def select_upload(connection: Connection, workspace_id: int, upload_id: int) -> Upload | None:
    rows = await connection.execute_fetchall(
        "SELECT * FROM uploads WHERE workspace_id = ? AND id = ?", (workspace_id, upload_id)
    )
    return next(map(_from_row, rows), None)


async def select_file_names(connection: Connection, workspace_id: int, job_ids: Iterable[int]) -> dict[int, str]:
    """Job's integer id -> the name of the upload's file. Jobs without an upload are left out."""
    rows = await connection.execute_fetchall(
        """SELECT import_job_id, file_name FROM uploads INDEXED BY uploads_by_job
        WHERE import_job_id IN (SELECT value FROM json_each(?)) AND workspace_id = ?""",
        (msgspec.json.encode(list(job_ids)).decode(), workspace_id),
    )
    return {row["import_job_id"]: row["file_name"] for row in rows}


async def select_waiting(connection: Connection, workspace_id: int, now: int) -> Waiting:
    rows = await connection.execute_fetchall(
        """SELECT count(source) AS ready, count(*) - count(source) AS pending,
            ifnull(min(expires_at) FILTER (WHERE source IS NOT NULL), 0) AS ready_until,
            ifnull(min(expires_at) FILTER (WHERE source IS NULL), 0) AS pending_until
        FROM uploads WHERE queued_at IS NULL AND expires_at > ? AND workspace_id = ?""",
        (now, workspace_id),
    )
    return Waiting(**by_name(next(iter(rows))))


async def select_waiting_sources(connection: Connection, workspace_id: int, but_of: int) -> list[str]:
    """The files that no job has taken, also of expired uploads. `but_of`: the upload whose file is left out."""
    rows = await connection.execute_fetchall(
        """SELECT source FROM uploads
        WHERE workspace_id = ? AND queued_at IS NULL AND source IS NOT NULL AND id <> ?""",
        (workspace_id, but_of),
    )
    return [row["source"] for row in rows]


async def update_ready(
    connection: Connection, upload: Upload, contents: Contents, *, expires_at: int, now: int
) -> Upload:
    """Replaces an earlier file. Call it for an upload that no job has taken."""
    rows = await connection.execute_fetchall(
        """UPDATE uploads SET source = :source, file_name = :file_name, size_bytes = :size_bytes,
            encoding = :encoding, delimiter = :delimiter, header_line = :header_line, header = :names,
            row_count = :row_count, facts = :facts_json, origin = :origin, uploaded_at = :now,
            expires_at = max(expires_at, :expires_at)
        WHERE workspace_id = :workspace_id AND id = :id RETURNING *""",
        {
            "source": contents.source,
            "file_name": contents.file_name,
            "size_bytes": contents.size_bytes,
            "encoding": contents.encoding,
            "row_count": contents.row_count,
            "delimiter": contents.layout.delimiter,
            "header_line": contents.layout.header_line,
            "names": msgspec.json.encode(contents.layout.names).decode(),
            "origin": msgspec.json.encode(contents.origin).decode(),
            "facts_json": msgspec.json.encode(contents.facts).decode(),
            "workspace_id": upload.workspace_id,
            "id": upload.id,
            "expires_at": expires_at,
            "now": now,
        },
    )
    return _from_row(next(iter(rows)))


async def update_queued(connection: Connection, upload: Upload, job_id: int, now: int) -> None:
    """Call it when the job has its own source file."""
    await connection.execute(
        """UPDATE uploads SET source = NULL, facts = NULL, import_job_id = ?, queued_at = ?
        WHERE workspace_id = ? AND id = ?""",
        (job_id, now, upload.workspace_id, upload.id),
    )


async def delete_pending(connection: Connection, upload: Upload) -> None:
    """Deletes the upload unless it has a file."""
    await connection.execute(
        "DELETE FROM uploads WHERE workspace_id = ? AND id = ? AND uploaded_at IS NULL",
        (upload.workspace_id, upload.id),
    )


async def delete_unused(connection: Connection, upload: Upload) -> None:
    """Deletes the upload unless a job has taken it."""
    await connection.execute(
        "DELETE FROM uploads WHERE workspace_id = ? AND id = ? AND queued_at IS NULL",
        (upload.workspace_id, upload.id),
    )


async def select_sources(connection: Connection) -> set[str]:
    """The files of every workspace's uploads."""
    rows = await connection.execute_fetchall("SELECT source FROM uploads WHERE source IS NOT NULL")
    return {row["source"] for row in rows}


async def select_any_expired(connection: Connection, now: int, before: int) -> bool:
    """Whether an expired upload still has its file, or one expired before `before`."""
    rows = await connection.execute_fetchall(
        """SELECT EXISTS (SELECT 1 FROM uploads WHERE queued_at IS NULL
            AND (expires_at < :before OR (expires_at <= :now AND source IS NOT NULL)))""",
        {"now": now, "before": before},
    )
    return bool(next(iter(rows))[0])


async def select_expired(connection: Connection, now: int) -> dict[int, str]:
    """Upload's integer id -> its file, of expired uploads that still have one."""
    rows = await connection.execute_fetchall(
        "SELECT id, source FROM uploads WHERE queued_at IS NULL AND expires_at <= ? AND source IS NOT NULL", (now,)
    )
    return {row["id"]: row["source"] for row in rows}


async def update_removed(connection: Connection, sources: Mapping[int, str]) -> None:
    """`sources`: as `select_expired` gives them. An upload that has another file by now keeps it."""
    await connection.execute(
        """UPDATE uploads SET source = NULL, facts = NULL
        WHERE (id, source) IN (SELECT CAST(key AS INTEGER), value FROM json_each(?))""",
        (msgspec.json.encode(sources).decode(),),
    )


async def delete_expired(connection: Connection, before: int) -> None:
    """Deletes the uploads that no job took and that expired before `before`."""
    await connection.execute("DELETE FROM uploads WHERE queued_at IS NULL AND expires_at < ?", (before,))


async def delete_of_job(connection: Connection, job_id: int) -> None:
    """Deletes the upload that the import has taken."""
    await connection.execute("DELETE FROM uploads WHERE import_job_id = ?", (job_id,))


async def delete_uploads(connection: Connection, workspace_id: int) -> list[str]:
    """Deletes every upload of the workspace, also those that jobs refer to. Returns the files that they had."""
    rows = await connection.execute_fetchall(
        "DELETE FROM uploads WHERE workspace_id = ? RETURNING source", (workspace_id,)
    )
    return [row["source"] for row in rows if row["source"] is not None]
