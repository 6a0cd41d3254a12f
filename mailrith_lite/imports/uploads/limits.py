"""How many uploads a workspace may have at a time."""

from mailrith_lite import clock, errors
from mailrith_lite.database import Connection
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.imports.uploads.upload_table import Upload

MAX_READY = 100
"""Uploads with a file that no job has taken."""
MAX_PENDING = 1_000
"""Uploads without a file."""


async def check_new_upload(connection: Connection, workspace_id: int, now: int) -> None:
    """
    Raises:
        QueueFull: the workspace has too many uploads that no job has taken.
    """
    waiting = await upload_table.select_waiting(connection, workspace_id, now)
    if waiting.ready >= MAX_READY:
        raise too_many_ready(_seconds_until(waiting.ready_until, now))
    if waiting.pending >= MAX_PENDING:
        raise too_many_pending(_seconds_until(waiting.pending_until, now))


async def check_bytes(
    connection: Connection, upload: Upload, kept: int, *, coming: int, most: int, now: int
) -> None:
    """`kept`: bytes of the workspace's files that no job has taken. `coming`: bytes of another one.

    Raises:
        QueueFull: together they exceed `most`.
    """
    if kept + coming > most:
        waiting = await upload_table.select_waiting(connection, upload.workspace_id, now)
        raise too_many_bytes(most, _seconds_until(waiting.ready_until, now))


async def check_new_file(connection: Connection, upload: Upload, now: int) -> None:
    """A file that replaces another one is always allowed.

    Raises:
        QueueFull: the workspace has too many files that no job has taken.
    """
    if upload.source is not None:
        return
    waiting = await upload_table.select_waiting(connection, upload.workspace_id, now)
    if waiting.ready >= MAX_READY:
        raise too_many_ready(_seconds_until(waiting.ready_until, now))


def too_many_pending(retry_after: int) -> errors.QueueFull:
    return errors.QueueFull(
        f"{MAX_PENDING:,} uploads of this workspace wait for their file; use their links, or wait until "
        "the first expires.",
        retry_after=retry_after,
    )


def too_many_bytes(most: int, retry_after: int) -> errors.QueueFull:
    return errors.QueueFull(
        f"The files of this workspace that wait for their import may take {most:,} bytes; import some, or wait "
        "until the first expires.",
        code="upload_space_full",
        retry_after=retry_after,
    )


def too_many_ready(retry_after: int) -> errors.QueueFull:
    return errors.QueueFull(
        f"{MAX_READY} files of this workspace wait for their import; import them, or wait until the first expires.",
        retry_after=retry_after,
    )


def _seconds_until(moment: int, now: int) -> int:
    """Rounded up, and at least 1."""
    return max(1, -((now - moment) // clock.SECOND))
