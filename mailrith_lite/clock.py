"""The only module that reads the wall clock. A time is an integer: milliseconds since 1970-01-01 UTC."""

import functools
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta, tzinfo
from time import time_ns
from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - in UTC; with a time zone, `rfc3339` takes three times as long
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def wall() -> int:
    return time_ns() // 1_000_000


_source: ContextVar[Callable[[], int]] = ContextVar("clock", default=wall)


def now() -> int:
    return _source.get()()


def use(source: Callable[[], int]) -> None:
    """Makes `now()` return `source()`, in this context and in the tasks and threads that start from it."""
    _source.set(source)


@functools.lru_cache(maxsize=4_096)  # who follows a job reads the same times again and again
def rfc3339(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-04-11T12:00:00.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def http_date(milliseconds: int) -> str:
    """The form of the header Date (RFC 9110, IMF-fixdate), in English whatever the locale."""
    moment = datetime.fromtimestamp(milliseconds // 1_000, UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment:%d} {month} {moment:%Y %H:%M:%S} GMT"


def parse_http_date(text: str) -> int:
    """Milliseconds since 1970 of the form that `http_date` writes.

    Raises:
        ValueError
    """
    _, day, month, year, time_of_day, zone = text.split(" ")
    if zone != "GMT":
        raise ValueError("not in GMT")
    moment = datetime.fromisoformat(f"{year}-{_MONTHS.index(month) + 1:02d}-{day}T{time_of_day}+00:00")
    return int(moment.timestamp()) * 1_000


def optional_rfc3339(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)


def day(milliseconds: int, time_zone: str | None) -> date:
    """The date in a time zone (an IANA name; None is UTC)."""
    return datetime.fromtimestamp(milliseconds // 1_000, _zone(time_zone)).date()


def midnight(day: date, time_zone: str | None) -> int:
    """The first moment of the day in a time zone, in milliseconds."""
    return local(day, 0, time_zone)


def local(day: date, time: int, time_zone: str | None) -> int:
    """The moment when clocks in a time zone show this time, in milliseconds since midnight.

    Raises:
        OverflowError: the moment is before the year 1 or after the year 9999 in UTC.
    """
    shown = datetime(day.year, day.month, day.day, tzinfo=_zone(time_zone)) + timedelta(seconds=time // 1_000)
    return int(shown.timestamp()) * 1_000 + time % 1_000


def _zone(time_zone: str | None) -> tzinfo:
    return ZoneInfo(time_zone) if time_zone is not None else UTC
