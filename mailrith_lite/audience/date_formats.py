"""Dates and times as people and programs write them.

A text is read in one format, because 01/05/2024 is the first of May or the fifth of January.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from mailrith_lite import clock
from mailrith_lite.unicode_forms import letters_and_digits

DateFormat = Literal["iso", "year-first", "day-first", "month-first", "excel", "unix"]
DATE_FORMATS: Final[tuple[DateFormat, ...]] = get_args(DateFormat)
EXAMPLES: Final[dict[DateFormat, str]] = {
    "iso": "2024-01-31",
    "year-first": "2024/01/31",
    "day-first": "31/01/2024",
    "month-first": "01/31/2024",
    "excel": "45322",
    "unix": "1706659200",
}
MAX_DATE: Final = 80
"""A longer text is no date."""

# English, German, French, Spanish, Portuguese, Italian, Dutch, Polish; also short, and as Polish dates have them.
MONTHS: Final = (
    "january jan januar jänner jaenner janvier janv enero ene janeiro gennaio gen januari styczeń stycznia sty",
    "february feb februar feber février févr fév febrero fevereiro fev febbraio februari luty lutego lut",
    "march mar märz maerz mrz mär mars marzo março maart mrt marzec marca",
    "april apr avril avr abril abr aprile kwiecień kwietnia kwi",
    "may mai mayo maio maggio mag mei maj maja",
    "june jun juni juin junio junho giugno giu czerwiec czerwca cze",
    "july jul juli juillet juil julio julho luglio lug lipiec lipca lip",
    "august aug août agosto ago augustus sierpień sierpnia sie",
    "september sep sept septembre septiembre setembro set settembre wrzesień września wrz",
    "october oct oktober okt octobre octubre outubro out ottobre ott październik października paź",
    "november nov novembre noviembre novembro listopad listopada lis",
    "december dec dezember dez décembre déc diciembre dic dezembro dicembre grudzień grudnia gru",
)
_MONTH_BY_WORD: Final = {
    letters_and_digits(word): number for number, words in enumerate(MONTHS, 1) for word in words.split()
}
_WEEKDAYS: Final = frozenset(
    f"{day}{end}"
    for day, ends in {
        "mon": ("", "day"),
        "tue": ("", "s", "sday"),
        "wed": ("", "nesday"),
        "thu": ("", "r", "rs", "rsday"),
        "fri": ("", "day"),
        "sat": ("", "urday"),
        "sun": ("", "day"),
    }.items()
    for end in ends
)
_FILLERS: Final = frozenset(["de", "del", "of", "the", "le"])
_ZONES: Final = {  # RFC 5322, 4.3, and Central Europe
    "Z": 0,
    "UT": 0,
    "UTC": 0,
    "GMT": 0,
    "CET": 60,
    "CEST": 120,
    "EST": -300,
    "EDT": -240,
    "CST": -360,
    "CDT": -300,
    "MST": -420,
    "MDT": -360,
    "PST": -480,
    "PDT": -420,
}

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
_EIGHT_DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_JAPANESE = re.compile(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.]) ?([0-9]{1,2})\2 ?([0-9]{4}|[0-9]{2})")
_DAY = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th|er|º)?")
_YEAR = re.compile(r"[0-9]{4}|[0-9]{2}")
_BETWEEN = re.compile(r"[\s,./-]+")
_EXCEL = re.compile(r"([0-9]{4,5})(?:[.,]([0-9]{1,15}))?")
_UNIX = re.compile(r"([0-9]{9,10})(?:\.([0-9]{1,9}))?|([0-9]{12,13})")
_TIME = re.compile(
    r"""
    (?: T | ,?\s+ (?:(?:at|um|à)\s+)? )
    ([0-9]{1,2}) [:h] ([0-9]{2}) (?: : ([0-9]{2}) (?: [.,] ([0-9]{1,9}) )? )?
    (?: \s? ([AaPp])\.?[Mm]\.? | \sUhr )?
    (?: \s? ([A-Z]{1,4})? (?: ([+-]) ([0-9]{2}) :? ([0-9]{2})? )? )?
    (?: \s \([^()]*\) )?  # JavaScript adds the name of the zone
    \Z""",
    re.VERBOSE,
)

_EXCEL_EPOCH: Final = date(1899, 12, 30)  # right from March 1900 on: Excel has a 29 February 1900
_FIRST_EXCEL: Final = 3_000
"""1908. Smaller numbers in a column of dates are years."""


class _Written(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`time`: milliseconds since midnight; None for a date without time. `offset`: minutes; None for local time."""

    day: date
    time: int | None = None
    offset: int | None = None


def read_date(text: str, date_format: DateFormat) -> date | None:
    """The day as it is written, whatever its time and offset; in UTC for `unix`. None for another text."""
    written = _read(text, date_format)
    return None if written is None else written.day


def read_moment(text: str, date_format: DateFormat, time_zone: str | None) -> int | None:
    """Milliseconds since 1970. A text without offset is in the time zone (an IANA name; None is UTC)."""
    written = _read(text, date_format)
    if written is None:
        return None
    time = written.time or 0
    try:
        if written.offset is None:
            return clock.local(written.day, time, time_zone)
        return clock.local(written.day, time, None) - written.offset * clock.MINUTE
    except OverflowError:  # a day at the end of the calendar
        return None


def _read(text: str, date_format: DateFormat) -> _Written | None:
    trimmed = text.strip()
    if not 4 <= len(trimmed) <= MAX_DATE or not any(character in "0123456789" for character in trimmed):
        return None
    try:
        if date_format == "excel":
            return _excel(trimmed)
        if date_format == "unix":
            return _unix(trimmed)
        return _calendar(trimmed, _READERS[date_format])
    except ValueError:  # a day that does not exist, such as 30 February
        return None


def _calendar(text: str, read_day: Callable[[str], date | None]) -> _Written | None:
    match = _TIME.search(text, 6)
    day = read_day(text if match is None else text[: match.start()])
    if day is None:
        return None
    if match is None:
        return _Written(day=day)
    hour, minute, second, fraction, half, zone, sign, offset_hours, offset_minutes = match.groups()
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "Pp" else 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    offset = None
    if zone is not None:
        offset = _ZONES.get(zone)
        if offset is None:
            return None
    if sign is not None:
        ahead = int(offset_hours) * 60 + int(offset_minutes or 0)
        offset = (offset or 0) + (ahead if sign == "+" else -ahead)
    milliseconds = int((fraction or "").ljust(3, "0")[:3])
    return _Written(day=day, time=((hours * 60 + minutes) * 60 + seconds) * 1_000 + milliseconds, offset=offset)


def _iso(text: str) -> date | None:
    match = _ISO.fullmatch(text)
    return None if match is None else date(int(match[1]), int(match[2]), int(match[3]))


def _year_first(text: str) -> date | None:
    if match := _YEAR_FIRST.fullmatch(text):
        return date(int(match[1]), int(match[3]), int(match[4]))
    if match := _EIGHT_DIGITS.fullmatch(text) or _JAPANESE.fullmatch(text):
        return date(int(match[1]), int(match[2]), int(match[3]))
    return _named(text)


def _day_first(text: str) -> date | None:
    if match := _YEAR_LAST.fullmatch(text):
        return date(_year(match[4]), int(match[3]), int(match[1]))
    return _named(text)


def _month_first(text: str) -> date | None:
    if match := _YEAR_LAST.fullmatch(text):
        return date(_year(match[4]), int(match[1]), int(match[3]))
    return _named(text)


_READERS: Final[dict[DateFormat, Callable[[str], date | None]]] = {
    "iso": _iso,
    "year-first": _year_first,
    "day-first": _day_first,
    "month-first": _month_first,
}


def _named(text: str) -> date | None:
    """A date with the name of its month: `5 Jan 2024`, `Fri, Jan 5th 2024`, `2024-Jan-05`, `5 de enero de 2024`."""
    words = [word for word in _BETWEEN.split(text.lower()) if word and word not in _FILLERS]
    if len(words) == 4 and words[0] in _WEEKDAYS:
        words = words[1:]
    if len(words) != 3:
        return None
    for month_at, day_at, year_at in ((1, 0, 2), (0, 1, 2), (1, 2, 0)):
        month = _MONTH_BY_WORD.get(letters_and_digits(words[month_at]))
        day, year = _DAY.fullmatch(words[day_at]), _YEAR.fullmatch(words[year_at])
        if month is not None and day is not None and year is not None and (year_at or len(year[0]) == 4):
            return date(_year(year[0]), month, int(day[1]))
    return None


def _year(digits: str) -> int:
    """Two digits are 1950 to 2049 (RFC 5322, 4.3)."""
    year = int(digits)
    if len(digits) == 2:
        year += 2_000 if year < 50 else 1_900
    return year


def _excel(text: str) -> _Written | None:
    """Days since the end of 1899, with the time of day as a fraction."""
    match = _EXCEL.fullmatch(text)
    if match is None or int(match[1]) < _FIRST_EXCEL:
        return None
    day = _EXCEL_EPOCH + timedelta(days=int(match[1]))
    if match[2] is None:
        return _Written(day=day)
    seconds = round(float(f"0.{match[2]}") * 86_400)
    return _Written(day=day + timedelta(days=seconds // 86_400), time=seconds % 86_400 * 1_000)


def _unix(text: str) -> _Written | None:
    """Seconds since 1970 with 9 or 10 digits, or milliseconds with 12 or 13: from 1973 to 2286."""
    match = _UNIX.fullmatch(text)
    if match is None:
        return None
    milliseconds = int(match[3] or match[1] + (match[2] or "").ljust(3, "0")[:3])
    return _Written(
        day=datetime.fromtimestamp(milliseconds // 1_000, UTC).date(), time=milliseconds % clock.DAY, offset=0
    )
