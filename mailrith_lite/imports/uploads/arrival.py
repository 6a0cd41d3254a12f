"""A file arrives: unpacked on the way, held to its limit before the disk is spent, and looked at."""

import codecs
import re
import zlib
from pathlib import Path
from types import TracebackType

from mailrith_lite import disk, errors

_GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WORKBOOKS = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0")
_OTHERS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("a PDF document", re.compile(rb"%PDF-")),
    ("packed with zstd", re.compile(rb"\x28\xb5\x2f\xfd")),
    ("a web page", re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)),
    ("JSON", re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*[\[{]|[\[{]\s*\"[^\"]*\"\s*[:\]]|\{\s*\})")),
)
_ESCAPE = b"\x1b"  # no text holds it, and encodings that switch between alphabets begin with it
_LONGEST_MAGIC = 4
_LOOKED_AT = 64
_FED = 1 << 14  # bytes given to the unpacker at once: at the end of every member it copies those that are left
_UNPACKED_AT_ONCE = 1 << 20
_FREE_MEMBERS = 1_000
_LEAST_MEMBER = 64  # bytes that a further member unpacks to, on the average


class Arrival:
    """Writes what comes to a new private file. Blocking: call `write` and `finish` in a thread.

    `size`: bytes as they were sent. `written`: as they are on the disk. `encoding`: utf-8 or utf-16 when the whole
    file is that, else None.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """`limit`: in bytes, for what is sent and for what it unpacks to."""
        self._file = disk.create_private(path)
        self._limit = limit
        self._held = b""  # the first bytes, until there are enough to know what the file is; then those of its text
        self._begun = self._text_begun = False
        self._gzip: zlib._Decompress | None = None
        self._members = 1
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True
        self._is_utf16 = False
        self.size = 0
        self.written = 0

    def __enter__(self) -> "Arrival":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def encoding(self) -> str | None:
        return "utf-16" if self._is_utf16 else "utf-8" if self._is_utf8 else None

    def write(self, data: bytes | bytearray) -> None:
        """
        Raises:
            PayloadTooLarge: the limit is reached; nothing beyond it was written.
            UnsupportedMediaType: this is a workbook, an archive or something else that is no CSV.
            InvalidFile: what was packed is damaged.
        """
        self.size += len(data)
        if self.size > self._limit:
            raise too_large(self._limit)
        if self._begun:
            self._unpack(data)
            return
        self._held += data
        if len(self._held) >= _LONGEST_MAGIC:
            self._begin()

    def finish(self) -> None:
        """The file is on the disk when this returns. Raises as `write` does."""
        if not self._begun:
            self._begin()
        if self._gzip is not None and not self._gzip.eof:
            raise _damaged()
        if not self._text_begun:
            self._begin_text()
        self._check_utf8(b"", final=True)
        disk.sync_file(self._file)

    def _begin(self) -> None:
        self._begun = True
        if self._held.startswith(_GZIP):
            self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        data, self._held = self._held, b""
        self._unpack(data)

    def _unpack(self, data: bytes | bytearray) -> None:
        if self._gzip is None:
            self._keep(data)
            return
        for begin in range(0, len(data), _FED):
            self._unpack_some(data[begin : begin + _FED])

    def _unpack_some(self, data: bytes | bytearray) -> None:
        assert self._gzip is not None
        while data:
            if self._gzip.eof:  # several files behind one another are one; zeros behind the last are filling
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._begin_member()
            try:
                self._keep(self._gzip.decompress(data, _UNPACKED_AT_ONCE))
            except zlib.error:
                raise _damaged() from None
            data = self._gzip.unconsumed_tail or self._gzip.unused_data

    def _begin_member(self) -> None:
        self._members += 1
        if self._members > _FREE_MEMBERS + self.written // _LEAST_MEMBER:
            raise errors.InvalidFile("The packed file consists of too many tiny ones; pack it again.")
        self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def _keep(self, text: bytes | bytearray) -> None:
        if self._text_begun:
            self._write(text)
            return
        self._held += text
        if len(self._held) >= _LOOKED_AT:
            self._begin_text()

    def _begin_text(self) -> None:
        self._text_begun = True
        text, self._held = self._held, b""
        _check_kind(text)
        self._is_utf16 = text.startswith(_UTF16)
        self._write(text)

    def _write(self, text: bytes | bytearray) -> None:
        self.written += len(text)
        if self.written > self._limit:
            raise too_large(self._limit, "unpacks to")
        if not self._is_utf16:
            self._check_utf8(text)
        self._file.write(text)

    def _check_utf8(self, text: bytes | bytearray, *, final: bool = False) -> None:
        if _ESCAPE in text:
            self._is_utf8 = False
        if self._is_utf8 and not self._is_utf16:
            if not final and text.isascii() and not self._utf8.getstate()[0]:
                return  # nearly all of most files, and far quicker than to decode it
            try:
                self._utf8.decode(text, final)
            except UnicodeDecodeError:
                self._is_utf8 = False


def too_large(limit: int, what: str = "has") -> errors.PayloadTooLarge:
    return errors.PayloadTooLarge(f"The file {what} more than {limit:,} bytes, which is the limit; split it.")


def _check_kind(text: bytes) -> None:
    """By the first bytes of the text.

    Raises:
        UnsupportedMediaType
    """
    if text.startswith(_WORKBOOKS):
        raise errors.UnsupportedMediaType(
            "This is a workbook or an archive, not a CSV file; save the sheet as CSV (UTF-8) and send that."
        )
    for kind, begin in _OTHERS:
        if begin.match(text):
            raise errors.UnsupportedMediaType(
                f"This is {kind}, not a CSV file; send the rows as CSV in UTF-8, plain or packed with gzip."
            )


def _damaged() -> errors.InvalidFile:
    return errors.InvalidFile("The packed file is damaged or incomplete; pack it again.")
