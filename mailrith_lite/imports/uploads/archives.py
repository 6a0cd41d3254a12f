"""Zip archives: which CSV files one contains, and the text of one of them."""

import re
import struct
import zipfile
import zlib
from pathlib import Path

import msgspec

from mailrith_lite import errors
from mailrith_lite.imports.uploads.arrival import FREE_BYTES, MAX_RATIO, Arrival, not_csv, too_large

_MAX_DIRECTORY = 1 << 20  # bytes of the archive's list of files, which is read into memory
_MAX_FILES = 100
_BLOCK = 1 << 16
_END = struct.Struct("<4s4H2LH")
_LONGEST_COMMENT = 1 << 16
_END64 = b"PK\x06\x07"
_CSV_NAME = re.compile(r".*\.(?:csv|tsv|tab|txt)(?:\.gz)?", re.IGNORECASE | re.DOTALL)
_ARCHIVE_NAME = re.compile(r".*\.(?:zip|rar|7z|tar|tgz)", re.IGNORECASE | re.DOTALL)
_WORKBOOK_PARTS = frozenset({"[Content_Types].xml", "mimetype", "xl/workbook.xml"})
_ENCRYPTED = 1


class ArchivedFile(msgspec.Struct, frozen=True, kw_only=True):
    """`size`: bytes, unpacked, as the archive says."""

    name: str
    size: int


def list_files(path: Path, limit: int) -> list[ArchivedFile]:
    """The CSV files of the archive, at least one. `limit`: bytes of a file.

    Raises:
        UnsupportedMediaType: it is a workbook, or not a zip archive.
        InvalidFile, PayloadTooLarge: the text says what must change.
    """
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, UnicodeError, struct.error, ValueError):
        raise _damaged() from None
    if any(member.filename in _WORKBOOK_PARTS for member in members):
        raise not_csv()
    named = {member.filename: member for member in reversed(members) if _is_csv(member)}
    if not named:
        if any(_ARCHIVE_NAME.fullmatch(member.filename) for member in members):
            raise errors.InvalidFile("The archive contains another archive; unpack it, and send the CSV file.")
        raise errors.InvalidFile("The archive contains no CSV file; pack the CSV files alone.")
    if len(named) > _MAX_FILES:
        raise errors.InvalidFile(f"The archive contains more than {_MAX_FILES} CSV files; send fewer at a time.")
    for member in named.values():
        _check_member(member, limit)
    return [ArchivedFile(name=member.filename, size=member.file_size) for member in reversed(named.values())]


def extract(path: Path, name: str, target: Path, limit: int) -> Arrival:
    """Writes the file to `target`, where it is decompressed and checked like one that arrives. Blocking.

    Raises:
        PayloadTooLarge, UnsupportedMediaType, InvalidFile: the text says what must change.
    """
    try:
        with zipfile.ZipFile(path) as archive, Arrival(target, limit) as arrival:
            member = next(one for one in archive.infolist() if one.filename == name and _is_csv(one))
            with archive.open(member) as file:
                while block := file.read(_BLOCK):
                    arrival.write(block)
                    if arrival.size > FREE_BYTES + MAX_RATIO * member.compress_size:
                        raise errors.InvalidFile(
                            f"The archive unpacks to more than {MAX_RATIO} times its size; send the file unpacked."
                        )
            arrival.finish()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error):
        raise _damaged() from None
    if arrival.is_zip:
        raise errors.InvalidFile("The archive contains another archive; unpack it, and send the CSV file.")
    return arrival


def _check_directory(path: Path) -> None:
    """Refuses an archive whose list of files would take much memory, before it is read."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
        tail = file.read()
    begin = tail.rfind(b"PK\x05\x06")
    if begin < 0 or len(tail) - begin < _END.size:
        raise not_csv()
    length = _END.unpack_from(tail, begin)[5]
    if length > _MAX_DIRECTORY or _END64 in tail[max(0, begin - 20) : begin]:
        raise errors.InvalidFile("The archive contains too many files; pack the CSV files alone.")


def _is_csv(member: zipfile.ZipInfo) -> bool:
    parts = member.filename.split("/")
    hidden = parts[-1].startswith(".") or "__MACOSX" in parts  # macOS adds a file about each file
    return not hidden and _CSV_NAME.fullmatch(member.filename) is not None


def _check_member(member: zipfile.ZipInfo, limit: int) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise errors.InvalidFile("The archive is encrypted; unpack it with its password, and send the CSV file.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise errors.InvalidFile("The archive is packed in an unusual way; pack it again as an ordinary zip file.")
    if member.file_size > limit:
        raise too_large(limit, "unpacks to")


def _damaged() -> errors.InvalidFile:
    return errors.InvalidFile("The zip archive is damaged or incomplete; pack it again.")
