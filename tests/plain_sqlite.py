"""SQLite without the service."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def opened(path: Path | str) -> Iterator[sqlite3.Connection]:
    """A connection that commits each statement, and is closed at the end: Python 3.13 warns of one that is not."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection
