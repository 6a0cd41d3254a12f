"""Writes a file that arrives: decompresses gzip, enforces the limit, and refuses a file that is neither CSV nor
zip."""

import codecs
import re
import zlib
from pathlib import Path
from types import TracebackType

from mailrith_lite import disk, errors

_GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP = b"PK\x03\x04"
_WORKBOOKS = (b"PK\x05\x06", b"\xd0\xcf\x11\xe0")
_OTHER_KINDS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("a PDF document", re.compile(rb"%PDF-")),
    ("packed with zstd", re.compile(rb"\x28\xb5\x2f\xfd")),
    ("a web page", re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)),
    ("JSON", re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*[\[{]|[\[{]\s*\"[^\"]*\"\s*[:\]]|\{\s*\})")),
)
_ESCAPE = b"\x1b"  # not in UTF-8 text; ISO-2022 encodings use it to switch between alphabets
_MAGIC_BYTES = 4
_KIND_BYTES = 64
_INPUT_BYTES = 1 << 14  # given to zlib at once: at the end of each gzip member it copies the rest
_OUTPUT_BYTES = 1 << 20
FREE_BYTES = 1 << 24
MAX_RATIO = 200  # unpacked bytes beyond FREE_BYTES per packed byte; real lists have at most 50
_FREE_MEMBERS = 1_000
_MEMBER_BYTES = 64  # bytes of output that each member beyond _FREE_MEMBERS must have, on average


class Arrival:
    """Writes to a new private file. Blocking: call `write` and `finish` in a thread.

    `size`: bytes that arrived. `written`: bytes on the disk. `encoding`: utf-8 or utf-16 if the whole file is that,
    else None. `is_zip`: the file is a zip archive, which is written as it is.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """`limit`: bytes that arrive, and bytes after decompression."""
        self._file = disk.create_private(path)
        self._limit = limit
        self._held = b""  # the first bytes, until there are enough to know the kind; then those of the text
        self._started = self._text_started = False
        self._gzip: zlib._Decompress | None = None
        self._members = 1
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True
        self._is_utf16 = False
        self.is_zip = False
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
            PayloadTooLarge: the file exceeds the limit; nothing beyond it was written.
            UnsupportedMediaType: the file is a workbook, an archive or of another kind that is not CSV.
            InvalidFile: the gzip data is damaged.
        """
        self.size += len(data)
        if self.size > self._limit:
            raise too_large(self._limit)
        if self._started:
            self._decompress(data)
            return
        self._held += data
        if len(self._held) >= _MAGIC_BYTES:
            self._start()

    def finish(self) -> None:
        """Syncs the file to the disk. Raises as `write` does."""
        if not self._started:
            self._start()
        if self._gzip is not None and not self._gzip.eof:
            raise _damaged()
        if not self._text_started:
            self._start_text()
        self._check_utf8(b"", final=True)
        disk.sync_file(self._file)

    def _start(self) -> None:
        self._started = True
        if self._held.startswith(_GZIP):
            self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        data, self._held = self._held, b""
        self._decompress(data)

    def _decompress(self, data: bytes | bytearray) -> None:
        if self._gzip is None:
            self._hold_or_write(data)
            return
        for start in range(0, len(data), _INPUT_BYTES):
            self._decompress_piece(data[start : start + _INPUT_BYTES])

    def _decompress_piece(self, data: bytes | bytearray) -> None:
        assert self._gzip is not None
        while data:
            if self._gzip.eof:  # a gzip file may have several members, and zeros as padding after the last
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._start_member()
            try:
                self._hold_or_write(self._gzip.decompress(data, _OUTPUT_BYTES))
            except zlib.error:
                raise _damaged() from None
            data = self._gzip.unconsumed_tail or self._gzip.unused_data

    def _start_member(self) -> None:
        self._members += 1
        if self._members > _FREE_MEMBERS + self.written // _MEMBER_BYTES:
            raise errors.InvalidFile("The gzip file has too many tiny members; compress it again.")
        self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def _hold_or_write(self, text: bytes | bytearray) -> None:
        if self._text_started:
            self._write(text)
            return
        self._held += text
        if len(self._held) >= _KIND_BYTES:
            self._start_text()

    def _start_text(self) -> None:
        self._text_started = True
        text, self._held = self._held, b""
        self.is_zip = text.startswith(_ZIP)
        _check_kind(text)
        self._is_utf16 = text.startswith(_UTF16)
        self._write(text)

    def _write(self, text: bytes | bytearray) -> None:
        self.written += len(text)
        if self.written > self._limit:
            raise too_large(self._limit, "unpacks to")
        if self._gzip is not None and self.written > FREE_BYTES + MAX_RATIO * self.size:
            raise errors.InvalidFile(
                f"The gzip file unpacks to more than {MAX_RATIO} times its size; send it uncompressed."
            )
        if self.is_zip:
            self._is_utf8 = False
        elif not self._is_utf16:
            self._check_utf8(text)
        self._file.write(text)

    def _check_utf8(self, text: bytes | bytearray, *, final: bool = False) -> None:
        if _ESCAPE in text:
            self._is_utf8 = False
        if self._is_utf8 and not self._is_utf16:
            if not final and text.isascii() and not self._utf8.getstate()[0]:
                return  # most blocks of most files, and much faster than decoding
            try:
                self._utf8.decode(text, final)
            except UnicodeDecodeError:
                self._is_utf8 = False


def too_large(limit: int, what: str = "has") -> errors.PayloadTooLarge:
    return errors.PayloadTooLarge(f"The file {what} more than {limit:,} bytes, which is the limit; split it.")


def _check_kind(text: bytes) -> None:
    """
    Raises:
        UnsupportedMediaType: the first bytes of the text show that it is not CSV.
    """
    if text.startswith(_WORKBOOKS):
        raise not_csv()
    for kind, pattern in _OTHER_KINDS:
        if pattern.match(text):
            raise errors.UnsupportedMediaType(
                f"This is {kind}, not a CSV file; send the rows as CSV in UTF-8, plain or packed with gzip."
            )


def not_csv() -> errors.UnsupportedMediaType:
    return errors.UnsupportedMediaType(
        "This is a workbook or an archive, not a CSV file; save the sheet as CSV (UTF-8) and send that."
    )


def _damaged() -> errors.InvalidFile:
    return errors.InvalidFile("The gzip file is damaged or incomplete; compress it again.")
