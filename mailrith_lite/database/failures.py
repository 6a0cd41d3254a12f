"""What SQLite raises while the disk is full or the file is locked, as errors of the service."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mailrith_lite import disk, errors

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_FILE = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""Also raised when a file of the database, such as its wal-index, cannot grow or be created on a full disk."""


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """`path`: of the database.

    Raises:
        StorageFull: the disk is full.
        DatabaseBusy: another program holds a lock on the database.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if is_locked(error):
            raise errors.DatabaseBusy from error
        if is_full(error, path):
            raise errors.StorageFull from error
        raise


def is_locked(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in _LOCKED


def is_full(error: sqlite3.DatabaseError, path: Path) -> bool:
    """`path`: of the database. Whether the error comes from a full disk."""
    code = error.sqlite_errorcode
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE):
        return True
    return code & 0xFF in _NO_FILE and not disk.has_room(path.parent)
