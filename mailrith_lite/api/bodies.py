"""Receives a request's body: checks the limits, computes the hash, and keeps a large body on the disk."""

import asyncio
import contextlib
import hashlib
import mmap
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import aiofiles
import msgspec
from aiohttp import web

from mailrith_lite import disk, errors
from mailrith_lite.api import codec
from mailrith_lite.api.call import BODY_WATCH, Call
from mailrith_lite.http.body_stream import pieces
from mailrith_lite.http.header_values import media_type

T = TypeVar("T")

IN_MEMORY = 1 << 20  # bytes
_BLOCK = 1 << 20


class Body(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A JSON body that is received and not decoded yet.

    `data`: the bytes, in memory or mapped from a file. `digest`: their SHA-256. `form`: the Struct to decode them
    into. `optional`: the body may be absent.
    """

    data: memoryview
    digest: bytes
    form: Any
    optional: bool

    def decode(self) -> T:
        """The Struct; None for an absent body that is optional.

        Raises:
            InvalidRequest, InvalidBody
        """
        form: T | None = None if self.optional and not self.data else codec.decode(self.data, self.form)
        return cast(T, form)


class LargeBody(Body[T], frozen=True, kw_only=True):
    """A body up to the setting `max_body_bytes`. One over IN_MEMORY is mapped from a file."""


@contextlib.asynccontextmanager
async def receive(
    call: Call, form: Any, *, kind: type[Body[Any]] = Body, optional: bool = False
) -> AsyncIterator[Body[Any]]:
    """The body of the request. Its data exists until the block ends.

    Raises:
        UnsupportedMediaType: the body is compressed, or not JSON.
        PayloadTooLarge: it is over the limit of its kind; nothing over the limit is stored.
        InvalidHttp: its transfer ends too early, or pauses for too long.
    """
    limit = call.services.settings.max_body_bytes
    if not issubclass(kind, LargeBody):
        limit = min(limit, IN_MEMORY)
    _check_headers(call.request, limit)
    spool = call.services.imports_directory / f"{secrets.token_hex(16)}.body"
    try:
        data, digest = await _read(call.request, limit, spool)
        if (watch := call.request.get(BODY_WATCH)) is not None:
            watch(data)
        yield kind(data=data, digest=digest, form=form, optional=optional)
    finally:
        await disk.remove(spool)


def _check_headers(request: web.Request, limit: int) -> None:
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise errors.UnsupportedMediaType("Send the body uncompressed, without Content-Encoding.")
    if request.content_length is not None and request.content_length > limit:
        raise too_large(limit)
    if "Content-Type" in request.headers and request.can_read_body and not media_type(request.headers).is_json:
        raise not_json()


async def _read(request: web.Request, limit: int, spool: Path) -> tuple[memoryview, bytes]:
    digest = hashlib.sha256()
    size = 0
    pending = bytearray()
    async with contextlib.AsyncExitStack() as stack:
        file = None
        async for piece in pieces(request):
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            digest.update(piece)
            pending += piece
            if file is None and size > IN_MEMORY:
                disk.create_private(spool).close()
                file = await stack.enter_async_context(aiofiles.open(spool, "wb"))
            if file is not None and len(pending) >= _BLOCK:
                await file.write(pending)
                pending = bytearray()
        if file is None:
            return memoryview(pending), digest.digest()
        await file.write(pending)
    return await asyncio.to_thread(_map, spool), digest.digest()


def _map(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def too_large(limit: int) -> errors.PayloadTooLarge:
    return errors.PayloadTooLarge(f"The body is over the limit of {limit:,} bytes; send a long file as an upload.")


def not_json() -> errors.UnsupportedMediaType:
    return errors.UnsupportedMediaType("Send JSON in UTF-8, with the header Content-Type: application/json.")
