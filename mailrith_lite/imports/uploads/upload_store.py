"""The files of uploads, in a directory of their own.

A file gets its final name when it is complete, and only then the row of its upload names it. So after a crash the
upload has a complete file or none, and of two transfers for one upload the later one counts.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec

from mailrith_lite import clock, disk, errors
from mailrith_lite.database import Connection, Database, requester
from mailrith_lite.imports.uploads import archives, limits, originals, receiver, upload_table, usable
from mailrith_lite.imports.uploads.preview import Preview, read_preview
from mailrith_lite.imports.uploads.receiver import Receiver
from mailrith_lite.imports.uploads.transfers import Transfers
from mailrith_lite.imports.uploads.upload_table import Contents, Upload

_DELETED_AFTER = clock.DAY
"""Until then the API says of an expired upload that it has expired; later, that it does not exist."""


class Unpacked(msgspec.Struct, frozen=True, kw_only=True):
    """`refused`: the names of files in an archive that are not CSV files."""

    uploads: list[Upload]
    refused: list[str]


class UploadStore:
    def __init__(
        self, database: Database, directory: Path, *, limit: int, ttl: int, transfers: int, kept_bytes: int
    ) -> None:
        """`limit`: bytes of a file, also decompressed. `ttl`: seconds.

        `transfers`, `kept_bytes`: the most transfers at a time, and bytes of files that no job has taken, of one
        workspace.
        """
        self._database = database
        self._directory = directory
        self._ttl = ttl * clock.SECOND
        self._kept_bytes = kept_bytes
        self._transfers = Transfers(transfers)
        self._receiver = Receiver(limit)

    async def close(self) -> None:
        """Call it after the last request."""
        await self._receiver.close()

    @property
    def limit(self) -> int:
        return self._receiver.limit

    async def start(self, connection: Connection, workspace_id: int, now: int) -> Upload:
        """Inserts an upload that waits for its file, in the caller's transaction.

        Raises:
            QueueFull: the workspace has too many uploads that no job has taken.
        """
        await limits.check_new_upload(connection, workspace_id, now)
        return await upload_table.insert_upload(connection, workspace_id, expires_at=now + self._ttl, now=now)

    def path(self, upload: Upload) -> Path | None:
        """None for an upload without a file."""
        return None if upload.source is None else self._directory / upload.source

    async def store(self, upload: Upload, pieces: AsyncIterator[bytes], file_name: str) -> Upload:
        """Receives the file and makes the upload Ready; its lifetime starts again. On an error nothing changes.

        Raises:
            PayloadTooLarge, UnsupportedMediaType, InvalidFile: the text says what must change.
            Conflict: a job has taken an earlier file of this upload, or a newer transfer has begun.
            QueueFull: the workspace has too many transfers at this moment, too many files, or too many bytes.
            NotFound: the upload was deleted.
            ClientLeft: nobody waits for the answer any more.
        """
        async with self._database.read() as connection:
            await limits.check_new_file(connection, upload, clock.now())
            await self._check_bytes(connection, upload, 1)
        path = self._directory / f"{secrets.token_hex(16)}.csv"
        try:
            client = requester.current()
            async with self._transfers.admit(upload), client.bounded(None) if client else contextlib.nullcontext():
                contents = await self._receiver.receive(
                    pieces, path, workspace_id=upload.workspace_id, file_name=file_name
                )
        except BaseException:
            await self._discard(path)
            raise
        try:
            replaced, stored = await self._make_ready(upload, contents)
        except Exception:  # not a cancellation, which may follow the commit: the next start sweeps the directory
            await self._discard(path)
            raise
        await self.remove(replaced)
        return stored

    async def _check_bytes(self, connection: Connection, upload: Upload, coming: int) -> None:
        """`coming`: bytes of the file that takes the place of an earlier file of the upload.

        The sizes are those on the disk: a compressed file is larger there. A workspace has a hundred files at most.

        Raises:
            QueueFull: the workspace's files that no job has taken would have too many bytes.
        """
        sources = await upload_table.select_waiting_sources(connection, upload.workspace_id, upload.id)
        kept = sum(map(self._size, sources))
        await limits.check_bytes(connection, upload, kept, coming=coming, most=self._kept_bytes, now=clock.now())

    def _size(self, source: str) -> int:
        """Bytes on the disk, with those of the original. 0 for a file that was just deleted."""
        path = self._directory / source
        size = 0
        for one in (path, originals.original_of(path)):
            with contextlib.suppress(FileNotFoundError):
                size += one.stat().st_size
        return size

    async def _make_ready(self, upload: Upload, contents: Contents) -> tuple[Upload, Upload]:
        """(the upload before, the upload now)"""
        async with self._database.write(durable=True, changes="nobody") as connection:
            now = clock.now()
            before = await upload_table.select_upload(connection, upload.workspace_id, upload.id)
            if before is None:
                raise errors.NotFound.of(usable.RESOURCE, upload.public_id)
            usable.check_unused(before)
            await limits.check_new_file(connection, before, now)
            await self._check_bytes(connection, before, self._size(contents.source))
            expires_at = now + self._ttl
            return before, await upload_table.update_ready(
                connection, upload, contents, expires_at=expires_at, now=now
            )

    async def _discard(self, path: Path) -> None:
        await disk.remove(*self._directory.glob(f"{path.stem}.*"))

    async def unpack(self, archive: Upload) -> Unpacked:
        """Makes an upload of each CSV file of an archive, and deletes the upload of the archive.

        Raises:
            QueueFull: the workspace has too many uploads that no job has taken.
        """
        path = self.path(archive)
        assert path is not None
        uploads: list[Upload] = []
        refused: list[str] = []
        for file in archive.origin.files:
            part = self._directory / f"{secrets.token_hex(16)}.part"
            try:
                await asyncio.to_thread(archives.extract, originals.original_of(path), file.name, part, self.limit)
                uploads.append(await self._store_new(archive.workspace_id, part, file.name))
            except (errors.InvalidFile, errors.UnsupportedMediaType, errors.PayloadTooLarge):
                refused.append(file.name)
            finally:
                await disk.remove(part)
        async with self._database.write(changes="nobody") as connection:
            await upload_table.delete_unused(connection, archive)
        await self.remove(archive)
        return Unpacked(uploads=uploads, refused=refused)

    async def _store_new(self, workspace_id: int, path: Path, name: str) -> Upload:
        """A new upload with a copy of the file."""
        async with self._database.write(durable=True, changes="nobody") as connection:
            upload = await self.start(connection, workspace_id, clock.now())
        try:
            return await self.store(upload, disk.read_pieces(path), name.rpartition("/")[2])
        except Exception:
            async with self._database.write(changes="nobody") as connection:
                await upload_table.delete_pending(connection, upload)
            raise

    async def remove(self, upload: Upload) -> None:
        """Deletes the file that the upload had when it was selected."""
        if upload.source is not None:
            await self.remove_files([upload.source])

    async def preview(self, upload: Upload) -> Preview | None:
        """None if the upload has no file, or no longer has this one."""
        if (path := self.path(upload)) is None or upload.layout is None:
            return None
        try:
            return await asyncio.to_thread(read_preview, path, upload.layout)
        except FileNotFoundError:  # a job or a newer file has just taken its place
            return None

    async def sweep(self) -> None:
        """Deletes the files that no upload names. Call it before the first request."""
        async with self._database.read() as connection:
            named = await named_files(connection)
        await disk.sweep(self._directory, named)

    async def remove_expired(self) -> None:
        """Deletes the files of expired uploads, and a day later the uploads.

        It deletes before it writes: on a full disk this makes room. No job and no transfer uses the files any more.
        """
        async with self._database.read() as connection:
            now = clock.now()
            if not await upload_table.select_any_expired(connection, now, now - _DELETED_AFTER):
                return
            expired = await upload_table.select_expired(connection, now)
        await self.remove_files(expired.values())
        async with self._database.write(housekeeping=True) as connection:
            await upload_table.update_removed(connection, expired)
            await upload_table.delete_expired(connection, now - _DELETED_AFTER)

    async def remove_files(self, sources: Iterable[str]) -> None:
        """Deletes the files of uploads that no longer name them, and their originals."""
        for source in sources:
            path = self._directory / source
            await disk.remove(path, originals.original_of(path))


async def named_files(connection: Connection) -> disk.NamedFiles:
    """The files of uploads that no job has taken."""
    sources = await upload_table.select_sources(connection)
    names = {originals.original_of(Path(source)).name for source in sources}
    return disk.NamedFiles(pattern=receiver.FILE_NAME, required=sources, optional=names)
