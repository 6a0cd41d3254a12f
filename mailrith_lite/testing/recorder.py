"""Records what clients send and what the server answers."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, overload

import msgspec

from mailrith_lite.api import idempotency
from mailrith_lite.http import wire_errors
from mailrith_lite.testing import operations
from mailrith_lite.testing.movable_clock import monotonic

When = Literal["before", "after"]
"""Whether a connection breaks before or after the work."""

MAX_BODY = 1 << 20  # bytes of one body
_MAX_REQUESTS = 10_000
_MAX_BYTES = 1 << 26  # of all bodies


class RecordedRequest(msgspec.Struct, kw_only=True):
    """A request and its answer.

    `path` is without the query. Names of headers are in lower case. `operation_id` is None for a request to no
    operation of the contract. `status` is None until the answer; it stays None when the client hung up, or when the
    connection was `dropped`, before or after the work.

    `body` is the first 1 MiB of `body_size` bytes. `moment` is the server's time, in milliseconds since 1970. `at`
    and `ended_at` are seconds of `MovableClock.elapsed`, good for differences.
    """

    number: int = 0
    workspace_id: int | None
    operation_id: str | None
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""
    body_size: int = 0
    moment: int
    at: float
    ended_at: float | None = None
    status: int | None = None
    answer_headers: dict[str, str] = {}
    answer: bytes = b""
    dropped: When | None = None

    @property
    def whole(self) -> bool:
        """Whether `body` is the whole body."""
        return len(self.body) == self.body_size

    @property
    def json(self) -> Any:
        """The body as JSON; None for an empty one.

        Raises:
            ValueError: the body is not JSON, or longer than 1 MiB.
        """
        if not self.whole:
            raise ValueError(f"the body has {self.body_size:,} bytes; the server records up to {MAX_BODY:,}")
        return _decode(self.body) if self.body else None

    @property
    def idempotency_key(self) -> str | None:
        """As the service reads it: a key in double quotes equals the same key without them."""
        header = self.headers.get("idempotency-key")
        with contextlib.suppress(wire_errors.InvalidIdempotencyKey):  # an invalid key is returned as it is
            return None if header is None else idempotency.parse_key(header)
        return header

    @property
    def replayed(self) -> bool:
        return self.answer_headers.get("idempotent-replayed") == "true"

    @property
    def answer_json(self) -> Any:
        """The answer as JSON; None for an answer that is empty, not JSON, or longer than 1 MiB."""
        with contextlib.suppress(ValueError):
            return _decode(self.answer) if self.answer else None
        return None

    @property
    def size(self) -> int:
        """Bytes of both bodies in memory."""
        return len(self.body) + len(self.answer)

    def __str__(self) -> str:
        return f"{self.operation_id or f'{self.method} {self.path}'} {self.status or 'no answer'}"


def _decode(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"this is not JSON: {error}") from None


class RequestLog(Protocol):
    """What Recorder lets every thread but the server's do."""

    @property
    def count(self) -> int: ...

    def select(self, workspace_ids: set[int], after: int) -> list[RecordedRequest]: ...

    def forget(self, workspace_ids: set[int]) -> None: ...

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool: ...


class Recorder:
    """Written by the server's thread, read by all. Drops the oldest of more than 10,000 requests or 64 MiB."""

    def __init__(self) -> None:
        self._requests: deque[RecordedRequest] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._next_change = asyncio.Event()
        self._count = 0
        self.changes = 0  # how often a request has begun or ended

    def begin(self, request: RecordedRequest) -> None:
        """Numbers the request and adds it."""
        with self._changed:
            self._count += 1
            request.number = self._count
            self._requests.append(request)
            self._changed.notify_all()
        self._wake()

    def end(self, request: RecordedRequest, ended_at: float) -> None:
        """Wakes those who wait: the request has its answer, or gets none."""
        with self._changed:
            request.ended_at = ended_at
            self._bytes += request.size
            while len(self._requests) > _MAX_REQUESTS or (self._bytes > _MAX_BYTES and len(self._requests) > 1):
                self._bytes -= self._requests.popleft().size
            self._changed.notify_all()
        self._wake()

    def _wake(self) -> None:
        self.changes += 1
        self._next_change.set()
        self._next_change = asyncio.Event()

    async def wait_for_change(self) -> None:
        """Waits until the next request begins or ends. For the server's loop only."""
        await self._next_change.wait()

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Checks the condition whenever a request begins or ends. Returns False after `timeout` seconds.

        For every thread but the server's.
        """
        deadline = monotonic() + timeout
        with self._changed:  # no request begins or ends between a check and the wait
            while not condition():
                left = deadline - monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    @property
    def count(self) -> int:
        """The number of the newest request."""
        return self._count

    def select(self, workspace_ids: set[int], after: int) -> list[RecordedRequest]:
        """Requests to these workspaces and requests without a known key, with a number above `after`."""
        with self._changed:
            return [
                request
                for request in self._requests
                if request.number > after
                and (request.workspace_id is None or request.workspace_id in workspace_ids)
            ]

    def forget(self, workspace_ids: set[int]) -> None:
        """Drops the requests to these workspaces."""
        with self._changed:
            self._requests = deque(one for one in self._requests if one.workspace_id not in workspace_ids)
            self._bytes = sum(one.size for one in self._requests if one.ended_at is not None)


class Requests(Sequence[RecordedRequest]):
    """The requests to some workspaces since it was made or cleared, in their order: a sequence that grows."""

    def __init__(self, recorder: RequestLog, workspace_ids: set[int]) -> None:
        self._recorder = recorder
        self._workspace_ids = workspace_ids
        self._after = recorder.count

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> RecordedRequest: ...

    @overload
    def __getitem__(self, index: slice) -> list[RecordedRequest]: ...

    def __getitem__(self, index: int | slice) -> RecordedRequest | list[RecordedRequest]:
        return self._all()[index]

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Requests) else other)

    def __repr__(self) -> str:
        return f"<Requests: {', '.join(map(str, self._all())) or 'none'}>"

    def to(self, operation_id: str) -> list[RecordedRequest]:
        """The requests to one operation."""
        operations.check(operation_id)
        return [request for request in self._all() if request.operation_id == operation_id]

    def answered(self, operation_id: str | None) -> list[RecordedRequest]:
        """The requests to the operation (None: to any) that have their answer, or will never get one."""
        return [
            request
            for request in self._all()
            if request.ended_at is not None and operation_id in (None, request.operation_id)
        ]

    def wait_for(
        self, operation_id: str | None = None, *, count: int = 1, timeout: float = 5.0
    ) -> list[RecordedRequest]:
        """Waits for `count` answered (or dropped) requests to the operation, or to any, and returns the first ones.

        Raises:
            TimeoutError: fewer have come within `timeout` seconds; the text lists what has come.
        """
        operations.check(operation_id)
        if not self._recorder.wait_until(lambda: len(self.answered(operation_id)) >= count, timeout):
            raise TimeoutError(
                f"{len(self.answered(operation_id))} of {count} requests to {operation_id or 'any operation'} came"
                f" within {timeout:g} s; there were: {self!r}"
            )
        return self.answered(operation_id)[:count]

    def clear(self) -> None:
        """Forgets every request so far."""
        self._after = self._recorder.count

    def _all(self) -> list[RecordedRequest]:
        return self._recorder.select(self._workspace_ids, self._after)


def mask_key(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with only the beginning and the end of the API key."""
    masked = dict(headers)
    if "authorization" in masked:
        scheme, _, key = masked["authorization"].partition(" ")
        masked["authorization"] = f"{scheme} {key[:8]}…{key[-4:]}" if len(key) > 12 else f"{scheme} …"
    return masked
