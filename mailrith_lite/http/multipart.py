"""What arrives, piece by piece: a body as it is, or the file of a form."""

import asyncio
import contextlib
import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from email.message import Message
from typing import TypeVar

import msgspec
from aiohttp import BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from mailrith_lite import errors
from mailrith_lite.http import wire_errors
from mailrith_lite.imports.uploads.arrival import too_large

T = TypeVar("T")

_FORM = "multipart/form-data"
_AROUND_A_FILE = 1 << 16  # bytes that a form has beside its file
_FIELD = 1 << 12  # bytes of a field before it
_PIECE = 1 << 18
_SILENCE = 60.0  # seconds that a client may pause in the middle of a body


class FormFile(msgspec.Struct, frozen=True, kw_only=True):
    """A form up to its file. `fields`: those before it; `arriving`: the file, not received yet."""

    fields: dict[str, str]
    name: str = ""
    arriving: AsyncIterator[bytes] | None = None

    @property
    def pieces(self) -> AsyncIterator[bytes]:
        """
        Raises:
            InvalidFile: no file was chosen.
        """
        if self.arriving is None:
            raise errors.InvalidFile("Choose a file first.")
        return self.arriving


async def next_piece(read: Callable[[], Awaitable[bytes]]) -> bytes:
    """What `read` gives, unless the client pauses for too long.

    Raises:
        InvalidHttp
    """
    return await _soon(read())


async def pieces(read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """
    Raises:
        InvalidHttp: the transfer broke off.
    """
    try:
        while piece := await next_piece(read):
            yield piece
    except web.RequestPayloadError as error:
        raise wire_errors.InvalidHttp("The file's transfer is broken; send it again.") from error


async def receive_form(request: web.Request, limit: int) -> FormFile:
    """A form with one file of at most `limit` bytes, as browsers send it.

    Raises:
        UnsupportedMediaType, InvalidHttp: this is no such form.
        PayloadTooLarge: its file is over the limit, or a field is longer than any of ours.
    """
    if request.content_type != _FORM:
        raise errors.UnsupportedMediaType("Send a form with a file (multipart/form-data), or PUT the file itself.")
    check_length(request, limit + _AROUND_A_FILE, limit)
    fields: dict[str, str] = {}
    with _whole():
        # read as mixed parts: of a form aiohttp wants to know more, and its warnings would quote what was sent
        kind = re.sub(_FORM, "multipart/mixed", request.headers[hdrs.CONTENT_TYPE], count=1, flags=re.IGNORECASE)
        form = MultipartReader({hdrs.CONTENT_TYPE: kind}, request.content)
        while (part := await _soon(form.next())) is not None:
            if not isinstance(part, BodyPartReader):
                continue
            if name := file_name(part.headers):
                read = functools.partial(_read_part, part)
                return FormFile(fields=fields, name=name, arriving=pieces(read))
            if len(fields) * _FIELD >= _AROUND_A_FILE:
                break
            fields[_field_name(part.headers)] = await _soon(_read_field(part))
    return FormFile(fields=fields)


def check_length(request: web.Request, most: int, limit: int) -> None:
    """Before a byte is received. `limit` is what the message names.

    Raises:
        PayloadTooLarge: it will be more than `most`.
    """
    if request.content_length is not None and request.content_length > most:
        raise too_large(limit)


def file_name(headers: Mapping[str, str]) -> str:
    """As Content-Disposition has it (RFC 6266); empty where it has none that can be read."""
    try:
        return _disposition(headers).get_filename("")
    except (LookupError, ValueError):  # in a character set that is none, or cannot be decoded from it
        return ""


def _field_name(headers: Mapping[str, str]) -> str:
    return str(_disposition(headers).get_param("name", "", hdrs.CONTENT_DISPOSITION))


def _disposition(headers: Mapping[str, str]) -> Message:
    message = Message()
    message[hdrs.CONTENT_DISPOSITION] = headers.get(hdrs.CONTENT_DISPOSITION, "")
    return message


async def _read_part(part: BodyPartReader) -> bytes:
    """
    Raises:
        InvalidHttp: the form ends before its file does.
    """
    with _whole():
        piece = await part.read_chunk(_PIECE)
        if not piece and not part.at_eof():
            raise ValueError
        return piece


async def _read_field(part: BodyPartReader) -> str:
    """
    Raises:
        PayloadTooLarge
    """
    found = bytearray()
    while piece := await _read_part(part):
        found += piece
        if len(found) > _FIELD:
            raise errors.PayloadTooLarge(f"A field of the form takes at most {_FIELD:,} bytes.")
    return found.decode("utf-8", "replace")


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """What aiohttp makes of a form that is none, or breaks off, becomes an InvalidHttp."""
    try:
        yield
    except (ValueError, LookupError, RuntimeError, HttpProcessingError, web.RequestPayloadError):
        raise wire_errors.InvalidHttp("The form is broken; send the file again.") from None


async def _soon(arriving: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_SILENCE):
            return await arriving
    except TimeoutError:
        raise wire_errors.InvalidHttp("The body stopped arriving; send the request again.") from None
