"""The clock of one server, which a test can move."""

from time import CLOCK_MONOTONIC, clock_gettime

from mailrith_lite import clock

START = 1_775_908_800_000
"""2026-04-11T12:00:00.000Z, the time of a fixed clock."""

_MAX_AHEAD = 36_500 * clock.DAY


def monotonic() -> float:
    """Seconds that keep running in a test that replaces `time.monotonic`, as freezegun does."""
    return clock_gettime(CLOCK_MONOTONIC)


class MovableClock:
    """Runs ahead of the wall clock by the sum of its advances. A fixed one does not move between advances."""

    def __init__(self, *, fixed: bool) -> None:
        self._fixed_at = START if fixed else None
        self._ahead = 0  # milliseconds since the last reset
        self._advanced = 0  # milliseconds in all

    def now(self) -> int:
        """Milliseconds since 1970."""
        return (clock.wall() if self._fixed_at is None else self._fixed_at) + self._ahead

    def elapsed(self) -> float:
        """Seconds from an arbitrary start, every advance included. Never goes back, `reset` included."""
        return monotonic() + self._advanced / clock.SECOND

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> int:
        """Returns the new time, in milliseconds since 1970.

        Raises:
            ValueError: the times do not add up to more than 0, or the clock would be too far ahead.
        """
        forward = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * clock.SECOND
        if not 0 < forward <= _MAX_AHEAD - self._ahead:
            raise ValueError("the clock goes forward only, up to 36,500 days ahead")
        self._ahead += round(forward)
        self._advanced += round(forward)
        return self.now()

    def reset(self) -> None:
        """Takes back every advance."""
        self._ahead = 0
