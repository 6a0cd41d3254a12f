"""The socket on which the service listens: a port, or a Unix socket."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api.protocol import ApiRunner
from mailrith_lite.http.services import SERVICES
from mailrith_lite.settings import Settings

_BACKLOG = 128
_SOCKET_MODE = 0o660  # a connection needs the right to write; others of the machine do not have it


@contextlib.asynccontextmanager
async def listening(app: web.Application, settings: Settings, *, grace: float) -> AsyncIterator[str]:
    """Listens; yields the address. At the end, requests have `grace` seconds to finish.

    Raises:
        StartError: the address cannot be used.
    """
    runner = ApiRunner(app, shutdown_timeout=grace)
    with contextlib.ExitStack() as stack:
        bound = stack.enter_context(_unix_socket(settings.socket)) if settings.socket else None
        await runner.setup()
        try:
            if bound is None:
                yield await _listen_on_port(runner, settings.host, settings.port)
            else:
                await _UnixSite(runner, bound).start()
                yield f"unix:{settings.socket}"
            app[SERVICES].stopping = True
        finally:
            await runner.cleanup()


@contextlib.asynccontextmanager
async def listening_for_metrics(app: web.Application, port: int | None) -> AsyncIterator[None]:
    """Listens on the port of this machine's own address. None: does nothing.

    Raises:
        StartError: the port cannot be used.
    """
    if port is None:
        yield
        return
    runner = ApiRunner(app)
    await runner.setup()
    try:
        await _listen_on_port(runner, "127.0.0.1", port, flag="--metrics-port")
        yield
    finally:
        await runner.cleanup()


async def _listen_on_port(runner: web.AppRunner, host: str, port: int, *, flag: str = "--port") -> str:
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        raise errors.StartError(
            f"cannot listen on {host}:{port}: {_reason(error)}; choose another with {flag}"
        ) from error
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{runner.addresses[0][1]}"


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
