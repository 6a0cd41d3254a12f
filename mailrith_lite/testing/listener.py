"""The listening sockets of a sandbox, which can refuse connections for a while."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api.protocol import ApiRunner

_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_MAX_SECONDS = 600.0


class Listener:
    """For the server's loop only. `url`: the address of the first host.

    `grace`: how many seconds requests have to finish at the end.
    """

    def __init__(self, app: web.Application, hosts: tuple[str, ...], port: int, *, grace: float) -> None:
        self.url = ""
        self._hosts = hosts
        self._port = port
        self._runner = ApiRunner(app, shutdown_timeout=grace)
        self._bound: list[socket.socket] = []  # hold the port while connections are refused
        self._reopening: asyncio.TimerHandle | None = None
        self._grace = grace
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """
        Raises:
            StartError: an address cannot be used. A further host that this machine does not have is left out.
        """
        await self._runner.setup()
        try:
            first = self._hosts[0]
            for host in self._hosts:
                self._bind(host, self._port, optional=host != first)
                self._port = self._bound[0].getsockname()[1]
            self.url = f"http://[{first}]:{self._port}" if ":" in first else f"http://{first}:{self._port}"
            await self.accept()
            yield
        finally:
            self._cancel_reopening()
            await self._runner.cleanup()
            for bound in self._bound:
                bound.close()

    async def refuse(self, seconds: float) -> None:
        """Refuses new connections, and soon closes the open ones. Accepts again after `seconds`.

        Raises:
            ValueError: `seconds` is out of range.
        """
        if not 0 < seconds <= _MAX_SECONDS:
            raise ValueError(f"connections can be refused for more than 0 and at most {_MAX_SECONDS:.0f} seconds")
        self._cancel_reopening()
        addresses = list(self._runner.addresses)
        for site in list(self._runner.sites):
            await site.stop()
        for host, port, *_ in addresses:
            self._bind(host, port)
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                self._start(connection.shutdown(self._grace))
        self._reopening = asyncio.get_running_loop().call_later(seconds, lambda: self._start(self.accept()))

    async def accept(self) -> None:
        """Accepts connections again."""
        self._cancel_reopening()
        while self._bound:
            await web.SockSite(self._runner, self._bound.pop(0)).start()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel_reopening(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()

    def _bind(self, host: str, port: int, *, optional: bool = False) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            bound = socket.socket(family, kind, protocol)
            try:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                bound.bind(address)
            except OSError:
                bound.close()
                raise
        except OSError as error:
            if optional and error.errno in _NO_SUCH_ADDRESS:
                return
            raise errors.StartError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with --port"
            ) from error
        self._bound.append(bound)
