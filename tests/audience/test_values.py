"""The rules for emails, names, statuses, countries and values of custom fields."""

import os
from decimal import Decimal
from typing import Any, cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrith_lite.audience import values, vocabulary
from mailrith_lite.audience.column_format import Format
from mailrith_lite.audience.values import FieldType, Refused

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "200"))
OPTIONS = ["Red", "red", "Deep Blue", "a, b", '5" disk', "=1", "ü"]


def read(field_type: FieldType, text: str) -> Any:
    return values.field_reader(field_type, OPTIONS)(text)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ADA@EXAMPLE.COM", "ada@example.com"),
        (" \t\r\nada@example.com\u00a0\u3000\n", "ada@example.com"),
        ("a@b", "a@b"),
        ("1@2.3", "1@2.3"),
        (".a..b.@example.com", ".a..b.@example.com"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"),
        ("=cmd@example.com", "=cmd@example.com"),
        ("a@" + "b" * 63, "a@" + "b" * 63),
        ("a@x" + "-" * 61 + "y", "a@x" + "-" * 61 + "y"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"),
        ("ada@bücher", "ada@xn--bcher-kva"),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("ada@例え。テスト", "ada@xn--r8jz45g.xn--zckzah"),
        ("ada@ｅｘａｍｐｌｅ.com", "ada@example.com"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("a" * (254 - len("@example.com")) + "@example.com", "a" * (254 - len("@example.com")) + "@example.com"),
    ],
)
def test_email_is_trimmed_lower_case_and_ascii(text: str, email: str) -> None:
    assert values.email(text) == email


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "\u00a0\u2003"])
def test_blank_email_is_missing(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        values.email(text)
    assert refusal.value.code == "missing_email"


@pytest.mark.parametrize(
    "text",
    [
        "ada",
        "@",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada@exam ple.com",
        "ad a@example.com",
        "ada@example..com",
        "ada@.example.com",
        "ada@example.com.",
        "ada@-example.com",
        "ada@example-.com",
        "ada@exa_mple.com",
        "ada@" + "b" * 64,
        "ada@[127.0.0.1]",
        '"ada lovelace"@example.com',
        "Ada <ada@example.com>",
        "ada@example.com,bob@example.com",
        "ada@example.com\nbob@example.com",
        "ada\n@example.com",
        "ada@example.com\x00",
        "ada@exam\x00ple.com",
        "ädä@example.com",
        "ada\u200b@example.com",
        "\u212aelvin@example.com",  # the Kelvin sign: lower() makes an ASCII k of it
        "ada@bü cher.example",
        "ada@ü..example",
        "ada@-ü.example",
        "ada@xn--ü.example",
        "ada@\u200d.example",
        "ada@\u2024",
        "ada@a\u0338.\ufffd",
        "ada@" + "ü" * 60 + ".example",
        "ada＠example.com",
        "👩@example.com",
    ],
)
def test_invalid_email_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        values.email(text)
    assert refusal.value.code == "invalid_email"


@pytest.mark.parametrize(
    "text",
    [
        "a" * (255 - len("@example.com")) + "@example.com",
        "a" * 100_000,
        "ü" * 300 + "@example.com",
        "a" * 100 + "@" + ".".join(["ü" * 20] * 6),  # too long only in ASCII
    ],
)
def test_email_of_more_than_254_characters_is_too_long(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        values.email(text)
    assert refusal.value.code == "value_too_long"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "c@example.com",
            " C@EXAMPLE.com ",
            "c@example.com.",
            "c@example.com;",
            "c@example.com,",
            "c@example.com ,. ",
        ),
        *("mailto:c@example.com", "MAILTO:c@example.com?subject=Hello", "<c@example.com>", "Cleo <c@example.com>"),
        *('"Five, Cleo" <c@example.com>;', "c@example.com <c@example.com>", "Cleo <mailto:c@example.com>"),
        *("\u200bc@example.com", "\ufeffc@exam\u00adple.com\u2060", "\u2066c@example.com\u2069"),
        *("'c@example.com'", "(c@example.com)", "c@example.com, c@example.com"),
    ],
)
def test_email_cell_is_read_without_the_text_around_the_address(text: str) -> None:
    assert values.email_cell(text) == "c@example.com"


@pytest.mark.parametrize(
    "text",
    [
        *("a@example.com; b@example.com", "a@example.com,b@example.com", "a@example.com b@example.com"),
        *("a@example.com ::: b@example.com", "a@example.com <b@example.com>", "a@example.com and b@example.com"),
        "a@example.com\nb@example.com|c@example.com",
    ],
)
def test_two_addresses_in_one_cell_are_refused_for_that_reason(text: str) -> None:
    with pytest.raises(Refused, match="has two addresses; keep one of them") as refusal:
        values.email_cell(text)
    assert refusal.value.code == "invalid_email"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(
            (text, "invalid_email")
            for text in ("Cleo", "Cleo c@example.com", "c at example.com", "<>", "mailto:", "c@")
        ),
        *(
            (text, "invalid_email")
            for text in ("Cleo <>", "@example.com", "c@exa mple.com", "<c@example.com> (old)")
        ),
        *((text, "missing_email") for text in ("", " ", "NULL", "N/A", "-")),
        *((text, "value_too_long") for text in ("c" * 255 + "@example.com", "c," * 500_000, "<" * 1_000_000)),
    ],
)
def test_cell_without_one_address_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        values.email_cell(text)
    assert refusal.value.code == code


@settings(max_examples=EXAMPLES)
@given(st.one_of(st.text(max_size=40), st.emails(), st.from_regex(r"[a-z]{1,9}@[\w.-]{1,20}", fullmatch=True)))
def test_accepted_email_is_accepted_again_unchanged(text: str) -> None:
    try:
        email = values.email(text)
    except Refused as refusal:
        assert refusal.code in ("missing_email", "invalid_email", "value_too_long")
    else:
        assert email.isascii()
        assert len(email) <= 254
        assert values.email(email) == email


@pytest.mark.parametrize(
    ("text", "name"),
    [("  Ada  ", "Ada"), ("", ""), ("a\nb", "a\nb"), ("\u00a0é\u2003", "é"), ("x" * 200, "x" * 200)],
)
def test_name_is_trimmed(text: str, name: str) -> None:
    assert values.name(text) == name


def test_white_space_around_a_name_does_not_count_for_its_length() -> None:
    assert values.name(" " * 500 + "👩" * 200 + "\n" * 500) == "👩" * 200


def test_name_of_more_than_200_characters_is_too_long() -> None:
    with pytest.raises(Refused) as refusal:
        values.name("x" * 201)
    assert refusal.value.code == "value_too_long"


@pytest.mark.parametrize("status", vocabulary.STATUSES)
@pytest.mark.parametrize("form", [str, str.lower, str.upper, str.swapcase, "  {}\t".format])
def test_status_is_valid_ignoring_case(status: str, form: Any) -> None:
    assert values.status(form(status)) == status


@pytest.mark.parametrize("text", ["subscribed", "Act ive", "Active;", "0", "null", "aktiv", "ᴀctive", "x" * 10_000])
def test_unknown_status_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        values.status(text)
    assert refusal.value.code == "invalid_status"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Active", "Active"),
        ("subscribed", "Active"),
        ("Not confirmed", "Unconfirmed"),
        (" opt-out ", "Unsubscribed"),
        ("cleaned", "Bounced"),
        ("", None),
        ("N/A", None),
    ],
)
def test_status_cell_has_the_words_of_any_tool(text: str, status: str | None) -> None:
    assert values.status_cell(text) == status


def test_unknown_status_cell_is_refused_with_the_known_words() -> None:
    with pytest.raises(
        Refused, match=r'^"sleeping" is not .*; Unconfirmed \(pending, .*; Unsubscribed \('
    ) as refusal:
        values.status_cell("sleeping")
    assert refusal.value.code == "invalid_status"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (" 09/19 ", '"09/19"'),
        ("a\r\nb\0c", '"a b c"'),
        ("x" * 60, f'"{"x" * 60}"'),
        ("x" * 61, f'"{"x" * 59}…"'),
        ("x" * 100_000, f'"{"x" * 59}…"'),
        ("\n" * 100_000 + "x", '"x"'),
        ("a" + " " * 100_000 + "x", '"a…"'),
    ],
)
def test_message_has_at_most_60_characters_of_a_value_on_one_line(text: str, quoted: str) -> None:
    assert values.quoted(text) == quoted


@pytest.mark.parametrize(
    ("text", "code"), [("DE", "DE"), (" germany\n", "DE"), ("NA", "NA"), ("NULL", None), ("N/A", None), (" ", None)]
)
def test_country_cell_is_a_country_or_blank(text: str, code: str | None) -> None:
    assert values.country_cell(text) == code


@pytest.mark.parametrize("text", ["Atlantis", "NULL", "", "x" * 9_999])
def test_unknown_country_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        values.country(text)
    assert refusal.value.code == "invalid_country"


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
