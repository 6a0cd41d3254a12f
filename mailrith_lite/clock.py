"""The only module that reads the wall clock. A time is an integer: milliseconds since 1970-01-01 UTC."""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, date, datetime, tzinfo
from time import time_ns
from zoneinfo import ZoneInfo

SECOND = 1_000
DAY = 86_400 * SECOND


def wall() -> int:
    return time_ns() // 1_000_000


_source: ContextVar[Callable[[], int]] = ContextVar("clock", default=wall)


def now() -> int:
    return _source.get()()


def use(source: Callable[[], int]) -> None:
    """Makes `now()` return `source()`, in this context and in the tasks and threads that start from it."""
    _source.set(source)


def rfc3339(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-04-11T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds // 1_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1_000:03d}Z"


def optional_rfc3339(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)


def day(milliseconds: int, time_zone: str | None) -> date:
    """The date in a time zone (an IANA name; None is UTC)."""
    return datetime.fromtimestamp(milliseconds // 1_000, _zone(time_zone)).date()


def midnight(day: date, time_zone: str | None) -> int:
    """The first moment of the day in a time zone, in milliseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=_zone(time_zone)).timestamp()) * 1_000


def _zone(time_zone: str | None) -> tzinfo:
    return ZoneInfo(time_zone) if time_zone is not None else UTC
