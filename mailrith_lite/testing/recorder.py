"""What clients sent, in order, and what they got."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from mailrith_lite.testing import operations

When = Literal["before", "after"]

MAX_KEPT = 10_000
MAX_BODY = 1 << 20


class Recorded(msgspec.Struct, kw_only=True):
    """One request. `path` is without the query; headers have lower-case names; `operation_id` is None where nothing
    of the contract was hit. `status` is None until there is an answer, and for good when the connection was
    `dropped`, before the work or after it.

    `body` is cut off at 1 MiB. `moment` is the server's clock, in milliseconds since 1970; `at` and `ended_at` are
    seconds of a clock that never goes back, with what the server's clock was advanced by.
    """

    number: int
    workspace_id: int | None
    operation_id: str | None
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""
    moment: int
    at: float
    ended_at: float | None = None
    status: int | None = None
    answer_headers: dict[str, str] = {}
    answer: bytes = b""
    dropped: When | None = None

    @property
    def json(self) -> Any:
        """The body as JSON; None when there is none."""
        return msgspec.json.decode(self.body) if self.body else None

    @property
    def idempotency_key(self) -> str | None:
        return self.headers.get("idempotency-key")

    @property
    def replayed(self) -> bool:
        return self.answer_headers.get("idempotent-replayed") == "true"

    @property
    def answer_json(self) -> Any:
        """What was answered, as JSON; None when it is none, or too long to be kept."""
        try:
            return msgspec.json.decode(self.answer) if self.answer else None
        except msgspec.DecodeError:
            return None


class Recorder:
    """Written by the server's thread, read by any. The oldest requests go when there are more than 10,000."""

    def __init__(self) -> None:
        self._kept: deque[Recorded] = deque(maxlen=MAX_KEPT)
        self._changed = threading.Condition()
        self._ended = asyncio.Event()
        self._count = 0

    def begin(self, ahead: float, **fields: Any) -> Recorded:
        with self._changed:
            self._count += 1
            found = Recorded(number=self._count, at=time.monotonic() + ahead, **fields)
            self._kept.append(found)
            return found

    def end(self, found: Recorded, ahead: float) -> None:
        with self._changed:
            found.ended_at = time.monotonic() + ahead
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
        """Those of the workspaces, and those behind number `after` that came without a key that is known."""
        with self._changed:
            return [
                one
                for one in self._kept
                if one.workspace_id in workspaces or (one.workspace_id is None and one.number > after)
            ]

    def wait(self, timeout: float) -> None:
        """Until a request has been answered, or the time is over; for any other thread."""
        with self._changed:
            self._changed.wait(timeout)


class Requests(Sequence[Recorded]):
    """What was sent to the workspaces of one handle: a list that grows."""

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
        deadline = time.monotonic() + timeout
        while True:
            found = self.answered(operation_id)
            if len(found) >= count:
                return found[:count]
            left = deadline - time.monotonic()
            if left <= 0:
                wanted = operation_id or "any operation"
                raise TimeoutError(
                    f"{len(found)} of {count} requests to {wanted} came within {timeout:g} s; there were: {self!r}"
                )
            self._recorder.wait(left)

    def clear(self) -> None:
        """Forgets those that came so far."""
        self._after = self._recorder.count

    def _all(self) -> list[Recorded]:
        return [one for one in self._recorder.of(self._workspaces, self._after) if one.number > self._after]


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """With the key as it begins and ends."""
    found = dict(headers)
    if "authorization" in found:
        scheme, _, key = found["authorization"].partition(" ")
        found["authorization"] = f"{scheme} {key[:8]}…{key[-4:]}" if len(key) > 12 else f"{scheme} …"
    return found


def _short(found: Recorded) -> str:
    return f"{found.operation_id or found.method + ' ' + found.path} {found.status or 'no answer'}"
