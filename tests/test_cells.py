"""The formula guard and the list in a cell: an import reads exactly what an export has written."""

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrith_lite.cells import guard, join_list, split_list, unguard

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "100"))

FORMULAS = [
    "=1+1",
    "=",
    "@SUM(A1)",
    "@",
    "\tx",
    "\t",
    "\rx",
    "+",
    "-",
    "+A1",
    "-A1",
    "-2+3",
    "+1+cmd|' /C calc'!A0",
    "-1\n",
    "+1\n=2",
    "-1e5+1",
    "--1",
    "+-1",
    "+ 49",
    "-(1)",
    "-.",
    "-1.",
    "-1..5",
    "-1e",
    "+49,x",
    "+٤٩",
    "'=1",
    "''=1",
    "'''@x",
    "'+A1",
    "'\t",
    "'-",
    " =1",
    "\n=1",
    "\x0b=1",
    "\x00\x1f\x7f\x85=1",
    "\u00a0=1",
    "\u2028\u3000@x",
    "\u200b\ufeff=1",
    " \n+A1",
    "\uff1d1",
    "\uff20x",
    "\uff0bA1",
    "\uff0dA1",
    "\u00a0\uff1d1",
    "' =1",
    "'\uff1d1",
]
HARMLESS = [
    "",
    " ",
    "x",
    "x=1",
    " x=1",
    "'",
    "''",
    "'x",
    "O'Neil",
    "'tis",
    "'+1",
    "'-5",
    "+1",
    "-1",
    "-1.5",
    "-1,5",
    "-1,234.50",
    "+1e5",
    "-1E-5",
    "-5%",
    "-.5",
    "+49 30 1234567",
    "+49 (0) 30/123-456",
    "+1-800-555.0199",
    "\n",
    "\u00a0x",
    " -5",
    "\n+49 30 1234567",
    "\uff0d5",
    "\uff0b49 30 1234567",
    "ﬀ",
    "‘=1",
    " '=1",
]

# apostrophes and the first characters of formulas are frequent in the second kind of text
hostile_texts = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",))),
    st.text(alphabet="'=@+-\t\r\n \"0123456789.,eE%()/xA", max_size=12),
    st.text(alphabet="'=@+-1x \n\x0b\x00\u00a0\u200b\ufeff\uff1d\uff20\uff0b\uff0d", max_size=8),
)
items = hostile_texts.map(str.strip).filter(bool)


@pytest.mark.parametrize("cell", FORMULAS)
def test_guard_puts_one_apostrophe_before_a_formula(cell: str) -> None:
    assert guard(cell) == "'" + cell


@pytest.mark.parametrize("cell", HARMLESS)
def test_guard_does_not_change_a_harmless_cell(cell: str) -> None:
    assert guard(cell) == cell


@pytest.mark.parametrize("cell", FORMULAS)
def test_unguard_removes_one_apostrophe(cell: str) -> None:
    assert unguard("''" + cell) == "'" + cell


@pytest.mark.parametrize("cell", [*HARMLESS, "'x=1", "' x"])
def test_unguard_does_not_change_a_cell_without_a_guard(cell: str) -> None:
    assert unguard(cell) == cell


@settings(max_examples=EXAMPLES)
@given(hostile_texts)
def test_unguard_reverses_guard(cell: str) -> None:
    assert unguard(guard(cell)) == cell


@settings(max_examples=EXAMPLES)
@given(hostile_texts)
def test_guard_after_unguard_is_idempotent(cell: str) -> None:
    once = guard(unguard(cell))
    assert guard(unguard(once)) == once


@settings(max_examples=EXAMPLES)
@given(hostile_texts)
def test_no_guarded_cell_starts_with_a_formula_character(cell: str) -> None:
    assert guard(cell)[:1] not in ("\t", "\r")
    assert guard(cell).lstrip("\0\n\x0b\x0c \u00a0\u200b\ufeff")[:1] not in ("=", "@", "\uff1d", "\uff20")


@pytest.mark.parametrize(
    "cell", [" " * 1_000_000, "'" * 1_000_000, "+" + "1." * 500_000, "+" + "1 " * 500_000 + "x"]
)
def test_guard_takes_linear_time(cell: str) -> None:
    began = time.process_time()
    guard(cell)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("items", "cell"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a, b", "c"], '"a, b", c'),
        (['5" disk'], '"5"" disk"'),
        (["a\nb", "c"], '"a\nb", c'),
        (["a\rb"], '"a\rb"'),
        (["a;b", "c|d"], '"a;b", "c|d"'),
    ],
)
def test_join_list_quotes_items_that_split_list_would_misread(items: list[str], cell: str) -> None:
    assert join_list(items) == cell
    assert split_list(cell) == items


@pytest.mark.parametrize(
    ("cell", "items"),
    [
        ("a,b", ["a", "b"]),
        (" a ,, b , ", ["a", "b"]),
        (",", []),
        ("   ", []),
        ('""', []),
        ('"a,b"', ["a,b"]),
        ('a, "b, c"', ["a", "b, c"]),
        ('5" disk, x', ['5" disk', "x"]),
        (' "a"\r\n', ["a"]),
    ],
)
def test_split_list_reads_a_list_that_a_person_wrote(cell: str, items: list[str]) -> None:
    assert split_list(cell) == items


@pytest.mark.parametrize("cell", ['"a', 'a, "b', '"a" b, c', '"a"\nb', '"a", b\r\nc'])
def test_split_list_refuses_an_open_quote_and_a_line_break(cell: str) -> None:
    with pytest.raises(ValueError, match=r"quote|line break"):
        split_list(cell)


@settings(max_examples=EXAMPLES)
@given(st.lists(items))
def test_split_list_reverses_join_list(items: list[str]) -> None:
    assert split_list(join_list(items)) == items


@settings(max_examples=EXAMPLES)
@given(st.lists(items))
def test_split_list_reverses_join_list_in_a_guarded_cell(items: list[str]) -> None:
    assert split_list(unguard(guard(join_list(items)))) == items
