"""The email addresses in a text, and the text without them."""

import time

import pytest

from mailrith_lite.audience import mentions
from mailrith_lite.audience.mentions import ERASED

ADA = "ada@example.com"


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (ADA, {ADA}),
        ("ADA@Example.COM", {ADA}),
        (f"  {ADA}\n", {ADA}),
        (f"Ada <{ADA}>, write to bob@example.com.", {ADA, "bob@example.com"}),
        (f"mailto:{ADA}?subject=Hello", {ADA}),
        (f"'{ADA}", {f"'{ADA}", ADA}),
        (f"x-{ADA}", {f"x-{ADA}"}),
        ("ada@exämple.com", {"ada@xn--exmple-cua.com"}),
        ("ad\u200ba@example.com", {ADA}),
        ("ada at example.com", set()),
        ("@", set()),
        ("", set()),
    ],
)
def test_addresses_of_a_cell_have_the_form_of_a_subscriber(cell: str, found: set[str]) -> None:
    assert mentions.addresses(cell) == found


@pytest.mark.parametrize("text", [f"signup-{ADA}", f"{ADA}.csv", f"2026-{ADA}-leads.csv", ADA.upper()])
def test_a_name_made_of_an_address_is_found_and_replaced(text: str) -> None:
    assert ADA in mentions.word_addresses(text)
    assert mentions.scrub(f"file {text}", {ADA}) == f"file {ERASED}"
    assert mentions.scrub(f"file {text}", {"bob@example.com"}) == f"file {text}"


def test_only_the_strings_of_a_json_text_that_have_an_address_are_replaced() -> None:
    text = '{"a":["one\\nada@example.com",1.5,null],"nada@example.com":"nada@example.com"}'
    assert mentions.json_addresses(text) == {ADA, "nada@example.com"}
    expected = f'{{"a":["{ERASED}",1.5,null],"nada@example.com":"nada@example.com"}}'
    assert mentions.scrub_json(text, {ADA}) == expected


@pytest.mark.parametrize(
    "cell", ["a" * (1 << 20), "a@" * (1 << 16), "@" * (1 << 20), "a b@" * (1 << 16), "a-" * (1 << 19)]
)
def test_a_long_cell_is_read_in_linear_time(cell: str) -> None:
    began = time.process_time()
    mentions.addresses(cell)
    assert time.process_time() - began < 2
