"""The files that `import FILE` reads: the file itself, standard input, or each CSV file of a zip."""

import contextlib
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from mailrith_lite.errors import StartError
from mailrith_lite.imports.uploads.file_names import status_of_file

STDIN = Path("-")
_CSV_ENDINGS = (".csv", ".tsv", ".txt")


class InputFile(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: as the service sees it; it can say what the people in the file have in common."""

    path: Path
    name: str


@contextlib.contextmanager
def open_inputs(file: Path) -> Iterator[list[InputFile]]:
    """One file, or the CSV files of a zip that has several. Copies last as long as the context.

    Raises:
        StartError: the file cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="mailrith-lite-import-") as directory:
        try:
            yield _inputs(file, Path(directory))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise StartError(f"{file} cannot be opened as a zip: {error}") from error


def _inputs(file: Path, directory: Path) -> list[InputFile]:
    if file == STDIN:
        copy = directory / "stdin.csv"
        with copy.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        return [InputFile(path=copy, name=copy.name)]
    try:
        mode = file.stat().st_mode
        with file.open("rb"):
            pass
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from error
    if stat.S_ISREG(mode) and zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if _is_csv(member)]
            if len(members) > 1:
                return [
                    _extract(archive, member, directory / str(n), file.stem) for n, member in enumerate(members)
                ]
    return [InputFile(path=file, name=file.name)]


def _is_csv(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not member.is_dir() and not hidden and path.suffix.lower() in _CSV_ENDINGS


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, copy: Path, archive_name: str) -> InputFile:
    """Named like the file in the archive, after the folders and the archive if these say who the people are."""
    with archive.open(member) as packed, copy.open("wb") as target:
        shutil.copyfileobj(packed, target)
    *folders, name = PurePosixPath(member.filename).parts
    telling = [part for part in (archive_name, *folders) if status_of_file(f"{part}.zip") is not None]
    return InputFile(path=copy, name=" ".join([*telling, name]))
