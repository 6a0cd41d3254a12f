"""The clock of one server, which a test can move."""

from mailrith_lite import clock

START = 1_775_908_800_000
"""2026-04-11T12:00:00.000Z: where a fixed clock stands."""

_FARTHEST = 36_500 * 86_400  # seconds
_UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}


class MovableClock:
    """Follows the wall clock, a distance ahead of it; a fixed one only ever moves by `advance`."""

    def __init__(self, *, fixed: bool) -> None:
        self._fixed_at = START if fixed else None
        self.ahead = 0  # milliseconds
        self._advanced = 0  # milliseconds, of all advances: never goes back

    def now(self) -> int:
        return (clock.wall() if self._fixed_at is None else self._fixed_at) + self.ahead

    @property
    def passed(self) -> float:
        """Seconds by which it has been advanced in all."""
        return self._advanced / clock.SECOND

    def advance(self, **times: float) -> int:
        """`advance(hours=25)`, also minutes, seconds and days. Returns what time it is then, in milliseconds.

        Raises:
            ValueError: another unit, or a time that would not go forward.
        """
        if unknown := times.keys() - _UNITS:
            raise ValueError(f"{min(unknown)} is no unit of time; use {', '.join(_UNITS)}")
        seconds = sum(_UNITS[unit] * amount for unit, amount in times.items())
        if not 0 < seconds <= _FARTHEST - self.ahead / clock.SECOND:
            raise ValueError("the clock goes forward only, up to 36,500 days ahead")
        forward = round(seconds * clock.SECOND)
        self.ahead += forward
        self._advanced += forward
        return self.now()

    def reset(self) -> None:
        """Back to where it stood at first."""
        self.ahead = 0
