"""The server of the pytest fixtures, and `serve` for tests without pytest."""

import contextlib
from collections.abc import Iterator

from mailrith_lite.testing.handle import Mailrith, new_workspace
from mailrith_lite.testing.sandbox import EXAMPLE_KEY
from mailrith_lite.testing.server_process import ServerProcess
from mailrith_lite.testing.server_thread import ServerThread


class Server(ServerThread):
    """The fixture `mailrith_server`."""

    def new_workspace(self, name: str | None = None, key: str | None = None) -> Mailrith:
        """An empty workspace with a key of its own. Close it when other tests continue with this server."""
        return new_workspace(self, name, key)


class SeparateServer(ServerProcess):
    """The fixture `mailrith_server` with the option `mailrith_process`."""

    def new_workspace(self, name: str | None = None, key: str | None = None) -> Mailrith:
        """As that of `Server`."""
        return new_workspace(self, name, key)


@contextlib.contextmanager
def serve(*, seed_ids: bool = False, process: bool = False, **settings: object) -> Iterator[Mailrith]:
    """A server as long as the context lasts, with one workspace, whose key is `mrk_example_secret_key`.

    `seed_ids`: ids, keys and times are the same in every run, and the clock does not move until it is advanced.
    `process`: the server runs in a process of its own, not in a thread.
    `settings`: those of the service, such as `max_queued_jobs`. Without `port` the server takes a free one.

    Raises:
        StartError: the server cannot listen on the address.
        BadSetting, TypeError: a setting has a wrong value, or does not exist.
    """
    kind: type[Server | SeparateServer] = SeparateServer if process else Server
    with kind.running(seed_ids=seed_ids, **settings) as server:
        yield server.new_workspace("Default", EXAMPLE_KEY)
