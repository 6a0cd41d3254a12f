"""SQLite without the service."""

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def opened(path: Path | str) -> Iterator[sqlite3.Connection]:
    """A connection that commits each statement, and is closed at the end: Python 3.13 warns of one that is not."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def read_in_use(path: Path) -> bytes:
    """The bytes of a file, which another process reads.

    A process that closes a file loses all its locks on it. Without them, a command deletes the WAL of a service
    that runs in this process.
    """
    return subprocess.run(["cat", path], capture_output=True, check=True).stdout
