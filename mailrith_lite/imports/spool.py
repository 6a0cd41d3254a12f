"""Writes the `csv_text` of a request to a source file in segments, so that a large text takes little memory."""

import re
from pathlib import Path

import msgspec

from mailrith_lite import disk, errors

SEGMENT = 1 << 16
_text_decoder = msgspec.json.Decoder(str)
_ESCAPE_CUT_SHORT = re.compile(rb"\\u[0-9a-fA-F]{0,3}\Z")
_HIGH_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")


def write_source(literal: memoryview, path: Path) -> None:
    """Writes the text of a JSON string literal as UTF-8, and syncs it to the disk. The literal has its quotes.

    Raises:
        InvalidBody: the literal contains bytes or escapes that are not text.
        OSError: the file cannot be written.
    """
    with disk.create_private(path) as file:
        start, end = 1, len(literal) - 1
        while start < end:
            segment = bytes(literal[start : min(start + SEGMENT, end)])
            if start + len(segment) < end:
                segment = segment[: _whole_characters(segment)]
                if not segment:  # incomplete characters only: reading on would not complete them
                    raise _not_text()
            file.write(_unescape(segment))
            start += len(segment)
        disk.sync_file(file)
    disk.sync_directory(path.parent)


def _unescape(segment: bytes) -> bytes:
    try:
        return _text_decoder.decode(b'"' + segment + b'"').encode()
    except (msgspec.DecodeError, UnicodeError):
        raise _not_text() from None


def _not_text() -> errors.InvalidBody:
    return errors.InvalidBody(
        "csv_text is not valid text; send it as UTF-8 with complete escapes.", field="csv_text"
    )


def _whole_characters(segment: bytes) -> int:
    """The length of the segment without an incomplete character, escape or surrogate pair at its end."""
    end = len(segment)
    while end and segment[end - 1] & 0xC0 == 0x80:  # the continuation bytes of the last character
        end -= 1
    if end and segment[end - 1] >= 0xC0:  # its first byte: some of its bytes may be missing
        end -= 1
    while True:
        tail = segment[max(0, end - 12) : end]
        if _ends_in_escape(segment, end):
            end -= 1
        elif (match := _ESCAPE_CUT_SHORT.search(tail) or _HIGH_SURROGATE.search(tail)) and _ends_in_escape(
            segment, end - len(match[0]) + 1
        ):
            end -= len(match[0])
        else:
            return end


def _ends_in_escape(segment: bytes, end: int) -> bool:
    """Whether the last byte before `end` is a backslash that begins an escape, not one that ends it."""
    backslashes = end - len(segment[:end].rstrip(b"\\"))
    return backslashes % 2 == 1
