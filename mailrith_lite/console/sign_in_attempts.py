"""Limits how often an address may try a key. Failed attempts are counted in memory."""

from collections import deque

from mailrith_lite import clock

MAX_ATTEMPTS = 10
WINDOW = 60 * clock.SECOND
_MAX_ADDRESSES = 10_000  # beyond that, the address with the oldest last attempt is dropped


class Attempts:
    """The process has one instance.

    An attempt counts when it begins, not when it has failed, so that parallel attempts cannot pass the limit.
    """

    def __init__(self) -> None:
        self._times: dict[str, deque[int]] = {}

    def begin(self, address: str, now: int) -> bool:
        """False: the address has reached the limit within the last minute and must not try now."""
        times = self._times.pop(address, deque(maxlen=MAX_ATTEMPTS))
        self._times[address] = times  # the dictionary is in the order of the last attempts
        if len(self._times) > _MAX_ADDRESSES:
            del self._times[next(iter(self._times))]
        if len(times) == MAX_ATTEMPTS and times[0] > now - WINDOW:
            return False
        times.append(now)
        return True

    def succeed(self, address: str) -> None:
        """Forgets the attempts of the address."""
        self._times.pop(address, None)
