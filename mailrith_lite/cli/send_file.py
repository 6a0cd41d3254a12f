"""How the file of an import gets to the service: as text in the request, or as an upload where that cannot be."""

import codecs
from collections.abc import AsyncIterator
from pathlib import Path

import aiofiles
import msgspec

from mailrith_lite.cli import map_option
from mailrith_lite.cli.http_client import Service
from mailrith_lite.cli.printing import Show, progress_bar
from mailrith_lite.errors import StartError
from mailrith_lite.imports.records import BrokenFile

MAX_TEXT = 48 << 20  # bytes: with what JSON adds, a request of the service's usual limit
_UPLOADS = "/v1/jobs/subscriber-import-uploads"
_BLOCK = 1 << 18
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of the file (`csv_text` or `upload_id`), and the names in its header row."""

    body: dict[str, str]
    columns: list[str]

    @property
    def uploaded(self) -> bool:
        return "upload_id" in self.body


class _Upload(msgspec.Struct, frozen=True):
    id: str
    upload_url: str | None = None
    headers: list[str] = []


async def prepare(service: Service, file: Path) -> Source:
    """
    Raises:
        StartError: the file is not there, or no CSV file.
    """
    text = _text(file)
    if text is None:
        return await upload(service, file)
    try:
        return Source(body={"csv_text": text}, columns=map_option.column_names(text))
    except BrokenFile as error:
        raise StartError(f"{file} is not a CSV file: {error}") from error


async def upload(service: Service, file: Path) -> Source:
    """Sends the file as it is, packed or not, in whatever encoding; the service finds out.

    Raises:
        Unreachable, Refused
    """
    started = await service.post(_UPLOADS, _Upload)
    if started.upload_url is None:
        raise StartError("the service takes no uploads")
    with progress_bar(f"sending {file.name}") as show:
        stored = await service.put(started.upload_url, _Upload, _blocks(file, show), file.name)
    return Source(body={"upload_id": stored.id}, columns=stored.headers)


def _text(file: Path) -> str | None:
    """None when it is too long for a request, or none in UTF-8 or UTF-16.

    Raises:
        StartError: the file cannot be read.
    """
    try:
        if file.stat().st_size > MAX_TEXT:
            return None
        data = file.read_bytes()
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from error
    utf16 = data.startswith(_UTF16)
    if not utf16 and b"\0" in data:
        return None
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        return None


async def _blocks(file: Path, show: Show) -> AsyncIterator[bytes]:
    total, sent = file.stat().st_size, 0
    async with aiofiles.open(file, "rb") as opened:
        while block := await opened.read(_BLOCK):
            yield block
            sent += len(block)
            show(sent, total)
