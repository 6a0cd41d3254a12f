"""What the handle of a test needs of its server, which runs in a thread or in a process of its own."""

from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from mailrith_lite.testing.recorder import RequestLog
from mailrith_lite.testing.sandbox import Sandbox

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 60.0  # seconds that one call may take


class ControlledServer(Protocol):
    """`url`: the server's address. `request_log`: the requests to all workspaces. Every thread may use it."""

    url: str

    @property
    def request_log(self) -> RequestLog: ...

    def ask(self, method: Callable[Concatenate[Sandbox, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls a method of `Sandbox` on the server's loop, with the server's clock.

        Raises:
            ValueError: a value breaks a rule of the API; the text says which one does.
            TimeoutError: the call does not end within a minute.
            RuntimeError: the server has stopped.
        """
        ...
