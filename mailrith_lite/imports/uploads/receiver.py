"""Receives the file of an upload: writes it to the disk, converts it to UTF-8 and reads it to its end."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event

import msgspec

from mailrith_lite import disk, errors, threads
from mailrith_lite.imports import own_process, records
from mailrith_lite.imports.layout import read_layout
from mailrith_lite.imports.uploads import archives, encoding_names, encodings, originals, survey
from mailrith_lite.imports.uploads.archives import ArchivedFile
from mailrith_lite.imports.uploads.arrival import Arrival
from mailrith_lite.imports.uploads.encodings import Conversion
from mailrith_lite.imports.uploads.originals import Origin
from mailrith_lite.imports.uploads.upload_table import Contents
from mailrith_lite.turns import Turns

FILE_NAME = re.compile(r"[0-9a-f]{32}\.(?:part|utf8|raw|csv)")
"""A file that is being received, one that is being converted, the original of one, or one that is complete."""
_MAX_FILE_NAME = 200
_BLOCK = 1 << 20
_READERS = 2
"""Small files, and large ones, that are read to their end at a time: each may take one CPU and 100 MB."""


class _Stopped(Exception):
    pass


class _Text(msgspec.Struct, frozen=True, kw_only=True):
    """A file in UTF-8. `conversion`: what the received file was."""

    path: Path
    conversion: Conversion


class Receiver:
    def __init__(self, limit: int) -> None:
        """`limit`: bytes of a file, also decompressed and in UTF-8."""
        self.limit = limit
        self._small, self._large = Turns(_READERS, share=1), Turns(_READERS, share=1)
        # Not the default threads: they do the short work of every request.
        self._converters = threads.start_pool(2 * _READERS, "mailrith convert")

    async def close(self) -> None:
        """Ends the threads. Call it after the last request."""
        await asyncio.to_thread(self._converters.shutdown)

    async def receive(
        self, pieces: AsyncIterator[bytes], path: Path, *, workspace_id: int, file_name: str
    ) -> Contents:
        """Writes the file to `path`. On an error, files with the same stem remain; the caller deletes them.

        The files of a workspace are read one after another, and a small file does not wait for large ones.

        Raises:
            PayloadTooLarge, UnsupportedMediaType, InvalidFile: the text says what must change.
        """
        part = path.with_suffix(".part")
        with Arrival(part, self.limit) as arrival:
            async for block in _blocks(pieces):
                await asyncio.to_thread(arrival.write, block)
            await asyncio.to_thread(arrival.finish)
        try:
            turns = self._small if arrival.written < own_process.LARGE else self._large
            async with turns.take(workspace_id):
                files: list[ArchivedFile] = []
                encoding = arrival.encoding
                if arrival.is_zip:
                    files, encoding = await asyncio.to_thread(self._unpack, part)
                text = await self._convert(part, encoding)
                layout = await asyncio.to_thread(read_layout, text.path)
                facts = await survey.survey_file(text.path, layout)
        except records.BrokenFile as error:
            raise errors.InvalidFile(f"The file cannot be read: {error}.") from None
        await asyncio.to_thread(_rename, text.path, path)
        return Contents(
            source=path.name,
            file_name=_clean_name(file_name),
            size_bytes=arrival.size,
            encoding=encoding_names.public(text.conversion.encoding),
            layout=layout,
            row_count=facts.row_count,
            facts=facts,
            origin=Origin(
                wrong_bytes=text.conversion.wrong_bytes, wrong_lines=text.conversion.wrong_lines, files=files
            ),
        )

    def _unpack(self, part: Path) -> tuple[list[ArchivedFile], str | None]:
        """Replaces the archive, which is kept as the original, by its first CSV file. Gives the CSV files, and the
        encoding of the first if it is UTF-8 or UTF-16. Blocking."""
        files = archives.list_files(part, self.limit)
        original = part.rename(originals.original_of(part))
        return files, archives.extract(original, files[0].name, part, self.limit).encoding

    async def _convert(self, part: Path, encoding: str | None) -> _Text:
        """`encoding`: None if it is not known yet."""
        if encoding == "utf-8":
            return _Text(path=part, conversion=Conversion(encoding=encoding))
        path = part.with_suffix(".utf8")
        conversion = await self._run_in_thread(
            lambda check: encodings.rewrite(part, path, encoding, limit=self.limit, check=check)
        )
        original = originals.original_of(part)
        if original.exists():  # an archive is the original
            await disk.remove(part)
        else:
            part.rename(original)
        return _Text(path=path, conversion=conversion)

    async def _run_in_thread(self, function: Callable[[Callable[[], None]], Conversion]) -> Conversion:
        """Calls `function` with a check that raises once this call is cancelled. Ends after the thread does."""
        stopped = Event()

        def check() -> None:
            if stopped.is_set():
                raise _Stopped

        running = asyncio.get_running_loop().run_in_executor(self._converters, function, check)
        try:
            await asyncio.wait([running])
        finally:
            if not running.done():
                stopped.set()
                await asyncio.wait([running])
                running.exception()  # nobody else retrieves it
        return running.result()


def _clean_name(name: str) -> str:
    """The last part of a path, without characters that cannot be printed."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(character for character in last if character.isprintable()).strip()
    return printable[:_MAX_FILE_NAME] or "upload.csv"


async def _blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytearray]:
    """Joins small pieces: each block costs a switch to a thread and back."""
    block = bytearray()
    async for piece in pieces:
        block += piece
        if len(block) >= _BLOCK:
            yield block
            block = bytearray()
    if block:
        yield block


def _rename(text: Path, path: Path) -> None:
    """The rename comes last: a file with its final name is complete."""
    text.rename(path)
    disk.sync_directory(path.parent)
