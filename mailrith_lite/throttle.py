"""How often, and how much at a time, somebody may do something. An action over a limit is refused at once."""

import contextlib
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from time import monotonic

from mailrith_lite import errors

_MAX_OWNERS = (
    10_000  # beyond that, the owner that was idle for longest is deleted, and begins again with a full bucket
)


class Rate:
    """A token bucket for each owner, in memory.

    `rate`: tokens that come back in a second. `burst`: tokens of a full bucket.
    """

    def __init__(self, rate: float, burst: int, *, time: Callable[[], float] = monotonic) -> None:
        """`time`: in seconds. Not the clock of the service, which a test can stop."""
        self._rate = rate
        self._burst = burst
        self._time = time
        self._buckets: OrderedDict[int | str, tuple[float, float]] = (
            OrderedDict()
        )  # owner -> (tokens, when), idle ones first

    def take(self, owner: int | str) -> int | None:
        """Takes a token. Returns None, or the whole seconds until there is one again."""
        now = self._time()
        tokens, before = self._buckets.pop(owner, (float(self._burst), now))
        tokens = min(tokens + (now - before) * self._rate, self._burst)
        allowed = tokens >= 1
        self._buckets[owner] = (tokens - allowed, now)
        if len(self._buckets) > _MAX_OWNERS:
            self._buckets.popitem(last=False)
        return None if allowed else max(1, math.ceil((1 - tokens) / self._rate))


class AtOnce:
    """Counts the actions of each owner that run or wait for their turn."""

    def __init__(self, most: int, refuse: Callable[[int], errors.TooManyRequests]) -> None:
        """`refuse`: makes the error for what exceeds `most`."""
        self._most = most
        self._refuse = refuse
        self._counts: Counter[int] = Counter()

    @contextlib.contextmanager
    def hold(self, owner: int) -> Iterator[None]:
        """
        Raises:
            TooManyRequests: the owner does as much as it may already.
        """
        if self._counts[owner] >= self._most:
            raise self._refuse(self._most)
        self._counts[owner] += 1
        try:
            yield
        finally:
            self._counts[owner] -= 1
            if not self._counts[owner]:
                del self._counts[owner]
