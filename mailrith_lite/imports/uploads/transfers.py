"""The transfers of files: at most one for an upload, and a few for a workspace at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.imports.uploads.upload_table import Upload

_RETRY_AFTER = 5  # seconds


class _Transfer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """`scope`: the transfer runs in this timeout, which ends it when it is rescheduled."""

    workspace_id: int
    scope: asyncio.Timeout


class Transfers:
    """The transfers of this process that run now."""

    def __init__(self, most: int) -> None:
        """`most`: of one workspace at a time."""
        self._most = most
        self._by_upload: dict[int, _Transfer] = {}

    @contextlib.asynccontextmanager
    async def admit(self, upload: Upload) -> AsyncIterator[None]:
        """Runs a transfer. A newer one for the same upload ends it: its client may have disappeared.

        Raises:
            QueueFull: the workspace has too many transfers.
            Conflict: a newer transfer for the upload has begun.
        """
        before = self._by_upload.get(upload.id)
        if before is not None:
            before.scope.reschedule(0)
        elif sum(other.workspace_id == upload.workspace_id for other in self._by_upload.values()) >= self._most:
            raise errors.QueueFull(
                f"{self._most:,} files of this workspace arrive or are read; send this one when one is done.",
                reason="transfers",
                retry_after=_RETRY_AFTER,
            )
        try:
            async with asyncio.timeout(None) as scope, self._registered(upload, scope):
                yield
        except TimeoutError:
            if not scope.expired():
                raise
            raise errors.Conflict(
                "A newer transfer for this upload has begun; this one was stopped.",
                code="upload_superseded",
                resource=(ids.UPLOAD, upload.public_id),
            ) from None

    @contextlib.asynccontextmanager
    async def _registered(self, upload: Upload, scope: asyncio.Timeout) -> AsyncIterator[None]:
        transfer = _Transfer(workspace_id=upload.workspace_id, scope=scope)
        self._by_upload[upload.id] = transfer
        try:
            yield
        finally:
            if self._by_upload.get(upload.id) is transfer:
                del self._by_upload[upload.id]
