"""The formula guard and the list in a cell: nothing is lost on the way out and back."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrith_lite.cells import guard, join_list, split_list, unguard

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "300"))

RUN_BY_A_SPREADSHEET = [
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
]
HARMLESS = [
    "",
    " ",
    "x",
    "x=1",
    " =1",
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
    "\n=1",
    "ﬀ",
    "＝1",
    "‘=1",
]

# Texts in which apostrophes and formula starts are common.
hostile_texts = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8")),
    st.text(alphabet="'=@+-\t\r\n \"0123456789.,eE%()/xA", max_size=12),
)
items = hostile_texts.map(str.strip).filter(bool)


@pytest.mark.parametrize("cell", RUN_BY_A_SPREADSHEET)
def test_a_cell_that_a_spreadsheet_would_run_gets_one_apostrophe(cell: str) -> None:
    assert guard(cell) == "'" + cell


@pytest.mark.parametrize("cell", HARMLESS)
def test_a_harmless_cell_stays_as_it_is(cell: str) -> None:
    assert guard(cell) == cell


@pytest.mark.parametrize("cell", RUN_BY_A_SPREADSHEET)
def test_exactly_one_apostrophe_is_taken_off_a_guarded_cell(cell: str) -> None:
    assert unguard("''" + cell) == "'" + cell


@pytest.mark.parametrize("cell", [*HARMLESS, "'x=1", "' =1"])
def test_an_apostrophe_that_guards_nothing_stays(cell: str) -> None:
    assert unguard(cell) == cell


@settings(max_examples=EXAMPLES)
@given(hostile_texts)
def test_unguard_takes_back_what_guard_did_to_any_text(cell: str) -> None:
    assert unguard(guard(cell)) == cell


@settings(max_examples=EXAMPLES)
@given(hostile_texts)
def test_guarding_what_was_unguarded_comes_to_rest_at_once(cell: str) -> None:
    once = guard(unguard(cell))
    assert guard(unguard(once)) == once


@settings(max_examples=EXAMPLES)
@given(hostile_texts)
def test_no_guarded_cell_begins_like_a_formula(cell: str) -> None:
    assert guard(cell)[:1] not in ("=", "@", "\t", "\r")


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
        (["a;b", "c|d"], "a;b, c|d"),
    ],
)
def test_a_list_is_joined_so_that_its_items_can_be_told_apart(items: list[str], cell: str) -> None:
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
def test_a_list_that_a_person_wrote_is_understood(cell: str, items: list[str]) -> None:
    assert split_list(cell) == items


@pytest.mark.parametrize("cell", ['"a', 'a, "b', '"a" b, c', '"a"\nb', '"a", b\r\nc'])
def test_a_list_that_cannot_be_told_apart_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match=r"quote|line break"):
        split_list(cell)


@settings(max_examples=EXAMPLES)
@given(st.lists(items))
def test_any_items_survive_the_way_through_one_cell(items: list[str]) -> None:
    assert split_list(join_list(items)) == items


@settings(max_examples=EXAMPLES)
@given(st.lists(items))
def test_any_items_survive_the_way_through_a_guarded_cell(items: list[str]) -> None:
    assert split_list(unguard(guard(join_list(items)))) == items
