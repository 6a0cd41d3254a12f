"""Receives a form with a file, as browsers send it (multipart/form-data, RFC 7578)."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import msgspec
from aiohttp import web
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from mailrith_lite import errors
from mailrith_lite.http import wire_errors
from mailrith_lite.http.body_stream import pieces
from mailrith_lite.http.header_values import MAX_LENGTH, field_name, file_name, media_type
from mailrith_lite.imports.uploads.arrival import too_large

_FORM = "multipart/form-data"
_OVERHEAD = 1 << 16  # bytes of a form besides its file
_BLOCK = 1 << 16  # bytes that are parsed at once
_FIELD = 1 << 12  # bytes of a field before the file
_PARTS = 32
_BOUNDARY = 70  # characters (RFC 2046, 5.1.1); the search for a boundary takes time that grows with its length

_Events = AsyncGenerator[MultipartSegment | bytes | None, None]
"""Per part: a segment when it begins, its bytes, and None when it ends."""


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


async def receive_form(request: web.Request, limit: int) -> FormFile:
    """A form with one file of at most `limit` bytes.

    Raises:
        UnsupportedMediaType: the body is not a form with a file.
        InvalidHttp: the form is malformed, ends too early, or arrives too slowly.
        PayloadTooLarge: the file is over the limit, or the fields before it are.
    """
    kind = media_type(request.headers)
    if kind.name != _FORM:
        raise errors.UnsupportedMediaType("Send a form with a file (multipart/form-data), or PUT the file itself.")
    check_length(request, limit + _OVERHEAD, limit)
    events = _parse(request, kind.parameters.get("boundary", ""), limit)
    fields: dict[str, str] = {}
    async for event in events:
        if not isinstance(event, MultipartSegment):
            continue
        disposition = _disposition(event)
        if name := file_name(disposition):
            return FormFile(fields=fields, name=name, content=_content(events))
        fields[field_name(disposition)] = await _read_field(events)
    return FormFile(fields=fields)


def check_length(request: web.Request, most: int, limit: int) -> None:
    """Checks Content-Length before the body arrives. `limit`: bytes, for the message.

    Raises:
        PayloadTooLarge: the body has more than `most` bytes.
    """
    if request.content_length is not None and request.content_length > most:
        raise too_large(limit)


async def _parse(request: web.Request, boundary: str, limit: int) -> _Events:
    """
    Raises:
        InvalidHttp, PayloadTooLarge: as `receive_form` does.
    """
    if not 0 < len(boundary) <= _BOUNDARY or not boundary.isascii():
        raise _broken()
    parser = PushMultipartParser(
        boundary,
        max_header_size=MAX_LENGTH,
        max_segment_count=_PARTS,
        header_charset="latin-1",  # accepts all bytes
    )
    received = 0
    file_started = False
    async for block in _blocks(request):
        received += len(block)
        if received > limit + _OVERHEAD:
            raise too_large(limit)
        with _refusing():
            for event in parser.parse(block):
                file_started = file_started or _is_file(event)
                yield event
        if received >= _OVERHEAD and not file_started:
            raise _too_much()
    with _refusing():
        parser.close()  # type: ignore[no-untyped-call]


async def _blocks(request: web.Request) -> AsyncIterator[bytes]:
    async for piece in pieces(request):
        for start in range(0, len(piece), _BLOCK):
            yield piece[start : start + _BLOCK]


def _is_file(event: MultipartSegment | bytes | None) -> bool:
    return isinstance(event, MultipartSegment) and file_name(_disposition(event)) != ""


def _disposition(part: MultipartSegment) -> str:
    return str(part["Content-Disposition"]).encode("latin-1").decode(errors="replace")


async def _content(events: _Events) -> AsyncIterator[bytes]:
    """The bytes of the current part."""
    async for event in events:
        if not isinstance(event, bytes | bytearray):
            return
        yield event


async def _read_field(events: _Events) -> str:
    """
    Raises:
        PayloadTooLarge: the field is over the limit.
    """
    content = bytearray()
    async for piece in _content(events):
        content += piece
        if len(content) > _FIELD:
            raise errors.PayloadTooLarge(f"A field of the form takes at most {_FIELD:,} bytes.")
    return content.decode("utf-8", "replace")


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turns the errors of the parser, whose texts are for programmers, into errors for users."""
    try:
        yield
    except ParserLimitReached:
        raise _too_much() from None
    except MultipartError:
        raise _broken() from None


def _too_much() -> errors.PayloadTooLarge:
    return errors.PayloadTooLarge(
        f"Before the file a form takes at most {_PARTS} fields and {_OVERHEAD:,} bytes; put the file first."
    )


def _broken() -> wire_errors.InvalidHttp:
    return wire_errors.InvalidHttp("The form is broken; send the file again.")
