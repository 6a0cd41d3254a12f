"""Files that only their owner reads, and names that survive a power cut."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def is_full(error: BaseException) -> bool:
    """Did the disk, or its owner's share of it, have no room left?"""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def create_private(path: Path) -> BinaryIO:
    """A new empty file of mode 0600 from its first moment; one that is there already is emptied."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def private_directory(path: Path) -> Path:
    """The directory, made if it is not there, of mode 0700.

    Raises:
        OSError: it cannot be made, or it is one that everybody shares, such as /tmp.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & stat.S_ISVTX:
        raise PermissionError(errno.EPERM, "it is shared with others; name a directory of its own", str(path))
    path.chmod(0o700)
    return path


def sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """After a file was created or renamed in it."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
