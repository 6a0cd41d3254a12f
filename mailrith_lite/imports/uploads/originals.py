"""The file as it was sent: kept when a request can ask for another encoding, or another file of an archive."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from mailrith_lite import errors
from mailrith_lite.imports.records import BrokenFile
from mailrith_lite.imports.uploads import archives, encoding_names, encodings
from mailrith_lite.imports.uploads.archives import ArchivedFile

SUFFIX = ".raw"


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`wrong_bytes`: how many bytes of a UTF-8 file are not UTF-8. `wrong_lines`: the first lines that have any.
    `files`: the CSV files of an archive; the upload shows the first."""

    wrong_bytes: int = 0
    wrong_lines: list[int] = []
    files: list[ArchivedFile] = []


def original_of(path: Path) -> Path:
    """`path`: the text of an upload. Only a file that was not UTF-8, or an archive, has an original next to it."""
    return path.with_suffix(SUFFIX)


def choose_file(origin: Origin, file: str | None) -> str | None:
    """The file of the archive that a request means; None if the upload is not an archive.

    Raises:
        InvalidRequest: there is no such file, or there are several and the request names none.
    """
    names = [one.name for one in origin.files]
    if file is not None and file not in names:
        known = f"its files are {_listed(names)}" if names else "the upload is one CSV file; leave out file"
        raise errors.InvalidRequest(f'"{file[:200]}" is not in the upload; {known}.', field="file")
    if file is None and len(names) > 1:
        raise errors.InvalidRequest(
            f"The archive contains several CSV files; name one of them in file: {_listed(names)}.", field="file"
        )
    return file or next(iter(names), None)


def find_encoding(name: str) -> str:
    """
    Raises:
        InvalidRequest: the encoding is not known.
    """
    encoding = encoding_names.find(name)
    if encoding is None:
        raise errors.InvalidRequest(
            'The encoding is not known; send a name such as "windows-1252", or "utf-8, windows-1252" for a file '
            "that is UTF-8 but for some bytes.",
            field="encoding",
        )
    return encoding


def check_lines(wrong_lines: Sequence[int]) -> None:
    """
    Raises:
        InvalidRequest: the file is UTF-8 but for some bytes, and the request does not say how to read them.
    """
    if wrong_lines:
        lines = ", ".join(map(str, wrong_lines))
        raise errors.InvalidRequest(
            f"The file is UTF-8, but not on line {lines}; correct it, or send the encoding "
            '"utf-8, windows-1252" to read these bytes as windows-1252.',
            field="encoding",
            reason="mixed_encoding",
        )


def write_text(
    text: Path, file: str | None, encoding: str | None, target: Path, *, scratch: Path, limit: int
) -> None:
    """Writes another file of an archive, or the same file in another encoding, to `target`. Blocking.

    `text`: the text of the upload. `encoding`: None to detect it. `scratch`: a path for a temporary file.

    Raises:
        InvalidRequest: the file cannot be read like this.
    """
    sent = original_of(text)
    try:
        if file is not None:
            sent, detected = scratch, archives.extract(sent, file, scratch, limit).encoding
            encoding = encoding or detected
        elif not sent.exists():  # it was UTF-8
            sent = text
        conversion = encodings.rewrite(sent, target, encoding, limit=limit)
    except BrokenFile as error:
        raise errors.InvalidRequest(f"The file cannot be read: {error}.", field="encoding") from None
    except (errors.InvalidFile, errors.UnsupportedMediaType, errors.PayloadTooLarge) as error:
        raise errors.InvalidRequest(error.message, field="file") from None
    finally:
        scratch.unlink(missing_ok=True)
    if encoding is None or ", " not in encoding:
        check_lines(conversion.wrong_lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name[:200]}"' for name in names[:20])
