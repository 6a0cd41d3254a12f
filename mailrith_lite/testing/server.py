"""A sandbox in a thread of its own, so that blocking clients and asyncio ones can talk to it."""

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from mailrith_lite import clock
from mailrith_lite.errors import MailrithError
from mailrith_lite.testing.handle import Mailrith
from mailrith_lite.testing.sandbox import EXAMPLE_KEY, open_sandbox

T = TypeVar("T")
_PATIENCE = 60.0  # seconds


@contextlib.contextmanager
def serve(*, seed_ids: bool = False, **settings: Any) -> Iterator[Mailrith]:
    """A server as long as the context lasts, with one workspace, whose key is `mrk_example_secret_key`.

    `seed_ids`: ids, keys and times are the same in every run, and the clock stands still until it is advanced.
    `settings`: as those of the service, such as `port` (a free one if you name none) or `max_queued_jobs`.

    Raises:
        StartError: the address cannot be used.
    """
    with Server.running(seed_ids=seed_ids, **settings) as server:
        yield server.new_workspace("Default", EXAMPLE_KEY)


class Server:
    def __init__(self) -> None:
        self.url = ""
        self._begun = threading.Event()
        self._failure: BaseException | None = None

    @classmethod
    @contextlib.contextmanager
    def running(cls, *, seed_ids: bool = False, **settings: Any) -> Iterator["Server"]:
        with tempfile.TemporaryDirectory(prefix="mailrith-") as folder:
            server = cls()
            directory = Path(folder) / "data"
            thread = threading.Thread(
                target=server._run, args=(directory, seed_ids, settings), name="mailrith", daemon=True
            )
            thread.start()
            server._begun.wait()
            try:
                if server._failure is not None:
                    raise server._failure
                yield server
            finally:
                server._end()
                thread.join()

    def new_workspace(self, name: str | None = None, key: str | None = None) -> Mailrith:
        access = self.wait(self.sandbox.new_workspace(name, key))
        return Mailrith(self, access.workspace_id, access.api_key)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the server's loop and by the server's clock.

        Raises:
            ValueError: what was asked for breaks a rule of the API.
        """

        async def on_time() -> T:
            clock.use(self.sandbox.around.moment.now)
            return await work

        try:
            return asyncio.run_coroutine_threadsafe(on_time(), self._loop).result(_PATIENCE)
        except MailrithError as error:
            field = error.details.get("field")
            raise ValueError(error.message + (f" ({field})" if field else "")) from None

    def _run(self, directory: Path, seed_ids: bool, settings: dict[str, Any]) -> None:
        async def live() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            async with open_sandbox(directory, stable=seed_ids, **settings) as (self.url, self.sandbox):
                self._begun.set()
                await self._stop.wait()

        try:
            asyncio.run(live())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._begun.set()

    def _end(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
