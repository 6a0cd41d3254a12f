"""A sandbox in a thread of its own, so that blocking clients and asyncio ones can talk to it."""

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

from mailrith_lite import clock
from mailrith_lite.errors import MailrithError
from mailrith_lite.settings import Settings
from mailrith_lite.testing.recorder import monotonic
from mailrith_lite.testing.sandbox import Sandbox, load_settings, open_sandbox

T = TypeVar("T")
_PATIENCE = 60.0  # seconds


class ServerThread:
    """`url` is the server's address. Every method may be called from any other thread."""

    sandbox: Sandbox

    def __init__(self, settings: Settings, *, seed_ids: bool) -> None:
        self.url = ""
        self._settings = settings
        self._seed_ids = seed_ids
        self._begun = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mailrith", daemon=True)

    @classmethod
    @contextlib.contextmanager
    def running(cls, *, seed_ids: bool = False, **settings: Any) -> Iterator[Self]:
        """A running server as long as the context lasts; `settings` as `server.serve` takes them.

        Raises:
            StartError: the address cannot be used.
        """
        with tempfile.TemporaryDirectory(prefix="mailrith-") as folder:
            server = cls(load_settings(Path(folder) / "data", **settings), seed_ids=seed_ids)
            server._thread.start()
            try:
                server._begun.wait()
                if server._failure is None:
                    yield server
            finally:
                server._end()
                server._thread.join()
            if server._failure is not None:
                raise server._failure

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the server's loop and by the server's clock.

        Raises:
            ValueError: what was asked for breaks a rule of the API.
            TimeoutError: it does not end.
            RuntimeError: the server has ended.
        """

        async def on_time() -> T:
            clock.use(self.sandbox.instruments.clock.now)
            return await work

        if not self._thread.is_alive():
            work.close()
            raise RuntimeError("this server has ended")
        future = asyncio.run_coroutine_threadsafe(on_time(), self._loop)
        try:
            return future.result(_PATIENCE)
        except MailrithError as error:
            field = error.details.get("field")
            raise ValueError(error.message + (f" ({field})" if field else "")) from None
        except TimeoutError as error:
            future.cancel()
            raise TimeoutError(str(error) or f"this has not ended within {_PATIENCE:.0f} s") from None

    def _run(self) -> None:
        async def live() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            async with open_sandbox(self._settings, stable=self._seed_ids) as (self.url, self.sandbox):
                self._begun.set()
                await self._stop.wait()

        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                runner.run(live())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._begun.set()

    def _end(self) -> None:
        with contextlib.suppress(RuntimeError, AttributeError):  # the loop has ended by itself, or never begun
            self._loop.call_soon_threadsafe(self._stop.set)


class _Loop(asyncio.SelectorEventLoop):
    def time(self) -> float:
        """A test that freezes the time does not freeze the server's timers."""
        return monotonic()
