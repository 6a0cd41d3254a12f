"""What clients sent, in order, and what they got."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from mailrith_lite import errors
from mailrith_lite.api import idempotency
from mailrith_lite.testing import operations

When = Literal["before", "after"]

MAX_KEPT = 10_000
MAX_BODY = 1 << 20
MAX_BYTES = 1 << 26


def monotonic() -> float:
    """Seconds of a clock that nobody freezes: what replaces `time.monotonic` for a test leaves this one alone."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Recorded(msgspec.Struct, kw_only=True):
    """One request. `path` is without the query; headers have lower-case names; `operation_id` is None where nothing
    of the contract was hit. `status` is None until there is an answer, and for good when the connection was
    `dropped`, before the work or after it.

    `body` is cut off at 1 MiB of its `body_size`. `moment` is the server's clock, in milliseconds since 1970; `at`
    and `ended_at` are seconds of a clock that never goes back, with all that the server's clock was advanced by.
    """

    number: int
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
        """Was the body kept to its end?"""
        return len(self.body) == self.body_size

    @property
    def json(self) -> Any:
        """The body as JSON; None when there is none.

        Raises:
            ValueError: it is not JSON, or too long to have been kept.
        """
        if not self.whole:
            raise ValueError(f"the body has {self.body_size:,} bytes; up to {MAX_BODY:,} are kept")
        return _decoded(self.body) if self.body else None

    @property
    def idempotency_key(self) -> str | None:
        """As the service reads it: one in double quotes equals the bare one."""
        sent = self.headers.get("idempotency-key")
        with contextlib.suppress(errors.InvalidIdempotencyKey):  # one that cannot be is shown as it came
            return None if sent is None else idempotency.parse_key(sent)
        return sent

    @property
    def replayed(self) -> bool:
        return self.answer_headers.get("idempotent-replayed") == "true"

    @property
    def answer_json(self) -> Any:
        """What was answered, as JSON; None when it is none, or too long to be kept."""
        with contextlib.suppress(ValueError):
            return _decoded(self.answer) if self.answer else None
        return None


def _decoded(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"this is not JSON: {error}") from None


class Recorder:
    """Written by the server's thread, read by any. The oldest requests go when there are more than 10,000, or more
    than 64 MiB of them."""

    def __init__(self) -> None:
        self._kept: deque[Recorded] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._ended = asyncio.Event()
        self._count = 0

    def begin(self, passed: float, **fields: Any) -> Recorded:
        """`passed`: seconds by which the server's clock has been advanced so far."""
        with self._changed:
            self._count += 1
            found = Recorded(number=self._count, at=monotonic() + passed, **fields)
            self._kept.append(found)
            return found

    def end(self, found: Recorded, passed: float) -> None:
        with self._changed:
            found.ended_at = monotonic() + passed
            self._bytes += _size(found)
            while len(self._kept) > MAX_KEPT or (self._bytes > MAX_BYTES and len(self._kept) > 1):
                self._bytes -= _size(self._kept.popleft())
            self._changed.notify_all()
        self._ended.set()
        self._ended = asyncio.Event()

    async def next_end(self) -> None:
        """Until a request has been answered; for the server's loop."""
        await self._ended.wait()

    @property
    def count(self) -> int:
        """How many there have been so far."""
        return self._count

    def of(self, workspaces: set[int], after: int) -> list[Recorded]:
        """Those of the workspaces behind number `after`, and those that came without a key that is known."""
        with self._changed:
            return [
                one
                for one in self._kept
                if one.number > after and (one.workspace_id is None or one.workspace_id in workspaces)
            ]

    def forget(self, workspaces: set[int]) -> None:
        """What was sent to them takes no room any more."""
        with self._changed:
            self._kept = deque(one for one in self._kept if one.workspace_id not in workspaces)
            self._bytes = sum(_size(one) for one in self._kept if one.ended_at is not None)

    def wait_until(self, there: Callable[[], bool], timeout: float) -> bool:
        """Until it is there, looking whenever a request has been answered; for any other thread."""
        ends = monotonic() + timeout
        with self._changed:  # nothing is answered between a look and the wait
            while not there():
                left = ends - monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True


class Requests(Sequence[Recorded]):
    """What was sent to some workspaces: a list that grows."""

    def __init__(self, recorder: Recorder, workspaces: set[int]) -> None:
        self._recorder = recorder
        self._workspaces = workspaces
        self._after = recorder.count

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Requests) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Requests: {', '.join(map(_short, self._all())) or 'none'}>"

    def to(self, operation_id: str) -> list[Recorded]:
        """Those that hit the operation."""
        operations.check(operation_id)
        return [one for one in self._all() if one.operation_id == operation_id]

    def answered(self, operation_id: str | None) -> list[Recorded]:
        """Those that have their answer, or will never have one."""
        return [one for one in self._all() if one.ended_at is not None and operation_id in (None, one.operation_id)]

    def wait_for(self, operation_id: str | None = None, *, count: int = 1, timeout: float = 5.0) -> list[Recorded]:
        """The first `count` answered (or dropped) requests to the operation, or to any; waits until they are there.

        Raises:
            TimeoutError: they did not come within `timeout` seconds; the text says what came instead.
        """
        operations.check(operation_id)
        if not self._recorder.wait_until(lambda: len(self.answered(operation_id)) >= count, timeout):
            raise TimeoutError(
                f"{len(self.answered(operation_id))} of {count} requests to {operation_id or 'any operation'} came"
                f" within {timeout:g} s; there were: {self!r}"
            )
        return self.answered(operation_id)[:count]

    def clear(self) -> None:
        """Forgets those that came so far."""
        self._after = self._recorder.count

    def _all(self) -> list[Recorded]:
        return self._recorder.of(self._workspaces, self._after)


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """With the key as it begins and ends."""
    found = dict(headers)
    if "authorization" in found:
        scheme, _, key = found["authorization"].partition(" ")
        found["authorization"] = f"{scheme} {key[:8]}…{key[-4:]}" if len(key) > 12 else f"{scheme} …"
    return found


def _size(found: Recorded) -> int:
    return len(found.body) + len(found.answer)


def _short(found: Recorded) -> str:
    return f"{found.operation_id or found.method + ' ' + found.path} {found.status or 'no answer'}"
