"""/v1/jobs/subscriber-import-uploads: a file that arrives through a browser or a PUT, for a later import."""

from typing import Any, ClassVar

import msgspec

from mailrith_lite import clock, errors, ids
from mailrith_lite.api import codec, example, resources
from mailrith_lite.api.call import Call
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.responses import Created, Data
from mailrith_lite.api.route import refuses
from mailrith_lite.database import Connection
from mailrith_lite.http.addresses import base_address
from mailrith_lite.http.signed_links import sign_path
from mailrith_lite.imports import column_names
from mailrith_lite.imports.uploads import limits, upload_table
from mailrith_lite.imports.uploads.analysis import Analysis, select_analysis
from mailrith_lite.imports.uploads.upload_table import Upload, UploadStatus
from mailrith_lite.jobs.kinds import IMPORT

PATH = "/v1/jobs/subscriber-import-uploads"
LINK_PATH = "/uploads/{workspace_id}/{upload_id}"


class ImportUpload(msgspec.Struct, frozen=True, kw_only=True):
    """`upload_url`: only in the response that starts the upload. `analysis`: what the file proposes, after it has
    arrived; the mappings of an import can be its `proposal`s."""

    id: str
    self_: str = msgspec.field(name="self")
    status: UploadStatus
    upload_url: str | None
    file_name: str | None
    size_bytes: int | None
    encoding: str | None
    headers: list[str]
    row_count: int | None
    analysis: Analysis | None
    import_job_id: str | None
    expires_at: str
    uploaded_at: str | None
    queued_at: str | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "id": ids.encode(ids.UPLOAD, 1),
        "self": f"{PATH}/{ids.encode(ids.UPLOAD, 1)}",
        "status": "Pending",
        "upload_url": example.signed("uploads", ids.encode(ids.UPLOAD, 1)),
        **dict.fromkeys(("file_name", "size_bytes", "encoding", "row_count", "analysis", "import_job_id")),
        "headers": [],
        "expires_at": "2025-04-11T13:00:00.000Z",
        **dict.fromkeys(("uploaded_at", "queued_at")),
    }


@refuses(limits.too_many_ready(1_800), limits.too_many_pending(1_800))
async def start_upload(call: Call) -> Created[ImportUpload]:
    """Start a subscriber import upload

    `upload_url` opens a page where a person chooses a CSV file. A program can `PUT` the file to the same address.
    The link needs no key. Nothing is imported before a job names the upload.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        upload = await call.services.uploads.start(connection, call.workspace_id, clock.now())
    resource = _resource(upload, None, upload_url=upload_url(call, upload))
    return Created(Answer(status=201, body=codec.data(resource), location=resource.self_))


async def get_upload(call: Call) -> Data[ImportUpload]:
    """Get a subscriber import upload

    `Pending` until the file has arrived, then `Ready` until `expires_at`, and `Queued` after a job has taken it.
    """
    async with call.database.read() as connection:
        upload = await resources.find(call, connection, ids.UPLOAD, upload_table.select_upload)
        resource = await select_resource(connection, upload)
    if upload.expired(clock.now()):
        raise errors.NotFound(
            "This upload has expired; start a new one.",
            code="subscriber_import_upload_not_found",
            reason="upload_expired",
            resource=("subscriber_import_upload", upload.public_id),
        )
    return Data(resource)


def upload_url(call: Call, upload: Upload) -> str:
    """The absolute, signed address that takes the file."""
    path = LINK_PATH.format(workspace_id=ids.encode(ids.WORKSPACE, upload.workspace_id), upload_id=upload.public_id)
    signed = sign_path(call.services.upload_links, path, call.principal, upload.expires_at)
    return base_address(call.services, call.request) + signed


async def select_resource(connection: Connection, upload: Upload) -> ImportUpload:
    """With its analysis, which proposes the custom fields that the workspace has now."""
    return _resource(upload, await select_analysis(connection, upload))


def _resource(upload: Upload, analysis: Analysis | None, *, upload_url: str | None = None) -> ImportUpload:
    job = upload.import_job_id
    return ImportUpload(
        id=upload.public_id,
        self_=f"{PATH}/{upload.public_id}",
        status=upload.status,
        upload_url=upload_url,
        file_name=upload.file_name,
        size_bytes=upload.size_bytes,
        encoding=upload.encoding,
        headers=column_names.shown(upload.columns),
        row_count=upload.row_count,
        analysis=analysis,
        import_job_id=None if job is None else IMPORT.encode(job),
        expires_at=clock.rfc3339(upload.expires_at),
        uploaded_at=clock.optional_rfc3339(upload.uploaded_at),
        queued_at=clock.optional_rfc3339(upload.queued_at),
    )
