"""The size of the chunks of a job that shares the database with requests."""

import contextlib
from collections.abc import Iterator
from time import monotonic

from mailrith_lite.database import Database

_MIN_ROWS = 200
_CHUNK_SECONDS = 0.015
"""How long a chunk may take while somebody else waits to write."""


class Pace:
    """The number of rows of the next chunk: `most` if nobody waits to write, else as many as take a few
    milliseconds."""

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._rows_per_second = 20_000.0
        self._most = self._limit = most

    @property
    def rows(self) -> int:
        if not self._database.contended():
            return self._limit
        return min(self._limit, max(_MIN_ROWS, int(self._rows_per_second * _CHUNK_SECONDS)))

    @contextlib.contextmanager
    def measure(self, rows: int) -> Iterator[None]:
        start = monotonic()
        yield
        speed = rows / max(monotonic() - start, 1e-6)
        self._rows_per_second += 0.3 * (speed - self._rows_per_second)
        self._limit = min(self._most, 2 * self._limit)

    def halve(self, rows: int) -> None:
        """Call it if a chunk of so many rows was too large."""
        self._limit = max(1, rows // 2)
