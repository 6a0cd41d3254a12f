"""The clock of one server, which a test can move."""

from mailrith_lite import clock

START = 1_775_908_800_000
"""2026-04-11T12:00:00.000Z: where a fixed clock stands."""

_UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}


class Moment:
    """Follows the wall clock, a distance ahead of it; a fixed one only ever moves by `advance`."""

    def __init__(self, *, fixed: bool) -> None:
        self._fixed_at = START if fixed else None
        self.ahead = 0  # milliseconds

    def now(self) -> int:
        return (clock.wall() if self._fixed_at is None else self._fixed_at) + self.ahead

    def advance(self, **times: float) -> int:
        """`advance(hours=25)`, also minutes, seconds and days. Returns what time it is then, in milliseconds.

        Raises:
            ValueError: another unit, or a time that would not go forward.
        """
        if unknown := times.keys() - _UNITS:
            raise ValueError(f"{min(unknown)} is no unit of time; use {', '.join(_UNITS)}")
        seconds = sum(_UNITS[unit] * amount for unit, amount in times.items())
        if not 0 < seconds <= 36_500 * 86_400:
            raise ValueError("the clock goes forward only, by up to 36,500 days")
        self.ahead += round(seconds * clock.SECOND)
        return self.now()

    def reset(self) -> None:
        """Back to where it stood at first."""
        self.ahead = 0
