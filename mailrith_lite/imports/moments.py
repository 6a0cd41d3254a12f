"""Reads the cells of a column with times: when somebody subscribed, when they last opened an email."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mailrith_lite import clock
from mailrith_lite.audience.values import Refused
from mailrith_lite.imports.fields import MomentReader

_SKEW = 60 * clock.SECOND
_SHOWN = 60


def moment_reader(time_zone: str | None, now: int) -> MomentReader:
    """`time_zone`: of a time without an offset. The function raises Refused: no date, or a time after `now`."""
    zone = UTC if time_zone is None else ZoneInfo(time_zone)

    def read(text: str) -> int:
        shown = text.strip()[:_SHOWN]
        try:
            moment = datetime.fromisoformat(text.strip())
            milliseconds = round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1_000)
        except (ValueError, OverflowError):
            raise Refused("invalid_date", f'"{shown}" is not a date; write YYYY-MM-DD.') from None
        if milliseconds > now + _SKEW:
            raise Refused("invalid_date", f'"{shown}" is in the future; correct the date.')
        if milliseconds < 0:
            raise Refused("invalid_date", f'"{shown}" is before 1970; correct the date.')
        return milliseconds

    return read
