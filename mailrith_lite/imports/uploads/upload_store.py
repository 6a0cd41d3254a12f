"""Files that are handed over for an import: by a person in a browser, or by a program.

A file comes under a name of its own that ends in `.part`, is read to its end, and gets its final name before the
row of its upload names it. So a crash leaves a usable upload or none, and of two transfers the later one counts.
"""

import asyncio
import itertools
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from mailrith_lite import clock, disk, errors, ids
from mailrith_lite.database import Connection, Database
from mailrith_lite.imports import counting, records
from mailrith_lite.imports.uploads import encodings, upload_table
from mailrith_lite.imports.uploads.arrival import Arrival
from mailrith_lite.imports.uploads.transfers import Transfers
from mailrith_lite.imports.uploads.upload_table import Contents, Upload, Waiting

MAX_READY = 100
MAX_PENDING = 1_000
PREVIEWED_ROWS = 5
_PREVIEWED_CELL = 100  # characters
_MAX_FILE_NAME = 200
_BLOCK = 1 << 20
_ANALYSTS = 2  # files that are read to their end at a time: each may take a processor and 100 MB
_REMEMBERED = clock.DAY  # for which an upload that has expired still says so


class _Stopped(Exception):
    pass


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """How a file begins; long cells are cut."""

    names: list[str]
    rows: list[list[str]]


class UploadStore:
    """The files of uploads, in a directory of their own."""

    def __init__(self, database: Database, directory: Path, *, limit: int, ttl: int) -> None:
        """`limit`: bytes of a file, also unpacked. `ttl`: seconds."""
        self._database = database
        self._directory = directory
        self._limit = limit
        self._ttl = ttl * clock.SECOND
        self._transfers = Transfers()
        self._analysts = asyncio.Semaphore(_ANALYSTS)
        self._writers = ThreadPoolExecutor(_ANALYSTS, "rewrite")  # not where every request's short work is done

    @property
    def limit(self) -> int:
        return self._limit

    async def start(self, connection: Connection, workspace_id: int, now: int) -> Upload:
        """An upload that waits for its file, in the caller's transaction.

        Raises:
            QueueFull: the workspace has many that no job has taken yet.
        """
        waiting = await upload_table.select_waiting(connection, workspace_id, now)
        _check_ready_room(waiting, now)
        if waiting.pending >= MAX_PENDING:
            raise too_many_pending(_seconds_until(waiting.pending_until, now))
        return await upload_table.insert_upload(connection, workspace_id, expires_at=now + self._ttl, now=now)

    def path(self, upload: Upload) -> Path | None:
        """Where the file of an upload is that is Ready."""
        return None if upload.source is None else self._directory / upload.source

    async def store(self, upload: Upload, pieces: AsyncIterator[bytes], file_name: str) -> Upload:
        """Takes the file in and makes the upload Ready, with a whole lifetime before it: all of that or nothing.

        Raises:
            PayloadTooLarge, UnsupportedMediaType, InvalidFile: what must be changed.
            Conflict: a job has taken an earlier file of this upload, or a newer transfer has begun.
            QueueFull: the workspace has many transfers under way, or many files.
            NotFound: the upload is gone.
        """
        async with self._database.read() as connection:
            await _check_room(connection, upload, clock.now())
        final = self._directory / f"{secrets.token_hex(16)}.csv"
        try:
            async with self._transfers.admit(upload):
                contents = await self._take_in(pieces, final, clean_file_name(file_name))
        except BaseException:
            self._discard(final)
            raise
        try:
            before, stored = await self._make_ready(upload, contents)
        except Exception:  # not when it was cancelled: it may be committed, and what is not the next start sweeps
            self._discard(final)
            raise
        await self.remove(before)
        return stored

    async def _make_ready(self, upload: Upload, contents: Contents) -> tuple[Upload, Upload]:
        """The upload as it was, and as it is now."""
        async with self._database.write(durable=True, changes="nobody") as connection:
            now = clock.now()
            before = await upload_table.select_upload(connection, upload.workspace_id, upload.id)
            if before is None:
                raise errors.NotFound.of(ids.UPLOAD, upload.public_id)
            check_unused(before)
            await _check_room(connection, before, now)
            expires_at = now + self._ttl
            return before, await upload_table.update_ready(
                connection, upload, contents, expires_at=expires_at, now=now
            )

    def _discard(self, final: Path) -> None:
        for path in self._directory.glob(f"{final.stem}.*"):
            path.unlink(missing_ok=True)

    async def remove(self, upload: Upload) -> None:
        """Deletes the file of an upload, as it stood before another took its place or a job took it."""
        if (path := self.path(upload)) is not None:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def preview(self, upload: Upload) -> Preview | None:
        """None where there is no file any more."""
        if (path := self.path(upload)) is None or upload.delimiter is None:
            return None
        try:
            return await asyncio.to_thread(preview, path, upload.delimiter)
        except FileNotFoundError:  # taken or replaced at this very moment
            return None

    async def sweep(self) -> None:
        """At the start, before any request: deletes files that no upload names."""
        async with self._database.read() as connection:
            named = await upload_table.select_sources(connection)
        for path in self._directory.iterdir():
            if re.fullmatch(r"[0-9a-f]{32}\.(?:part|utf8|csv)", path.name) and path.name not in named:
                path.unlink()

    async def remove_expired(self) -> None:
        """Deletes the files of uploads whose time is over, and forgets those a day later."""
        async with self._database.read() as connection:
            now = clock.now()
            if not await upload_table.select_any_over(connection, now, now - _REMEMBERED):
                return
        async with self._database.write(housekeeping=True) as connection:
            expired = await upload_table.select_expired(connection, now)
            await upload_table.update_removed(connection, expired)
            await upload_table.delete_forgotten(connection, now - _REMEMBERED)
        for name in expired.values():
            await asyncio.to_thread((self._directory / name).unlink, missing_ok=True)

    async def _take_in(self, pieces: AsyncIterator[bytes], final: Path, file_name: str) -> Contents:
        part = final.with_suffix(".part")
        with Arrival(part, self._limit) as arrival:
            async for block in _blocks(pieces):
                await asyncio.to_thread(arrival.write, block)
            await asyncio.to_thread(arrival.finish)
        try:
            async with self._analysts:
                text, encoding = await self._as_utf8(part, arrival.encoding)
                header = await asyncio.to_thread(records.read_header, text)
                row_count = await counting.count_rows(text, header.delimiter)
        except records.BrokenFile as error:
            raise errors.InvalidFile(f"The file cannot be read: {error}.") from None
        await asyncio.to_thread(_settle, text, final)
        return Contents(
            source=final.name,
            file_name=file_name,
            size_bytes=arrival.size,
            encoding=encodings.shown_name(encoding),
            delimiter=header.delimiter,
            header=header.names,
            row_count=row_count,
        )

    async def _as_utf8(self, part: Path, encoding: str | None) -> tuple[Path, str]:
        """The file itself where it is UTF-8, else one that is written in its place; and the encoding it came in."""
        if encoding == "utf-8":
            return part, encoding
        text = part.with_suffix(".utf8")
        found = await self._write_apart(
            lambda check: encodings.rewrite(part, text, encoding, limit=self._limit, check=check)
        )
        part.unlink()
        return text, found

    async def _write_apart(self, write: Callable[[Callable[[], None]], str]) -> str:
        """What `write` gives, in a thread that ends soon when nobody waits for it any more.

        It has ended when this does, cancelled or not. `write` takes the check that tells it to end.
        """
        stopped = threading.Event()

        def check() -> None:
            if stopped.is_set():
                raise _Stopped

        writing = asyncio.get_running_loop().run_in_executor(self._writers, write, check)
        try:
            await asyncio.wait([writing])
        finally:
            if not writing.done():
                stopped.set()
                await asyncio.wait([writing])
                writing.exception()  # nobody else asks for it
        return writing.result()


def clean_file_name(name: str) -> str:
    """The name alone, without what is no part of it or cannot be shown."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(character for character in last if character.isprintable()).strip()
    return shown[:_MAX_FILE_NAME] or "upload.csv"


async def _check_room(connection: Connection, upload: Upload, now: int) -> None:
    """
    Raises:
        QueueFull: the workspace has many files, and this one would not take the place of another.
    """
    if upload.source is None:
        _check_ready_room(await upload_table.select_waiting(connection, upload.workspace_id, now), now)


def _check_ready_room(waiting: Waiting, now: int) -> None:
    """
    Raises:
        QueueFull
    """
    if waiting.ready >= MAX_READY:
        raise too_many_ready(_seconds_until(waiting.ready_until, now))


def too_many_pending(retry_after: int) -> errors.QueueFull:
    return errors.QueueFull(
        f"{MAX_PENDING:,} uploads of this workspace wait for their file; use their links, or wait until "
        "the first expires.",
        retry_after=retry_after,
    )


def too_many_ready(retry_after: int) -> errors.QueueFull:
    return errors.QueueFull(
        f"{MAX_READY} files of this workspace wait for their import; import them, or wait until the first expires.",
        retry_after=retry_after,
    )


def _seconds_until(moment: int, now: int) -> int:
    """Rounded up, and one at least."""
    return max(1, -((now - moment) // clock.SECOND))


def check_unused(upload: Upload) -> None:
    """
    Raises:
        Conflict: a job has taken the file.
    """
    if upload.queued_at is not None:
        raise already_used(upload.public_id)


def already_used(public_id: str) -> errors.Conflict:
    return errors.Conflict(
        "This upload was used for an import already; start a new upload.",
        code="upload_already_used",
        resource=(ids.UPLOAD, public_id),
    )


def check_usable(upload: Upload | None, now: int) -> Upload:
    """
    Raises:
        InvalidBody: there is none, its time is over, or its file has not come yet.
        Conflict: a job has taken the file.
    """
    if upload is None:
        raise _unusable("There is no upload with this id in the workspace.", "upload_not_found")
    check_unused(upload)
    if upload.expired(now):
        raise _unusable("This upload has expired; start a new one.", "upload_expired")
    if upload.source is None:
        raise _unusable("The file of this upload has not come yet; try again when it is Ready.", "upload_not_ready")
    return upload


def replaced() -> errors.InvalidBody:
    return _unusable("A newer file has just come for this upload; send the request again.", "upload_not_ready")


def _unusable(message: str, reason: str) -> errors.InvalidBody:
    return errors.InvalidBody(message, field="upload_id", reason=reason)


def preview(path: Path, delimiter: str) -> Preview:
    """Blocking: run it in a thread."""
    with records.open_source(path) as file:
        rows = itertools.islice(records.read_records(file, delimiter), 1 + PREVIEWED_ROWS)
        _, header = next(rows)
        names = records.own_names([records.column_name(cell) for cell in header])
        return Preview(names=names, rows=[_beginning(cells, len(names)) for _, cells in rows])


def _beginning(cells: list[str], width: int) -> list[str]:
    """As many cells as the file has columns: nothing more of a row is kept."""
    return [_cut(cell) for cell in cells[:width]] + [""] * (width - len(cells))


def _cut(cell: str) -> str:
    return cell if len(cell) <= _PREVIEWED_CELL else cell[: _PREVIEWED_CELL - 1] + "…"


async def _blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytearray]:
    """Large ones: each is a way to a thread and back."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        if len(held) >= _BLOCK:
            yield held
            held = bytearray()
    if held:
        yield held


def _settle(text: Path, final: Path) -> None:
    """The rename comes last: a file with its final name is whole."""
    text.rename(final)
    disk.sync_directory(final.parent)
