"""Who may hand a file over at this moment: one transfer for an upload, and a few for a workspace."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.imports.uploads.upload_table import Upload

MAX_AT_ONCE = 4
_RETRY_AFTER = 5  # seconds


class _Transfer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """`scope`: what it runs in, and ends with."""

    workspace_id: int
    scope: asyncio.Timeout


class Transfers:
    """The transfers that are under way."""

    def __init__(self) -> None:
        self._by_upload: dict[int, _Transfer] = {}

    @contextlib.asynccontextmanager
    async def admit(self, upload: Upload) -> AsyncIterator[None]:
        """A newer transfer for the same upload ends this one, whose client may be gone without a word.

        Raises:
            QueueFull: the workspace has many under way.
            Conflict: a newer one has begun.
        """
        before = self._by_upload.get(upload.id)
        if before is not None:
            before.scope.reschedule(0)
        elif sum(other.workspace_id == upload.workspace_id for other in self._by_upload.values()) >= MAX_AT_ONCE:
            raise errors.QueueFull(
                f"{MAX_AT_ONCE} files of this workspace are arriving; send this one when one of them is done.",
                retry_after=_RETRY_AFTER,
            )
        try:
            async with asyncio.timeout(None) as scope, self._listed(upload, scope):
                yield
        except TimeoutError:
            if not scope.expired():
                raise
            raise errors.Conflict(
                "A newer transfer for this upload has begun, and this one was ended.",
                code="upload_superseded",
                resource=(ids.UPLOAD, upload.public_id),
            ) from None

    @contextlib.asynccontextmanager
    async def _listed(self, upload: Upload, scope: asyncio.Timeout) -> AsyncIterator[None]:
        transfer = _Transfer(workspace_id=upload.workspace_id, scope=scope)
        self._by_upload[upload.id] = transfer
        try:
            yield
        finally:
            if self._by_upload.get(upload.id) is transfer:
                del self._by_upload[upload.id]
