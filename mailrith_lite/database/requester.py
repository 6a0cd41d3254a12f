"""The request for which a task reads. Its reads stop at a deadline, or when the client closes the connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

from mailrith_lite import errors


class ClientLeft(ConnectionResetError):
    """The client has closed its connection, so nobody reads the answer."""


class Requester:
    """The client of one request. `workspace_id`: 0 until the key is known."""

    def __init__(self) -> None:
        self.workspace_id = 0
        self._left = False
        self._scopes: set[asyncio.Timeout] = set()

    @contextlib.contextmanager
    def requesting(self) -> Iterator[None]:
        """Inside the block, this task and the tasks that it starts read for this client."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def leave(self) -> None:
        """Ends all reads of the request, those that wait for a reader included."""
        self._left = True
        for scope in self._scopes:
            if not scope.expired():
                scope.reschedule(0)

    @contextlib.asynccontextmanager
    async def bounded(self, seconds: float | None) -> AsyncIterator[None]:
        """Ends the block after so many seconds (None: never), or when the client leaves.

        Raises:
            QueryTooSlow, ClientLeft
        """
        if self._left:
            raise ClientLeft
        try:
            async with asyncio.timeout(seconds) as scope:
                self._scopes.add(scope)
                try:
                    yield
                finally:
                    self._scopes.discard(scope)
        except TimeoutError:
            if not scope.expired():
                raise
            raise (ClientLeft() if self._left else errors.QueryTooSlow()) from None


_current: ContextVar[Requester | None] = ContextVar("requester", default=None)


def current() -> Requester | None:
    """None in a job or in housekeeping."""
    return _current.get()
