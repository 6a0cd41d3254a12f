"""Numbers with a decimal point or a decimal comma, and with thousands separators."""

import os
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrith_lite.audience.number_formats import READERS, read_comma, read_plain, read_point

ROUNDS = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "200"))


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("12", "12", "12"),
        ("-7", "-7", "-7"),
        ("1,234", "1234", "1.234"),
        ("1.234", "1.234", "1234"),
        ("1,234.50", "1234.50", None),
        ("1.234,50", None, "1234.50"),
        ("12,50", None, "12.50"),
        ("12.50", "12.50", None),
        ("1,00", None, "1.00"),
        ("1,234,567", "1234567", None),
        ("1.234.567", None, "1234567"),
        ("1 234,50", None, "1234.50"),
        ("1 234 567", "1234567", "1234567"),
        ("1\u00a0234\u00a0567", "1234567", "1234567"),
        ("1\u202f234.5", "1234.5", None),
        ("1'234.50", "1234.50", None),
        ("1’234’567", "1234567", "1234567"),
        ("+1,234", "1234", "1.234"),
        ("1e3", "1e3", "1e3"),
        (",5", None, ".5"),
        ("1,23,456", None, None),
        ("1234,567.8", None, None),
        ("1,234 567", None, None),
        ("1 23", None, None),
        ("$12", None, None),
        ("12 %", None, None),
        ("1_000", None, None),
        ("١٢", None, None),
        ("-", None, None),
        ("", None, None),
    ],
)
def test_number_is_read_in_its_format(text: str, point: str | None, comma: str | None) -> None:
    def number(plain: str | None) -> Decimal | None:
        return None if plain is None else Decimal(plain)

    assert number(read_point(text)) == number(point)
    assert number(read_comma(text)) == number(comma)


@settings(max_examples=ROUNDS)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=5))
def test_number_is_read_back_from_each_format(number: Decimal) -> None:
    point = f"{number:,f}"
    assert Decimal(read_point(point) or "nan") == number
    assert Decimal(read_comma(point.translate(str.maketrans(",.", ".,"))) or "nan") == number
    assert Decimal(read_comma(point.translate(str.maketrans(",.", " ,"))) or "nan") == number
    assert Decimal(read_plain(f"{number:f}") or "nan") == number


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["1" * 1_000_000 + "x", "1,234" * 200_000, " " * 1_000_000, "1,111" + ",111" * 250_000]
)
def test_long_text_takes_linear_time(text: str) -> None:
    began = time.process_time()
    for read in READERS.values():
        read(text)
    assert time.process_time() - began < 5
