"""Dates and times as people and programs write them."""

import os
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrith_lite.audience import date_formats
from mailrith_lite.audience.date_formats import DATE_FORMATS, EXAMPLES, DateFormat, read_date, read_moment

ROUNDS = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "200"))
FIFTH = date(2024, 1, 5)


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        ("iso", "2024-01-05"),
        ("iso", " 2024-01-05\t"),
        ("iso", "2024-01-05 10:33:12"),
        ("iso", "2024-01-05T10:33:12Z"),
        ("iso", "2024-01-05T10:33:12.000Z"),
        ("iso", "2024-01-05T10:33:12,123456789+0100"),
        ("iso", "2024-01-05 23:30:00-05:00"),
        ("iso", "2024-01-05 10:33 AM"),
        ("iso", "2024-01-05 10:33:12 UTC"),
        ("year-first", "2024-01-05"),
        ("year-first", "2024/01/05"),
        ("year-first", "2024.1.5"),
        ("year-first", "20240105"),
        ("year-first", "2024/01/05 10:33"),
        ("year-first", "2024年1月5日"),
        ("day-first", "05.01.2024"),
        ("day-first", "5. 1. 2024"),
        ("day-first", "05/01/24"),
        ("day-first", "5-1-2024"),
        ("day-first", "05-01-2024 09:30"),
        ("day-first", "05.01.2024, 09:30 Uhr"),
        ("month-first", "01/05/2024"),
        ("month-first", "1/5/24 9:30 pm"),
        ("month-first", "01/05/2024 12:00:01 a.m."),
        *(
            (date_format, text)
            for date_format in ("year-first", "day-first", "month-first")
            for text in (
                *("5 Jan 2024", "05-JAN-24", "5. Januar 2024", "5 janvier 2024", "5 de enero de 2024"),
                *("5 de jan. de 2024", "5 gennaio 2024", "5 januari 2024", "5 stycznia 2024", "Jan 5, 2024"),
                *("January 5th, 2024 at 10:33 AM", "Fri, 05 Jan 2024 10:33:12 +0000", "2024 Jan 5", "5 Jän 2024"),
                *("Fri Jan 05 2024 10:33:12 GMT+0100 (Central European Standard Time)", "le 5 janvier 2024 10h33"),
            )
        ),
        ("excel", "45296"),
        ("excel", "45296.439722"),
        ("excel", "45296,99999"),
        ("unix", "1704448800"),
        ("unix", "1704448800.25"),
        ("unix", "1704448800123"),
    ],
)
def test_fifth_of_january_is_read_in_its_format(date_format: DateFormat, text: str) -> None:
    assert read_date(text, date_format) == FIFTH


@pytest.mark.parametrize("date_format", DATE_FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "2024", "09/19", "1985", "12345", "2024-02-30", "2024-13-41", "2024-00-10", "0000-00-00", "31"),
        *("2024-01-05 25:00", "2024-01-05 10:60", "2024-01-05 13:00 PM", "2024-01-05 10:33 XYZ", "10:33", "1/2/3"),
        *(
            "2024-W05-1",
            "２０２４-01-05",
            "-2024-01-05",
            "5 Jab 2024",
            "5 5 2024",
            "Jan 2024",
            "Mon Jan 2024",
            "1.5",
        ),
        *("05/01-2024", "+1 555 0100", "2024-01-05 2024-01-05", "99999999999", "1e9", "x" * 10_000, "1" * 10_000),
    ],
)
def test_other_text_is_no_date(date_format: DateFormat, text: str) -> None:
    assert read_date(text, date_format) is None or (date_format, text) == ("excel", "12345")


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        *(("iso", text) for text in ("2024/01/05", "20240105", "5 Jan 2024", "2024-1-5", "05.01.2024")),
        *(("day-first", text) for text in ("2024-01-05", "01/13/2024", "45296")),
        *(("month-first", text) for text in ("2024-01-05", "13/01/2024", "31.01.2024")),
        *(("year-first", text) for text in ("24-01-05", "05.01.2024", "2024-13-01")),
        *(("excel", text) for text in ("2024", "2999", "453220", "-45322", "45322.")),
        *(("unix", text) for text in ("20240105", "12345678", "-1704448800")),
    ],
)
def test_date_in_another_format_is_no_date(date_format: DateFormat, text: str) -> None:
    assert read_date(text, date_format) is None


@pytest.mark.parametrize(
    ("text", "year"), [("01/02/49", 2049), ("01/02/50", 1950), ("01/02/00", 2000), ("1 Feb 99", 1999)]
)
def test_two_digits_are_a_year_from_1950_to_2049(text: str, year: int) -> None:
    assert read_date(text, "day-first") == date(year, 2, 1)


@pytest.mark.parametrize("date_format", DATE_FORMATS)
def test_example_of_each_format_is_a_day_of_january(date_format: DateFormat) -> None:
    assert read_date(EXAMPLES[date_format], date_format) == date(2024, 1, 31)


@pytest.mark.parametrize(
    ("text", "date_format", "time_zone", "moment"),
    [
        ("2024-01-05", "iso", None, "2024-01-05T00:00:00.000"),
        ("2024-01-05", "iso", "Europe/Berlin", "2024-01-04T23:00:00.000"),
        ("2024-07-05 10:33:12", "iso", "Europe/Berlin", "2024-07-05T08:33:12.000"),
        ("2024-07-05 10:33:12.5Z", "iso", "Europe/Berlin", "2024-07-05T10:33:12.500"),
        ("2024-01-05T10:33:12.1239-05:30", "iso", None, "2024-01-05T16:03:12.123"),
        ("2024-01-05 12:05 AM", "iso", None, "2024-01-05T00:05:00.000"),
        ("2024-01-05 12:05 pm", "iso", None, "2024-01-05T12:05:00.000"),
        ("12-04-2022 09:30", "day-first", None, "2022-04-12T09:30:00.000"),
        ("Fri, 05 Jan 2024 10:33:12 EST", "day-first", None, "2024-01-05T15:33:12.000"),
        ("Fri Jan 05 2024 10:33:12 GMT+0100 (CET)", "month-first", "Asia/Tokyo", "2024-01-05T09:33:12.000"),
        ("45296.5", "excel", "Europe/Berlin", "2024-01-05T11:00:00.000"),
        ("1704448800", "unix", "Europe/Berlin", "2024-01-05T10:00:00.000"),
        ("1704448800123", "unix", None, "2024-01-05T10:00:00.123"),
        ("1704448800.5", "unix", None, "2024-01-05T10:00:00.500"),
        ("1969-12-31 23:59:59.250", "iso", None, "1969-12-31T23:59:59.250"),
    ],
)
def test_moment_is_in_the_offset_of_the_text_or_in_the_time_zone(
    text: str, date_format: DateFormat, time_zone: str | None, moment: str
) -> None:
    expected = datetime.fromisoformat(f"{moment}+00:00")
    assert read_moment(text, date_format, time_zone) == round(expected.timestamp() * 1_000)


@pytest.mark.parametrize("text", ["", "5 Jan", "2024-02-30 10:00", "0001-01-01", "9999-12-31 23:59"])
def test_moment_outside_the_calendar_is_none_or_a_number(text: str) -> None:
    moments = [read_moment(text, "iso", zone) for zone in (None, "Asia/Tokyo", "America/Los_Angeles")]
    assert all(moment is None or isinstance(moment, int) for moment in moments)


def test_no_word_means_two_months() -> None:
    months = [set(words.split()) for words in date_formats.MONTHS]
    assert sum(map(len, months)) == len(set.union(*months))


_WRITERS = {
    "iso": "{0:%Y}-{0:%m}-{0:%d}",
    "year-first": "{0.year:04}/{0.month}/{0.day}",
    "day-first": "{0.day}.{0.month}.{0.year:04}",
    "month-first": "{0.month}/{0.day}/{0.year:04}",
}


@settings(max_examples=ROUNDS)
@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(sorted(_WRITERS)))
def test_every_day_is_read_back_from_its_format(day: date, date_format: DateFormat) -> None:
    assert read_date(_WRITERS[date_format].format(day), date_format) == day


@settings(max_examples=ROUNDS)
@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_is_read_back_from_iso(moment: datetime) -> None:
    since_1970 = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert read_moment(moment.isoformat(), "iso", None) == since_1970 // timedelta(milliseconds=1)


@settings(max_examples=ROUNDS)
@given(st.text(max_size=90), st.sampled_from(DATE_FORMATS))
def test_any_text_is_a_date_or_none(text: str, date_format: DateFormat) -> None:
    day = read_date(text, date_format)
    assert day is None or isinstance(day, date)


@pytest.mark.parametrize("text", [" " * 1_000_000 + "x", "1 " * 500_000, "1" * 1_000_000, "(" * 1_000_000])
def test_long_text_takes_linear_time(text: str) -> None:
    began = time.process_time()
    assert all(read_date(text, date_format) is None for date_format in DATE_FORMATS)
    assert time.process_time() - began < 5
