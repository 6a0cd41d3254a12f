"""Connections of the tests to services: a new one for each request would take longer than most requests."""

import contextlib
import select
from collections import defaultdict
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit


class FreeConnections:
    """Any thread may take one."""

    def __init__(self) -> None:
        self._free: defaultdict[str, list[HTTPConnection]] = defaultdict(list)

    @contextlib.contextmanager
    def take(self, url: str) -> Iterator[HTTPConnection]:
        """To the service at `url`, for one request and its whole response. An error closes the connection."""
        host = urlsplit(url).netloc
        free = self._free[host]
        connection = free.pop() if free else HTTPConnection(host, timeout=60)
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()  # the service has closed it; the request opens it again
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        free.append(connection)

    def close(self) -> None:
        for free in self._free.values():
            for connection in free:
                connection.close()
