"""Files that only their owner can read, and writes that survive a power cut."""

import asyncio
import contextlib
import errno
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator, Set
from pathlib import Path
from typing import BinaryIO

import msgspec

_PIECE = 1 << 20  # bytes
_SMALL_WRITE = 1 << 17  # bytes
_RESERVE = 1 << 16  # bytes


def is_full(error: BaseException) -> bool:
    """Whether the error says that the disk, or the quota of its owner, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_out_of_descriptors(error: BaseException) -> bool:
    """Whether the error says that the process, or the machine, has too many open files."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def has_room(directory: Path) -> bool:
    """Whether the disk of the directory has more free space than a small write needs."""
    usage = os.statvfs(directory)
    return usage.f_bavail * usage.f_frsize >= _SMALL_WRITE


@contextlib.contextmanager
def reserve(directory: Path) -> Iterator[None]:
    """Keeps the file `reserve`, which the next start deletes if the disk is full by then.

    A start needs 36 KiB: in WAL mode SQLite makes an index of the WAL to read, and deletes it at the end.
    """
    path = directory / "reserve"
    if has_room(directory):
        _fill(path)
    else:
        path.unlink(missing_ok=True)
    try:
        yield
    finally:
        _fill(path)


def _fill(path: Path) -> None:
    if path.exists() and path.stat().st_size == _RESERVE:
        return
    with contextlib.suppress(OSError), create_private(path) as file:  # on a full disk, as much as there is room for
        file.write(os.urandom(_RESERVE))  # a file system that compresses would keep no space for zeros


class NamedFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a directory that the database names. `pattern`: of the names that the service gives.

    A file in `required` must exist, one in `optional` may.
    """

    pattern: re.Pattern[str]
    required: Set[str]
    optional: Set[str] = frozenset()

    def orphans(self, directory: Path) -> Iterator[Path]:
        """The service's files that no row names."""
        kept = self.required | self.optional
        return (path for path in files_in(directory) if self.pattern.fullmatch(path.name) and path.name not in kept)


async def sweep(directory: Path, named: NamedFiles) -> None:
    """Deletes the orphans, in a thread, because there can be many."""
    await asyncio.to_thread(_sweep, directory, named)


def _sweep(directory: Path, named: NamedFiles) -> None:
    for path in named.orphans(directory):
        path.unlink()


async def remove(*paths: Path) -> None:
    """Deletes those files that exist, in a thread: for a large file this takes most of a second."""
    for path in paths:
        if path.exists():
            await asyncio.to_thread(path.unlink, missing_ok=True)


async def read_pieces(path: Path) -> AsyncIterator[bytes]:
    """The content of the file, read in threads."""
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def create_private(path: Path) -> BinaryIO:
    """Opens an empty file, which has mode 0600 from the moment it exists. Truncates an existing file.

    A file that root creates belongs to the owner of its directory: the service may run as that user.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    _give_to_owner(descriptor, path.parent)
    return os.fdopen(descriptor, "wb")


def _give_to_owner(made: int | Path, directory: Path) -> None:
    owner = directory.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(made, owner.st_uid, owner.st_gid)


def private_directory(path: Path) -> Path:
    """Creates the directory if needed, and returns it. Its mode is 0700 if this user owns it.

    A directory that root creates belongs to the owner of the one above it.

    Raises:
        OSError: the directory cannot be created or written, or everybody shares it, such as /tmp.
    """
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _give_to_owner(path, path.parent)
    if path.stat().st_mode & stat.S_ISVTX:
        raise PermissionError(errno.EPERM, "it is shared with others; name a directory of its own", str(path))
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    make_private(path, 0o700)
    return path


def make_private(path: Path, mode: int) -> None:
    """Sets the mode of a file or directory of this user. Of another owner, such as a mounted volume, it stays."""
    status = path.stat()
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != mode:
        path.chmod(mode)


def files_in(directory: Path) -> Iterator[Path]:
    """The regular files, without directories."""
    return (path for path in directory.iterdir() if path.is_file())


def sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Call it after a file in the directory was created or renamed."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
