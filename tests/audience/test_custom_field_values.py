"""The rules for values of custom fields."""

import os
from decimal import Decimal
from typing import Any, cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrith_lite.audience import values
from mailrith_lite.audience.column_format import Format
from mailrith_lite.audience.values import FieldType, Refused

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "200"))
OPTIONS = ["Red", "red", "Deep Blue", "a, b", '5" disk', "=1", "ü"]


def read(field_type: FieldType, text: str) -> Any:
    return values.field_reader(field_type, OPTIONS)(text)


@pytest.mark.parametrize(
    ("field_type", "text", "value"),
    [
        ("Text", "  a\nb  ", "a\nb"),
        ("Text", "x" * 10_000, "x" * 10_000),
        ("Text", " " * 9 + "x" * 10_000 + " " * 9, "x" * 10_000),
        ("Text", "'=1", "'=1"),
        ("Text Area", "  a\r\nb\t\n", "  a\r\nb\t\n"),
        ("Text Area", "x" * 10_000, "x" * 10_000),
        ("Number", "12", 12),
        ("Number", " +12 ", 12),
        ("Number", "-7", -7),
        ("Number", "007", 7),
        ("Number", "12.50", Decimal("12.5")),
        ("Number", "12.00", 12),
        ("Number", ".5", Decimal("0.5")),
        ("Number", "5.", 5),
        ("Number", "-0", 0),
        ("Number", "-0.0", 0),
        ("Number", "0e5", 0),
        ("Number", "1e3", 1000),
        ("Number", "1E-3", Decimal("0.001")),
        ("Number", "0.1", Decimal("0.1")),
        ("Number", "0.30000000000000004", Decimal("0.30000000000000004")),
        ("Number", "9007199254740993", 9007199254740993),
        ("Number", "18446744073709551616", 18446744073709551616),
        ("Number", "-9223372036854775809", -9223372036854775809),
        ("Number", "9" * 100, int("9" * 100)),
        ("Number", "1" * 49 + "." + "1" * 50, Decimal("1" * 49 + "." + "1" * 50)),
        ("Date", "2026-02-28", "2026-02-28"),
        ("Date", " 2024-02-29\t", "2024-02-29"),
        ("Date", "0001-01-01", "0001-01-01"),
        ("Date", "9999-12-31", "9999-12-31"),
        ("Checkbox", "true", True),
        ("Checkbox", " YES ", True),
        ("Checkbox", "1", True),
        ("Checkbox", "False", False),
        ("Checkbox", "nO", False),
        ("Checkbox", "0", False),
        ("Checkbox", "Y", True),
        ("Checkbox", "off", False),
        ("Checkbox", "x", True),
        ("Date", "2026-02-01T00:00:00", "2026-02-01"),
        ("Date", "2026-02-01 23:30:00.5-05:00", "2026-02-01"),
        ("Select (Dropdown)", " Deep Blue ", "Deep Blue"),
        ("Select (Dropdown)", "DEEP blue", "Deep Blue"),
        ("Single Select", "U\u0308", "ü"),
        ("Multi Select", "Red;red; DEEP BLUE", ["Red", "red", "Deep Blue"]),
        ("Multi Select", "Red|a, b", ["Red", "a, b"]),
        ("Multi Select", "a, b", ["a, b"]),
        ("Select (Dropdown)", "a, b", "a, b"),
        ("Single Select", "red", "red"),
        ("Single Select", "=1", "=1"),
        ("Multi Select", "Red", ["Red"]),
        ("Multi Select", "red, Red,red ,, ", ["red", "Red"]),
        ("Multi Select", 'Red, "a, b", 5" disk', ["Red", "a, b", '5" disk']),
        ("Multi Select", '"5"" disk"', ['5" disk']),
        ("Multi Select", "ü,=1", ["ü", "=1"]),
    ],
)
def test_cell_becomes_a_value_of_its_custom_field(field_type: FieldType, text: str, value: Any) -> None:
    result = read(field_type, text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("field_type", "text"),
    [
        ("Text", "x" * 10_001),
        ("Text Area", "x" * 10_001),
        ("Text Area", " " * 10_001),
        ("Number", "9" * 101),
        ("Number", "0" * 101),
        ("Number", "1e100"),
        ("Number", "1e-100"),
        ("Number", "1e-300"),
    ],
)
def test_value_over_its_limit_is_too_long(field_type: FieldType, text: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(field_type, text)
    assert refusal.value.code == "value_too_long"


@pytest.mark.parametrize("text", ["NULL", "null", "\\N", "N/A", " #n/a ", "-"])
@pytest.mark.parametrize("field_type", get_args(FieldType))
def test_word_for_no_value_is_blank_except_in_a_text(field_type: FieldType, text: str) -> None:
    expected = {"Text": text.strip(), "Text Area": text}.get(field_type)
    assert read(field_type, text) == expected
    assert values.name(text) == text.strip()


def test_word_for_no_value_can_be_an_option() -> None:
    for field_type in ("Single Select", "Multi Select"):
        choose = values.field_reader(cast(FieldType, field_type), ["N/A", "-"])
        assert [choose("n/a"), choose("-"), choose("NULL")] in ([["N/A"], ["-"], None], ["N/A", "-", None])


@pytest.mark.parametrize(
    ("field_type", "cell_format", "text", "value"),
    [
        ("Date", "day-first", "05.01.2024 10:00", "2024-01-05"),
        ("Date", "month-first", "05/01/2024", "2024-05-01"),
        ("Date", "excel", "45296", "2024-01-05"),
        ("Number", "point", "1,234.50", Decimal("1234.5")),
        ("Number", "comma", "1.234,50", Decimal("1234.5")),
        ("Number", "comma", "-0,5", Decimal("-0.5")),
        ("Number", "comma", "12", 12),
    ],
)
def test_cell_is_read_in_the_format_of_its_column(
    field_type: FieldType, cell_format: Format, text: str, value: Any
) -> None:
    assert values.field_reader(field_type, [], cell_format)(text) == value


@pytest.mark.parametrize(
    ("field_type", "cell_format", "text", "message"),
    [
        ("Date", None, "09/19", '"09/19" is not a date such as 2024-01-31.'),
        ("Date", "day-first", "2024-01-05", '"2024-01-05" is not a date such as 31/01/2024.'),
        ("Number", None, "1,5", '"1,5" is not a number such as 12.5.'),
        ("Number", "comma", "1.5", '"1.5" is not a number such as 1.234,5.'),
        ("Number", "point", "$12", '"$12" is not a number such as 1,234.5.'),
        ("Checkbox", None, "maybe", '"maybe" is neither yes nor no.'),
        ("Single Select", None, "Green", '"Green" is not one of the field\'s options.'),
        ("Multi Select", None, "Red, Green", '"Green" is not one of the field\'s options.'),
        ("Multi Select", None, '"Red', '""Red" cannot be read: a quote in the list is not closed.'),
    ],
)
def test_message_names_the_value(
    field_type: FieldType, cell_format: Format | None, text: str, message: str
) -> None:
    with pytest.raises(Refused) as refusal:
        values.field_reader(field_type, OPTIONS, cell_format)(text)
    assert (refusal.value.code, refusal.value.message) == ("invalid_custom_field", message)


@pytest.mark.parametrize("text", ["N/A", "", " ", "09/19", "01.02.2026"])
def test_day_of_a_request_is_never_blank(text: str) -> None:
    with pytest.raises(Refused):
        values.day(text)


@pytest.mark.parametrize(
    ("field_type", "text"),
    [
        ("Number", "twelve"),
        ("Number", "nan"),
        ("Number", "inf"),
        ("Number", "-Infinity"),
        ("Number", "1e999"),
        ("Number", "1e9999999999"),
        ("Number", "1,000"),
        ("Number", "1_000"),
        ("Number", "0x10"),
        ("Number", "1 000"),
        ("Number", "--1"),
        ("Number", "+-1"),
        ("Number", "1e"),
        ("Number", "."),
        ("Number", "١٢"),
        ("Number", "½"),
        ("Number", "1e5.5"),
        ("Number", "12\n13"),
        ("Date", "2026-02-29"),
        ("Date", "2026-13-01"),
        ("Date", "2026-00-10"),
        ("Date", "0000-01-01"),
        ("Date", "26-02-01"),
        ("Date", "2026-2-1"),
        ("Date", "20260201"),
        ("Date", "2026-W05-1"),
        ("Date", "01.02.2026"),
        ("Date", "２０２６-02-01"),
        ("Date", "-2026-02-01"),
        ("Checkbox", "2"),
        ("Checkbox", "１"),
        ("Select (Dropdown)", "RED"),
        ("Select (Dropdown)", "Green"),
        ("Single Select", "Deep  Blue"),
        ("Single Select", "Red, red"),
        ("Multi Select", "Red, Green"),
        ("Multi Select", '"Red'),
        ("Multi Select", '"Red" x'),
        ("Multi Select", '"Red"\nred'),
        ("Multi Select", "Red;RED"),
        ("Multi Select", "Red; Green"),
    ],
)
def test_value_in_another_format_is_refused(field_type: FieldType, text: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(field_type, text)
    assert refusal.value.code == "invalid_custom_field"


numbers = st.one_of(
    st.integers(min_value=-(10**99) + 1, max_value=10**99 - 1),
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=Decimal(-(10**40)), max_value=Decimal(10**40), places=30
    ),
)


@settings(max_examples=EXAMPLES)
@given(numbers)
def test_number_is_exact(number: int | Decimal) -> None:
    assert read("Number", format(number, "f") if isinstance(number, Decimal) else str(number)) == number


@settings(max_examples=EXAMPLES)
@given(numbers)
def test_text_of_a_number_is_read_as_the_same_number(number: int | Decimal) -> None:
    text = values.field_text(read("Number", str(number)))
    assert "E" not in text.upper()
    assert read("Number", text) == number
    assert values.field_text(read("Number", text)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a, b", "a, b"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (10**30, "1" + "0" * 30),
        (Decimal("1.5"), "1.5"),
        (Decimal("1E-7"), "0.0000001"),
        (["a", "b"], "a, b"),
        (["a, b", 'c"d'], '"a, b", "c""d"'),
        ([], ""),
    ],
)
def test_value_has_one_text(value: Any, text: str) -> None:
    assert values.field_text(value) == text


@settings(max_examples=EXAMPLES)
@given(st.lists(st.sampled_from(OPTIONS), unique=True, min_size=1))
def test_text_of_options_is_read_as_the_same_options_in_order(chosen: list[str]) -> None:
    assert read("Multi Select", values.field_text(chosen)) == chosen
