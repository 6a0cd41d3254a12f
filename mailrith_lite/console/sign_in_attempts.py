"""How often somebody may try a key: what fails is counted, in memory, by the address it comes from."""

from collections import deque

from mailrith_lite import clock

MOST = 10
WINDOW = 60 * clock.SECOND
_ADDRESSES = 10_000  # more than so many at a time, and the longest quiet is forgotten


class Attempts:
    """One for the life of the process. An attempt counts from its begin, so that many at once are no way around."""

    def __init__(self) -> None:
        self._times: dict[str, deque[int]] = {}

    def begin(self, address: str, now: int) -> bool:
        """False when there were too many within the last minute: then nothing may be tried."""
        times = self._times.pop(address, deque(maxlen=MOST))
        self._times[address] = times  # at the end: the first of all has been quiet for longest
        if len(self._times) > _ADDRESSES:
            del self._times[next(iter(self._times))]
        if len(times) == MOST and times[0] > now - WINDOW:
            return False
        times.append(now)
        return True

    def succeed(self, address: str) -> None:
        self._times.pop(address, None)
