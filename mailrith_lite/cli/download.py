"""Writes the file of a signed link: to stdout, into a device, or under its final name when it is whole."""

import os
import secrets
import sys
from pathlib import Path
from typing import BinaryIO

from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.errors import StartError

STDOUT = Path("-")


def check_free(target: Path, *, force: bool) -> None:
    """
    Raises:
        StartError: it is an existing file, which only `force` replaces.
    """
    if target.is_file() and not force:
        raise StartError(f"{target} exists already; give a new name with -o, or replace it with --force")


async def save(client: ApiClient, url: str, target: Path) -> int:
    """Returns the size in bytes. A regular file at `target` is replaced.

    Raises:
        Unreachable, Refused
        StartError: the file cannot be written.
    """
    try:
        if target == STDOUT:
            return await _copy(client, url, sys.stdout.buffer)
        if target.exists() and not target.is_file():  # a device or a pipe cannot be replaced with a file
            with target.open("wb") as file:
                return await _copy(client, url, file)
        return await _replace(client, url, target.resolve())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StartError(f"cannot write {target}: {error.strerror}") from error


async def _replace(client: ApiClient, url: str, path: Path) -> int:
    """The rename comes last: a file with the final name is whole."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            size = await _copy(client, url, file)
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return size


async def _copy(client: ApiClient, url: str, file: BinaryIO) -> int:
    size = 0
    async for block in client.stream(url):
        file.write(block)
        size += len(block)
    file.flush()
    return size
