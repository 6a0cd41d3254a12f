"""How pages write numbers, times and sizes. Times and durations come in milliseconds."""

from datetime import UTC, datetime

from mailrith_lite import clock

_MINUTE = 60
_HOUR = 3_600
_UNITS = ("bytes", "KiB", "MiB", "GiB")
_STEP = 1_024


def number(value: int | float) -> str:
    """`1,234`"""
    return f"{value:,.0f}"


def plural(count: int, noun: str) -> str:
    """`1 row`, `2 rows`"""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def date(milliseconds: int) -> str:
    """`27 Nov 2026`"""
    return f"{_utc(milliseconds).day} {_utc(milliseconds):%b %Y}"


def month(milliseconds: int) -> str:
    """`Nov 2026`"""
    return f"{_utc(milliseconds):%b %Y}"


def date_time(milliseconds: int) -> str:
    """`27 Nov 2026, 14:05`, in UTC"""
    return f"{date(milliseconds)}, {_utc(milliseconds):%H:%M}"


def date_time_seconds(milliseconds: int) -> str:
    """`27 Nov 2026, 14:05:09`, in UTC"""
    return f"{date(milliseconds)}, {_utc(milliseconds):%H:%M:%S}"


def duration(milliseconds: int) -> str:
    """`40 ms`, `1.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`"""
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
    """`512 bytes`, `1.4 MiB`, `2 GiB`"""
    amount, unit = float(count), 0
    while amount >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{amount:.1f}".removesuffix(".0") + f" {_UNITS[unit]}"


def _utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1_000, UTC)
