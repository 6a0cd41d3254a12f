"""The socket on which the service listens: a port, or a Unix socket."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api.protocol import ApiRunner
from mailrith_lite.http.services import SERVICES
from mailrith_lite.settings import Settings

_BACKLOG = 128
_SOCKET_MODE = 0o660  # a connection needs the right to write; others of the machine do not have it


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """Sockets of this process on which it does not listen yet: connections are refused.

    `address`: what a client of `service` connects to. `metrics`: empty without a listener of their own.
    """

    service: list[socket.socket]
    metrics: list[socket.socket]
    address: str


@contextlib.asynccontextmanager
async def binding(settings: Settings) -> AsyncIterator[Bound]:
    """Takes the addresses of the settings until the context ends.

    Raises:
        StartError: an address cannot be used.
    """
    with contextlib.ExitStack() as stack:
        if settings.socket is not None:
            service = [stack.enter_context(_unix_socket(settings.socket))]
            address = f"unix:{settings.socket}"
        else:
            service = await _bind(stack, settings.host, settings.port, flag="--port")
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            address = f"http://{host}:{service[0].getsockname()[1]}"
        metrics = []
        if settings.metrics_port is not None:
            metrics = await _bind(stack, "127.0.0.1", settings.metrics_port, flag="--metrics-port")
        yield Bound(service=service, metrics=metrics, address=address)


@contextlib.asynccontextmanager
async def listening(app: web.Application, sockets: Sequence[socket.socket], *, grace: float) -> AsyncIterator[None]:
    """Listens on the sockets. At the end, requests have `grace` seconds to finish."""
    runner = ApiRunner(app, shutdown_timeout=grace)
    await runner.setup()
    try:
        for bound in sockets:
            await _site(runner, bound).start()
        yield
        app[SERVICES].stopping = True
    finally:
        await runner.cleanup()


def _site(runner: web.AppRunner, bound: socket.socket) -> web.BaseSite:
    return _UnixSite(runner, bound) if bound.family == socket.AF_UNIX else web.SockSite(runner, bound)


async def _bind(stack: contextlib.ExitStack, host: str, port: int, *, flag: str) -> list[socket.socket]:
    """A socket for each address of the host. asyncio binds them, because it knows the options that each needs."""
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, start_serving=False)
    except OSError as error:
        raise errors.StartError(
            f"cannot listen on {host}:{port}: {_reason(error)}; choose another with {flag}"
        ) from error
    bound = [stack.enter_context(socket.fromfd(one.fileno(), one.family, one.type)) for one in server.sockets]
    server.close()
    return bound


@contextlib.contextmanager
def _unix_socket(path: Path) -> Iterator[socket.socket]:
    """Replaces the socket of a service that was killed. Removes its own at the end.

    Raises:
        StartError: the path cannot be used, or another service listens there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        try:
            if path.is_socket():
                _refuse_served(path)
                path.unlink()
            bound.bind(str(path))
            path.chmod(_SOCKET_MODE)
        except OSError as error:
            raise errors.StartError(
                f"cannot listen on {path}: {_reason(error)}; choose another path with --socket"
            ) from error
        try:
            yield bound
        finally:
            path.unlink(missing_ok=True)


def _refuse_served(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, contextlib.suppress(ConnectionRefusedError):
        client.connect(str(path))
        raise errors.StartError(f"another process listens on {path}; choose another path with --socket")


def _reason(error: OSError) -> object:
    return os.strerror(error.errno) if error.errno else error


class _UnixSite(web.BaseSite):
    """Listens on a socket that is bound already, so that its mode is right before the first connection."""

    def __init__(self, runner: web.AppRunner, bound: socket.socket) -> None:
        super().__init__(runner, backlog=_BACKLOG)
        self._bound = bound

    @property
    def name(self) -> str:
        return f"unix:{self._bound.getsockname()}"

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None
        self._server = await asyncio.get_running_loop().create_unix_server(
            server, sock=self._bound, backlog=self._backlog
        )
