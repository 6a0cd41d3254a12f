"""Whether a job can take the file of an upload."""

from mailrith_lite import errors, ids
from mailrith_lite.imports.uploads.upload_table import Upload

RESOURCE = "subscriber_import_upload"
"""An upload in the codes and details of errors."""


def check_unused(upload: Upload) -> None:
    """
    Raises:
        Conflict: a job has taken the file.
    """
    if upload.queued_at is not None:
        raise already_used(upload.public_id)


def check_usable(upload: Upload | None, now: int) -> Upload:
    """
    Raises:
        InvalidRequest: the upload does not exist, has expired, or has no file yet.
        Conflict: a job has taken the file.
    """
    if upload is None:
        raise _unusable("There is no upload with this id in the workspace.", "not_found")
    check_unused(upload)
    if upload.expired(now):
        raise _unusable("This upload has expired; start a new one.", "not_found", reason="upload_expired")
    if upload.source is None:
        raise _unusable("This upload has no file yet; try again when its status is Ready.", "not_ready")
    return upload


def already_used(public_id: str) -> errors.Conflict:
    return errors.Conflict(
        "This upload was used for an import already; start a new upload.",
        code="upload_already_used",
        resource=(ids.UPLOAD, public_id),
    )


def replaced() -> errors.InvalidRequest:
    return _unusable("This upload has just received a newer file; send the request again.", "not_ready")


def missing() -> errors.InvalidRequest:
    """The upload has a file, and the file is not on the disk."""
    return _unusable("The file of this upload is not there any more; start a new upload.", "missing")


def broken(reason: str) -> errors.InvalidRequest:
    """The file cannot be read as the request says."""
    return errors.InvalidRequest(
        f"The file of this upload cannot be read: {reason}.", code="invalid_csv_text", field="upload_id"
    )


def without_rows() -> errors.InvalidRequest:
    return errors.InvalidRequest(
        "The file of this upload has no row after its header; upload a file with the rows to import.",
        code="invalid_csv_text",
        field="upload_id",
        reason="no_data_row",
    )


def _unusable(message: str, code: str, *, reason: str | None = None) -> errors.InvalidRequest:
    return errors.InvalidRequest(
        message,
        code=f"subscriber_import_upload_{code}",
        field="upload_id",
        reason=reason,
    )
