"""Receives uploads piece by piece: a raw body, or the file of a form."""

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
_OVERHEAD = 1 << 16  # bytes of a form beside its file
_FIELD = 1 << 12  # bytes of a field before the file
_PIECE = 1 << 18  # bytes
_PAUSE = 60.0  # seconds that a client may pause in the middle of a body


class FormFile(msgspec.Struct, frozen=True, kw_only=True):
    """A form up to its file. `fields`: those before the file. `content`: the file; None without one."""

    fields: dict[str, str]
    name: str = ""
    content: AsyncIterator[bytes] | None = None

    @property
    def pieces(self) -> AsyncIterator[bytes]:
        """
        Raises:
            InvalidFile: no file was chosen.
        """
        if self.content is None:
            raise errors.InvalidFile("Choose a file first.")
        return self.content


async def next_piece(read: Callable[[], Awaitable[bytes]]) -> bytes:
    """
    Raises:
        InvalidHttp: the client pauses for too long.
    """
    return await _in_time(read())


async def pieces(read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """
    Raises:
        InvalidHttp: the transfer ends too early, or pauses for too long.
    """
    try:
        while piece := await next_piece(read):
            yield piece
    except web.RequestPayloadError as error:
        raise wire_errors.InvalidHttp("The transfer of the file ended too early; send the file again.") from error


async def receive_form(request: web.Request, limit: int) -> FormFile:
    """A form with one file of at most `limit` bytes, as browsers send it.

    Raises:
        UnsupportedMediaType: the body is not a form with a file.
        InvalidHttp: the form is malformed, or ends too early.
        PayloadTooLarge: the file is over the limit, or a field before it is.
    """
    if request.content_type != _FORM:
        raise errors.UnsupportedMediaType("Send a form with a file (multipart/form-data), or PUT the file itself.")
    check_length(request, limit + _OVERHEAD, limit)
    fields: dict[str, str] = {}
    with _malformed_is_invalid_http():
        # as mixed parts: for form-data aiohttp checks more, and its warnings would quote the request
        kind = re.sub(_FORM, "multipart/mixed", request.headers[hdrs.CONTENT_TYPE], count=1, flags=re.IGNORECASE)
        form = MultipartReader({hdrs.CONTENT_TYPE: kind}, request.content)
        while (part := await _in_time(form.next())) is not None:
            if not isinstance(part, BodyPartReader):
                continue
            if name := file_name(part.headers):
                read = functools.partial(_read_part, part)
                return FormFile(fields=fields, name=name, content=pieces(read))
            if len(fields) * _FIELD >= _OVERHEAD:
                break
            fields[_field_name(part.headers)] = await _in_time(_read_field(part))
    return FormFile(fields=fields)


def check_length(request: web.Request, most: int, limit: int) -> None:
    """Checks Content-Length before the body arrives. `limit`: bytes, for the message.

    Raises:
        PayloadTooLarge: the body has more than `most` bytes.
    """
    if request.content_length is not None and request.content_length > most:
        raise too_large(limit)


def file_name(headers: Mapping[str, str]) -> str:
    """From Content-Disposition (RFC 6266); empty without a readable name."""
    try:
        return _disposition(headers).get_filename("")
    except (LookupError, ValueError):  # its character set is unknown, or cannot decode it
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
        InvalidHttp: the form ends in the middle of this part.
    """
    with _malformed_is_invalid_http():
        piece = await part.read_chunk(_PIECE)
        if not piece and not part.at_eof():
            raise ValueError
        return piece


async def _read_field(part: BodyPartReader) -> str:
    """
    Raises:
        PayloadTooLarge: the field is over the limit.
    """
    value = bytearray()
    while piece := await _read_part(part):
        value += piece
        if len(value) > _FIELD:
            raise errors.PayloadTooLarge(f"A field of the form takes at most {_FIELD:,} bytes.")
    return value.decode("utf-8", "replace")


@contextlib.contextmanager
def _malformed_is_invalid_http() -> Iterator[None]:
    """Turns what aiohttp raises for a malformed or incomplete form into an InvalidHttp."""
    try:
        yield
    except (ValueError, LookupError, RuntimeError, HttpProcessingError, web.RequestPayloadError):
        raise wire_errors.InvalidHttp("The form is broken; send the file again.") from None


async def _in_time(result: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_PAUSE):
            return await result
    except TimeoutError:
        raise wire_errors.InvalidHttp("The body stopped arriving; send the request again.") from None
