"""How an import sends its file: as an upload, which the service decompresses, decodes and analyzes."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from typing import BinaryIO

import msgspec

from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.input_files import InputFile
from mailrith_lite.cli.progress import Show, progress_bar, spinner
from mailrith_lite.errors import StartError
from mailrith_lite.imports.uploads.analysis import Analysis

_PATH = "/v1/jobs/subscriber-import-uploads"
_BLOCK = 1 << 18
MAX_TEXT = 48 << 20
"""Bytes: JSON makes the text longer, and the service takes requests of 64 MiB by default."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    status: str
    row_count: int
    analysis: Analysis


class _Started(msgspec.Struct, frozen=True):
    self_: str = msgspec.field(name="self")
    upload_url: str


class _Stored(msgspec.Struct, frozen=True):
    id: str


async def upload(client: ApiClient, file: InputFile) -> Upload:
    """
    Raises:
        Unreachable, Refused
    """
    started = await client.post(_PATH, _Started)
    # opened here and not in a thread: a transfer that breaks while a thread opens a file would leave it open
    with file.path.open("rb") as opened, progress_bar(f"sending {file.name}") as show:
        async with contextlib.aclosing(_blocks(opened, show)) as blocks:
            await client.put(started.upload_url, _Stored, blocks, file.name)
    with spinner(f"reading {file.name}"):
        return await client.get(started.self_, Upload)


def read_text(file: InputFile) -> str | None:
    """The text of a file that a request can carry; None when it is too long or not UTF-8.

    Raises:
        StartError: the file cannot be read.
    """
    try:
        if file.path.stat().st_size > MAX_TEXT:
            return None
        return file.path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    except OSError as error:
        raise StartError(f"cannot read {file.path}: {error.strerror}") from error


async def _blocks(opened: BinaryIO, show: Show) -> AsyncGenerator[bytes]:
    total, sent = os.fstat(opened.fileno()).st_size, 0
    while block := await asyncio.to_thread(opened.read, _BLOCK):
        yield block
        sent += len(block)
        show(sent, total)
