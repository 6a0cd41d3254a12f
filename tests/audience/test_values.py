"""The rules for emails, names, statuses and countries."""

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrith_lite.audience import values, vocabulary
from mailrith_lite.audience.values import Refused

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "200"))


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
