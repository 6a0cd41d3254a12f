"""/v1/jobs/subscriber-import-uploads: a file that is handed over in a browser, or by a PUT, and imported later."""

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.api import codec, resources
from mailrith_lite.api.call import Call
from mailrith_lite.http.addresses import base_address
from mailrith_lite.imports import records
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.imports.uploads.upload_table import Upload, UploadStatus

PATH = "/v1/jobs/subscriber-import-uploads"
LINK_PATH = "/uploads/{workspace_id}/{upload_id}"


class ImportUpload(msgspec.Struct, frozen=True, kw_only=True):
    """`upload_url` is in the answer that starts it, and in no other."""

    id: str
    self_: str = msgspec.field(name="self")
    status: UploadStatus
    upload_url: str | None
    file_name: str | None
    size_bytes: int | None
    encoding: str | None
    headers: list[str]
    row_count: int | None
    import_job_id: str | None
    expires_at: str
    uploaded_at: str | None
    queued_at: str | None


async def start_upload(call: Call) -> web.StreamResponse:
    """Start a subscriber import upload

    `upload_url` opens a page where a person chooses a CSV file; a `PUT` of the file to the same address does it,
    too. The link is the permission: it needs no key. Nothing is imported before a job names the upload.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        upload = await call.services.uploads.start(connection, call.workspace_id, clock.now())
    found = shown(upload, upload_url=upload_url(call, upload))
    return codec.json_response(codec.data(found), status=201, headers={"Location": found.self_})


async def get_upload(call: Call) -> web.StreamResponse:
    """Get a subscriber import upload

    `Pending` until the file has come, then `Ready` until `expires_at`, and `Queued` once a job has taken it.
    """
    async with call.database.read() as connection:
        upload = await resources.find(call, connection, ids.UPLOAD, upload_table.select_upload)
    if upload.expired(clock.now()):
        raise errors.NotFound(
            "This upload has expired; start a new one.",
            code="upload_not_found",
            reason="upload_expired",
            resource=(ids.UPLOAD, upload.public_id),
        )
    return codec.json_response(codec.data(shown(upload)))


def upload_url(call: Call, upload: Upload) -> str:
    """The absolute, signed address where the file is handed over."""
    path = LINK_PATH.format(workspace_id=ids.encode(ids.WORKSPACE, upload.workspace_id), upload_id=upload.public_id)
    expires = upload.expires_at // clock.SECOND
    signature = call.services.upload_links.sign(path, expires)
    return f"{base_address(call.services, call.request)}{path}?expires={expires}&signature={signature}"


def shown(upload: Upload, *, upload_url: str | None = None) -> ImportUpload:
    job = upload.import_job_id
    return ImportUpload(
        id=upload.public_id,
        self_=f"{PATH}/{upload.public_id}",
        status=upload.status,
        upload_url=upload_url,
        file_name=upload.file_name,
        size_bytes=upload.size_bytes,
        encoding=upload.encoding,
        headers=records.own_names(upload.header),
        row_count=upload.row_count,
        import_job_id=None if job is None else ids.encode(ids.IMPORT_JOB, job),
        expires_at=clock.rfc3339(upload.expires_at),
        uploaded_at=clock.optional_rfc3339(upload.uploaded_at),
        queued_at=clock.optional_rfc3339(upload.queued_at),
    )
