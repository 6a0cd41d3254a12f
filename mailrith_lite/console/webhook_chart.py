"""The deliveries of a webhook by hour, as a picture: delivered below, failed on top."""

from collections.abc import Sequence
from typing import Final

import msgspec

from mailrith_lite import clock
from mailrith_lite.console.column_chart import HEIGHT, Column, draw_columns
from mailrith_lite.pages import formats
from mailrith_lite.webhooks.delivery_table import HourCount

HOURS: Final = 24
HOUR: Final = 3_600 * clock.SECOND


class HourColumn(msgspec.Struct, frozen=True, kw_only=True):
    """`whole`: the place of both parts in the picture. `failed_height`: of the upper part, in the same units."""

    start: int
    delivered: int
    failed: int
    whole: Column
    failed_height: float


def first_hour(now: int) -> int:
    """The start of the oldest hour in the picture."""
    return now // HOUR * HOUR - (HOURS - 1) * HOUR


def draw_hours(counts: Sequence[HourCount], now: int) -> list[HourColumn]:
    """A column for each of the last 24 hours; [] if nothing was sent in them."""
    if not counts:
        return []
    by_start = {count.start: count for count in counts}
    starts = range(first_hour(now), now + 1, HOUR)
    hours = [by_start.get(start, HourCount(start=start, delivered=0, failed=0)) for start in starts]
    drawn = draw_columns([(formats.date_time(hour.start), hour.delivered + hour.failed) for hour in hours])
    most = max(column.count for column in drawn)
    return [
        HourColumn(
            start=hour.start,
            delivered=hour.delivered,
            failed=hour.failed,
            whole=column,
            failed_height=round(HEIGHT * hour.failed / most, 1),
        )
        for hour, column in zip(hours, drawn, strict=True)
    ]
