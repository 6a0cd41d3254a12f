"""GETs of one address on many connections, sent with as little work as possible: the machine is the service's."""

import asyncio
import statistics
import time
from urllib.parse import urlsplit

from benchmarks.service import KEY

CONNECTIONS = 16


async def load(address: str, stop: asyncio.Event, *, key: str = KEY) -> list[float]:
    """Milliseconds of each GET, one after another on each connection, until `stop` is set.

    Raises:
        RuntimeError: an answer is not 200.
    """
    parts = urlsplit(address)
    loop, times = asyncio.get_running_loop(), list[float]()
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    connections = [
        await loop.create_connection(lambda: _Connection(request, times), parts.hostname or "", parts.port or 80)
        for _ in range(CONNECTIONS)
    ]
    await stop.wait()
    await asyncio.gather(*(connection.ended(transport) for transport, connection in connections))
    return times


async def load_for(address: str, seconds: float, *, key: str = KEY) -> list[float]:
    """As `load`, for so many seconds."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await load(address, stop, key=key)


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, times: list[float]) -> None:
        self._request = request
        self._times = times
        self._received = b""
        self._stopping = False
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        self._times.append((time.perf_counter() - self._began) * 1_000)
        self._received = b""
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail(RuntimeError(head.decode()))
        elif self._stopping:
            self._end.set_result(None)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or RuntimeError("the service has closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self._end.done():
            self._end.set_exception(error)

    async def ended(self, transport: asyncio.BaseTransport) -> None:
        """Waits for the answer that is due, and closes the connection."""
        self._stopping = True
        try:
            await self._end
        finally:
            transport.close()


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]
