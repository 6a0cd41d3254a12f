"""The format of a column, decided by all of its cells."""

import os
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrith_lite.audience.column_format import FormatTally, Kind, Reading, Undecided
from mailrith_lite.audience.date_formats import read_date

ROUNDS = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "200"))


def decide(kind: Kind, *cells: str) -> object:
    tally = FormatTally(kind)
    tally.update(cells)
    return tally.decide()


@pytest.mark.parametrize(
    ("cells", "decided"),
    [
        ([], "iso"),
        (["", "never", "09/19"], "iso"),
        (["2024-01-05", "2024-01-06 10:00"], "iso"),
        (["2024/01/05", "2024-01-05"], "year-first"),
        (["05/01/2024", "13/02/2024", "", "7/3/2024"], "day-first"),
        (["01/05/2024", "02/13/2024"], "month-first"),
        (["05.01.2024", "13.01.2024 10:00", "never"], "day-first"),
        (["13/01/2024", "01/13/2024", "2024-01-05", "2024-01-05T10:00Z"], "iso"),
        (["13/01/2024", "14/01/2024", "01/13/2024"], "day-first"),
        (["45296", "45300.5"], "excel"),
        (["1704448800", "1704448900"], "unix"),
        (["2023", "2024"], "iso"),
        (["2024-01-05", "13/01/2024"], "iso"),
        (["05/01/2024 10:33:12", "13/01/2024 23:59"], "day-first"),
        (["2024-01-05 25:00", "2024-01-06 10:60", "13/01/2024"], "day-first"),
    ],
)
def test_format_that_reads_the_most_dates_wins(cells: list[str], decided: str) -> None:
    assert decide("date", *cells) == decided


@pytest.mark.parametrize("cells", [["05/05/2024", "06/06/2024"], ["5 Jan 2024", "Feb 6, 2024"]])
def test_formats_that_read_the_same_values_are_not_undecided(cells: list[str]) -> None:
    decided = decide("date", *cells)
    assert not isinstance(decided, Undecided)


def test_dates_that_two_formats_read_differently_are_undecided() -> None:
    assert decide("date", "05/05/2024", "", " 01/05/2024", "02/03/2024") == Undecided(
        cell="01/05/2024",
        first=Reading(format="day-first", value="2024-05-01"),
        second=Reading(format="month-first", value="2024-01-05"),
    )


@pytest.mark.parametrize(
    ("cells", "decided"),
    [
        ([], "point"),
        (["many", ""], "point"),
        (["12", "12.50"], "point"),
        (["1.234", "2.500"], "point"),
        (["12,50", "1,00"], "comma"),
        (["1.234", "12,50"], "comma"),
        (["1.234.567", "1.234"], "comma"),
        (["1,234", "12.50"], "point"),
        (["1,234", "1,234,567"], "point"),
        (["1 234", "1'234"], "point"),
    ],
)
def test_format_that_reads_the_most_numbers_wins(cells: list[str], decided: str) -> None:
    assert decide("number", *cells) == decided


def test_numbers_that_two_formats_read_differently_are_undecided() -> None:
    assert decide("number", "7", "1,234", "N/A") == Undecided(
        cell="1,234", first=Reading(format="point", value="1234"), second=Reading(format="comma", value="1.234")
    )


def test_one_day_after_the_twelfth_decides_a_million_dates() -> None:
    tally = FormatTally("date")
    tally.add("01/05/2024", 500_000)
    tally.update(["02/03/2024"] * 1_000)
    assert isinstance(tally.decide(), Undecided)
    tally.add("31/12/2024")
    assert tally.decide() == "day-first"


@pytest.mark.slow
def test_memory_of_a_tally_does_not_grow_with_its_column() -> None:
    tally = FormatTally("number")
    for number in range(120_000):
        tally.add(f"{number},5")
    assert len(tally._formats_by_cell) <= 50_000
    assert tally.decide() == "comma"


@settings(max_examples=ROUNDS)
@given(
    st.lists(st.dates(min_value=date(1000, 1, 1)), min_size=1),
    st.sampled_from(["{0.day}/{0.month}", "{0.month}/{0.day}"]),
)
def test_decided_format_reads_every_date_as_it_was_written(days: list[date], form: str) -> None:
    cells = [f"{form.format(day)}/{day.year}" for day in days]
    decided = FormatTally("date")
    decided.update(cells)
    result = decided.decide()
    if isinstance(result, Undecided):
        assert all(day.day <= 12 for day in days)
    else:
        assert [read_date(cell, result) for cell in cells] == days  # type: ignore[arg-type]
