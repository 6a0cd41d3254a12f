"""How pages write numbers, moments and sizes."""

from datetime import UTC, datetime

from mailrith_lite import clock

_MINUTE = 60
_HOUR = 3_600
_UNITS = ("bytes", "KiB", "MiB", "GiB")
_STEP = 1_024


def count(value: int | float) -> str:
    return f"{value:,.0f}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def moment(milliseconds: int) -> str:
    return f"{day(milliseconds)}, {_utc(milliseconds):%H:%M} UTC"


def exact(milliseconds: int) -> str:
    """To the second."""
    return f"{day(milliseconds)}, {_utc(milliseconds):%H:%M:%S} UTC"


def day(milliseconds: int) -> str:
    return f"{_utc(milliseconds).day} {_utc(milliseconds):%b %Y}"


def span(milliseconds: int) -> str:
    """How long something took: `40 ms`, `1.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`."""
    if milliseconds < clock.SECOND:
        return f"{milliseconds} ms"
    if milliseconds < 10 * clock.SECOND:
        return f"{milliseconds / 1_000:.1f} s"
    seconds = milliseconds // clock.SECOND
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min {seconds % _MINUTE} s"
    return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"


def size(count: int) -> str:
    """`512 bytes`, `1.4 MiB`, `2 GiB`."""
    amount, unit = float(count), 0
    while amount >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{amount:.1f}".removesuffix(".0") + f" {_UNITS[unit]}"


def _utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1_000, UTC)
