"""A sandbox in a thread of its own, so that blocking clients can talk to it as asyncio ones can."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Concatenate, ParamSpec, Self, TypeVar

from mailrith_lite import clock
from mailrith_lite.errors import MailrithError
from mailrith_lite.settings import Settings
from mailrith_lite.testing.controlled_server import PATIENCE
from mailrith_lite.testing.movable_clock import monotonic
from mailrith_lite.testing.quiet_logs import THREAD_NAME, quiet_logs
from mailrith_lite.testing.recorder import RequestLog
from mailrith_lite.testing.sandbox import Sandbox, load_settings, open_sandbox
from mailrith_lite.testing.temporary_directory import temporary_directory
from mailrith_lite.threads import start_pool

T = TypeVar("T")
P = ParamSpec("P")
_POOL_THREADS = 8


class ServerThread:
    """`url`: the server's address. Every other thread may call `ask`."""

    sandbox: Sandbox

    def __init__(self, settings: Settings, *, seed_ids: bool) -> None:
        self.url = ""
        self._settings = settings
        self._seed_ids = seed_ids
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    @classmethod
    @contextlib.contextmanager
    def running(cls, *, seed_ids: bool = False, **settings: object) -> Iterator[Self]:
        """A running server for as long as the context lasts. Takes what `server.serve` takes.

        Raises:
            StartError: the server cannot listen on the address.
        """
        with quiet_logs(), temporary_directory() as folder:
            server = cls(load_settings(folder / "data", **settings), seed_ids=seed_ids)
            server._thread.start()
            try:
                server._started.wait()
                if server._failure is None:
                    yield server
            finally:
                server._stop_thread()
            if server._failure is not None:
                raise server._failure

    @property
    def request_log(self) -> RequestLog:
        return self.sandbox.instruments.recorder

    def ask(self, method: Callable[Concatenate[Sandbox, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ControlledServer says."""

        async def run() -> T:
            clock.use(self.sandbox.instruments.clock.now)
            return await method(self.sandbox, *args, **kwargs)

        if not self._thread.is_alive():
            raise RuntimeError("this server has stopped")
        future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        try:
            return future.result(PATIENCE)
        except MailrithError as error:
            field = error.details.get("field")
            raise ValueError(error.message + (f" ({field})" if field else "")) from None
        except TimeoutError as error:
            future.cancel()
            raise TimeoutError(str(error) or f"this has not ended within {PATIENCE:.0f} s") from None

    def _run(self) -> None:
        async def serve() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self._loop.set_default_executor(start_pool(_POOL_THREADS, THREAD_NAME))
            async with open_sandbox(self._settings, stable=self._seed_ids) as self.sandbox:
                self.url = self.sandbox.listener.url
                self._started.set()
                await self._stop.wait()

        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                runner.run(serve())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._started.set()

    def _stop_thread(self) -> None:
        with contextlib.suppress(RuntimeError, AttributeError):  # the loop is closed, or was never made
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


class _Loop(asyncio.SelectorEventLoop):
    def time(self) -> float:
        """Keeps the server's timers running in a test that freezes the time."""
        return monotonic()
