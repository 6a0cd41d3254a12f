"""Reads the cells of a column with times: when somebody subscribed, when they last opened an email."""

import functools
from collections.abc import Callable
from typing import cast

from mailrith_lite import clock
from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.column_format import Format
from mailrith_lite.audience.date_formats import EXAMPLES, DateFormat, read_moment
from mailrith_lite.audience.values import Refused, quoted

_SKEW = 60 * clock.SECOND
_CACHED_CELLS = 10_000
"""Many people of a list share their day."""


def moment_reader(time_zone: str | None, now: int, cell_format: Format | None) -> Callable[[str], int | None]:
    """A function that reads a cell as milliseconds since 1970; None for a word that means blank.

    `time_zone`: an IANA name, of a time without an offset; None is UTC. The function raises Refused: the cell has
    no date of this format, or a time before 1970 or after `now`.
    """
    date_format = cast(DateFormat, cell_format or "iso")
    parse = functools.lru_cache(_CACHED_CELLS)(
        functools.partial(read_moment, date_format=date_format, time_zone=time_zone)
    )

    def read(text: str) -> int | None:
        moment = parse(text)
        if moment is None:
            if vocabulary.is_blank(text):
                return None
            raise Refused("invalid_date", f"{quoted(text)} is not a date; write it as {EXAMPLES[date_format]}.")
        if moment > now + _SKEW:
            raise Refused("invalid_date", f"{quoted(text)} is in the future; correct the date.")
        if moment < 0:
            raise Refused("invalid_date", f"{quoted(text)} is before 1970; correct the date.")
        return moment

    return read
