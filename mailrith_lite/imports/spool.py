"""The `csv_text` of a request becomes a source file, a segment at a time, so that its size costs no memory."""

import re
from pathlib import Path

import msgspec

from mailrith_lite import disk, errors

SEGMENT = 1 << 16
_text_decoder = msgspec.json.Decoder(str)
_ESCAPE_CUT_SHORT = re.compile(rb"\\u[0-9a-fA-F]{0,3}\Z")
_HIGH_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")


def write_source(literal: memoryview, path: Path) -> None:
    """Writes the text of a JSON string literal, quotes included, as UTF-8; on the disk when this returns.

    Raises:
        InvalidJson: the literal holds bytes or escapes that are no text.
        OSError: the disk refused.
    """
    with disk.create_private(path) as file:
        start, end = 1, len(literal) - 1
        while start < end:
            segment = bytes(literal[start : min(start + SEGMENT, end)])
            if start + len(segment) < end:
                segment = segment[: _whole_characters(segment)]
                if not segment:  # half characters only: no cut would ever get past them
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


def _not_text() -> errors.InvalidJson:
    return errors.InvalidJson(
        "csv_text is not valid text; send it as UTF-8 with complete escapes.", field="csv_text"
    )


def _whole_characters(segment: bytes) -> int:
    """How much of the segment can be cut off without cutting a character, an escape or a pair of surrogates."""
    end = len(segment)
    while end and segment[end - 1] & 0xC0 == 0x80:  # back over continuation bytes
        end -= 1
    if end and segment[end - 1] >= 0xC0:  # and over the first byte of their character, which may lack some
        end -= 1
    while True:
        kept = segment[max(0, end - 12) : end]
        if _open_escape(segment, end):
            end -= 1
        elif (match := _ESCAPE_CUT_SHORT.search(kept) or _HIGH_SURROGATE.search(kept)) and _open_escape(
            segment, end - len(match[0]) + 1
        ):
            end -= len(match[0])
        else:
            return end


def _open_escape(segment: bytes, end: int) -> bool:
    """Is the last byte before `end` a backslash that begins an escape, rather than ends one?"""
    backslashes = end - len(segment[:end].rstrip(b"\\"))
    return backslashes % 2 == 1
