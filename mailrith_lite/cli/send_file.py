"""How an import sends its file: as text in the request, or as an upload where a request cannot take it."""

import codecs
from collections.abc import AsyncIterator
from pathlib import Path

import aiofiles
import msgspec

from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.map_option import column_names
from mailrith_lite.cli.printing import Show, progress_bar
from mailrith_lite.errors import StartError
from mailrith_lite.imports.records import BrokenFile

MAX_TEXT = 48 << 20  # bytes: JSON makes the text longer, and the service takes requests of 64 MiB by default
_UPLOADS = "/v1/jobs/subscriber-import-uploads"
_BLOCK = 1 << 18
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """`body`: the member of the request, `csv_text` or `upload_id`. `columns`: the names in the header row."""

    body: dict[str, str]
    columns: list[str]

    @property
    def uploaded(self) -> bool:
        return "upload_id" in self.body


class _Upload(msgspec.Struct, frozen=True):
    id: str
    upload_url: str | None = None
    headers: list[str] = []


async def prepare(client: ApiClient, file: Path) -> Source:
    """
    Raises:
        Unreachable, Refused
        StartError: the file cannot be read, or it is not a CSV file.
    """
    text = _read_text(file)
    if text is None:
        return await upload(client, file)
    try:
        return Source(body={"csv_text": text}, columns=column_names(text))
    except BrokenFile as error:
        raise StartError(f"{file} is not a CSV file: {error}") from error


async def upload(client: ApiClient, file: Path) -> Source:
    """Sends the bytes of the file; the service detects compression and encoding.

    Raises:
        Unreachable, Refused
    """
    started = await client.post(_UPLOADS, _Upload)
    if started.upload_url is None:
        raise StartError("the service takes no uploads")
    with progress_bar(f"sending {file.name}") as show:
        stored = await client.put(started.upload_url, _Upload, _blocks(file, show), file.name)
    return Source(body={"upload_id": stored.id}, columns=stored.headers)


def _read_text(file: Path) -> str | None:
    """None when the file is too long for a request, or neither UTF-8 nor UTF-16.

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
