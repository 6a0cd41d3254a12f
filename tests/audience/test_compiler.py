"""The subscribers that a definition matches: every field with every operator."""

from collections.abc import Iterator
from typing import Any

import pytest
import segment_audience
from segment_audience import EVERYBODY, FIELDS, Audience, condition, sequence, single, tag

from mailrith_lite.audience.segments.definition import FIELD_OPERATORS, OPERATORS


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with segment_audience.open_audience(tmp_path_factory.mktemp("compile") / "test.db") as audience:
        yield audience


NOBODY = ""
ALL = "ada bob cyd dan eve"


def select_cases(kind: str, capital: str, small: str) -> list[tuple[str, str, Any, str]]:
    """`capital`: the names with the option Red. `small`: the names with the option red."""
    either = f"{capital} {small}"
    return [
        (kind, "is", "Red", capital),
        (kind, "is_not", "Red", others(capital)),
        (kind, "has_any_of", ["Red", " red "], either),
        (kind, "has_none_of", ["Red", "red"], others(either)),
        (kind, "contains", "RED", either),
        (kind, "does_not_contain", ["rED"], others(either)),
        (kind, "is_empty", None, "dan eve"),
        (kind, "is_not_empty", None, "ada bob cyd"),
    ]


def others(names: str) -> str:
    """The names of all other subscribers."""
    return " ".join(sorted(EVERYBODY - set(names.split())))


CASES: list[tuple[str, str, Any, str]] = [
    ("subscriber_status", "is", "Active", "ada dan"),
    ("subscriber_status", "is", " aCTIVE ", "ada dan"),
    ("subscriber_status", "is_not", "Active", "bob cyd eve"),
    ("subscriber_status", "has_any_of", ["bounced", "Blocked"], "cyd eve"),
    ("subscriber_status", "has_none_of", ["Bounced", "Blocked"], "ada bob dan"),
    ("subscriber_status", "is", ["Active", "Bounced"], "ada cyd dan"),
    ("country", "is", "DE", "ada"),
    ("country", "is", "germany", "ada"),
    ("country", "is", "Côte d'Ivoire", "dan"),
    ("country", "is_not", "de", "bob cyd dan eve"),
    ("country", "has_any_of", ["DEU", "us", "FR"], "ada bob"),
    ("country", "has_none_of", ["DEU", "us"], "cyd dan eve"),
    ("country", "is_empty", None, "cyd"),
    ("country", "is_not_empty", None, "ada bob dan eve"),
    ("country", "in_region", "Europe", "ada eve"),
    ("country", "in_region", ["western EUROPE", " Americas"], "ada bob"),
    ("country", "in_region", "Antarctica", NOBODY),
    ("country", "not_in_region", "Europe", "bob cyd dan"),
    ("country", "not_in_region", ["World"], "cyd"),
    ("tag", "is", tag(1), "ada bob"),
    ("tag", "is_not", tag(1), "cyd dan eve"),
    ("tag", "has_any_of", [tag(1), tag(2)], "ada bob dan"),
    ("tag", "has_any_of", [tag(3)], NOBODY),
    ("tag", "has_none_of", [tag(1), tag(2)], "cyd eve"),
    ("tag", "has_none_of", [tag(3), tag(3)], ALL),
    ("tag", "is_empty", None, "cyd eve"),
    ("tag", "is_not_empty", None, "ada bob dan"),
    ("sequence", "is_active_in_any_of", sequence(1), "ada"),
    ("sequence", "is_active_in_any_of", [sequence(1), sequence(2)], "ada bob"),
    ("sequence", "is_not_active_in_any_of", [sequence(1)], "bob cyd dan eve"),
    ("sequence", "has_completed_any_of", [sequence(1), sequence(2)], "bob eve"),
    ("sequence", "has_not_completed_any_of", [sequence(2)], "ada bob cyd dan"),
    ("sequence", "has_ever_been_in_any_of", [sequence(1)], "ada bob cyd"),
    ("sequence", "has_ever_been_in_any_of", [sequence(3)], NOBODY),
    ("sequence", "has_never_been_in_any_of", [sequence(1), sequence(2)], "dan"),
    *(
        (field, operator, value, names)
        for field in ("form", "email_opened", "email_unsubscribed", "magic_link_clicked")
        for operator, value, names in [
            ("is", "form_1", NOBODY),
            ("is", True, NOBODY),
            ("is", False, ALL),
            ("is_not", "form_1", ALL),
            ("is_not", True, ALL),
            ("is_not", False, NOBODY),
            ("has_any_of", ["x", "y"], NOBODY),
            ("has_none_of", ["x"], ALL),
            ("is_empty", None, ALL),
            ("is_empty", False, ALL),
            ("is_not_empty", None, NOBODY),
            ("is_not_empty", False, NOBODY),
        ]
    ),
    *(
        (field, operator, value, NOBODY)
        for field in ("email_opened", "email_unsubscribed", "magic_link_clicked")
        for operator, value in [("before", "2027-01-01"), ("after", "x"), ("on", "x"), ("in_last_days", 30)]
    ),
    ("Text", "is", "straße", "ada"),
    ("Text", "is", "STRASSE", "ada"),
    ("Text", "is", "  strasse 12 ", "bob"),
    ("Text", "is", ["12", "straße"], "ada eve"),
    ("Text", "is", '100%_ "k"', "cyd"),
    ("Text", "is", "100%", NOBODY),
    ("Text", "is_not", "Straße", "bob cyd dan eve"),
    ("Text", "has_any_of", ["Straße", "strasse 12", "x"], "ada bob"),
    ("Text", "has_none_of", ["Straße", "strasse 12"], "cyd dan eve"),
    ("Text", "contains", "ss", "ada bob"),
    ("Text", "contains", "ß", "ada bob"),
    ("Text", "contains", "12", "bob eve"),
    ("Text", "contains", "k", "cyd"),
    ("Text", "contains", ["%_", "ASSE 1"], "bob cyd"),
    ("Text", "contains", "\u212a", "cyd"),
    ("Text", "contains", ["nothing", " "], NOBODY),
    ("Text", "does_not_contain", "12", "ada cyd dan"),
    ("Text", "does_not_contain", ["12", "ß"], "cyd dan"),
    ("Text", "is_empty", None, "dan"),
    ("Text", "is_not_empty", "ignored", "ada bob cyd eve"),
    ("Text Area", "is", " TWO\nlines ", "ada"),
    ("Text Area", "is", "two\nlines", NOBODY),
    ("Text Area", "is_not", "two", "ada cyd dan eve"),
    ("Text Area", "has_any_of", ["two", "\\"], "bob cyd"),
    ("Text Area", "has_none_of", ["two", "\\"], "ada dan eve"),
    ("Text Area", "contains", "o\nL", "ada"),
    ("Text Area", "contains", "\\", "cyd"),
    ("Text Area", "does_not_contain", "two", "cyd dan eve"),
    ("Text Area", "is_empty", None, "dan eve"),
    ("Text Area", "is_not_empty", None, "ada bob cyd"),
    ("Number", "is", 1.5, "ada"),
    ("Number", "is", "1.50", "ada"),
    ("Number", "is", "-2", "bob"),
    ("Number", "is", 2**63, "cyd"),
    ("Number", "is", 0.1, "eve"),
    ("Number", "is", "1e-1", "eve"),
    ("Number", "is_not", -2, "ada cyd dan eve"),
    ("Number", "has_any_of", ["-2", "1.5", "7"], "ada bob"),
    ("Number", "has_none_of", ["-2", "1.5"], "cyd dan eve"),
    ("Number", "greater_than", 0.1, "ada cyd"),
    ("Number", "greater_than", "9223372036854775807", "cyd"),
    ("Number", "greater_than", 2**63, NOBODY),
    ("Number", "greater_than", -3, "ada bob cyd eve"),
    ("Number", "less_than", 0.1, "bob"),
    ("Number", "less_than", 1.5, "bob eve"),
    ("Number", "less_than", 10**30, "ada bob cyd eve"),
    ("Number", "less_than", ["1.5"], "bob eve"),
    ("Number", "is_empty", None, "dan"),
    ("Number", "is_not_empty", None, "ada bob cyd eve"),
    ("Date", "is", "2027-01-10", "ada"),
    ("Date", "is_not", " 2027-01-10 ", "bob cyd dan eve"),
    ("Date", "has_any_of", ["2027-01-10", "0001-01-01"], "ada cyd"),
    ("Date", "has_none_of", ["2027-01-10", "0001-01-01"], "bob dan eve"),
    ("Date", "on", "2027-01-15", "bob"),
    ("Date", "before", "2027-01-15", "ada cyd"),
    ("Date", "before", "0001-01-01", NOBODY),
    ("Date", "after", "2027-01-10", "bob eve"),
    ("Date", "after", "0001-01-01", "ada bob eve"),
    ("Date", "in_last_days", 1, "bob"),
    ("Date", "in_last_days", 4, "bob"),
    ("Date", "in_last_days", 5, "ada bob"),
    ("Date", "in_last_days", "5", "ada bob"),
    ("Date", "in_last_days", 5.0, "ada bob"),
    ("Date", "in_last_days", 36_500, "ada bob"),
    ("Date", "is_empty", None, "dan"),
    ("Date", "is_not_empty", None, "ada bob cyd eve"),
    ("Checkbox", "is", True, "ada eve"),
    ("Checkbox", "is", "YES", "ada eve"),
    ("Checkbox", "is", False, "bob"),
    ("Checkbox", "is", ["true", "false"], "ada bob eve"),
    ("Checkbox", "is_not", True, "bob cyd dan"),
    ("Checkbox", "is_not", "0", "ada cyd dan eve"),
    ("Checkbox", "is_empty", None, "cyd dan"),
    ("Checkbox", "is_not_empty", None, "ada bob eve"),
    *select_cases("Select (Dropdown)", "ada", "bob"),
    *select_cases("Single Select", "cyd", ""),
    ("Single Select", "is", "a, b", "ada"),
    ("Single Select", "contains", ["A,", "strass"], "ada bob"),
    ("Multi Select", "is", "Red", "ada"),
    ("Multi Select", "is", "red", "cyd"),
    ("Multi Select", "is", ["a, b"], "ada"),
    ("Multi Select", "is", '"a, b"', "ada"),
    ("Multi Select", "is_not", "Red", "bob cyd dan eve"),
    ("Multi Select", "has_any_of", ["Red", "red"], "ada cyd"),
    ("Multi Select", "has_any_of", "Red, Deep Blue", "ada bob"),
    ("Multi Select", "has_any_of", ["a, b", "Deep Blue"], "ada bob"),
    ("Multi Select", "has_none_of", ["Red", "red"], "bob dan eve"),
    ("Multi Select", "contains", "RED", "ada cyd"),
    ("Multi Select", "contains", ["blu", "ss"], "bob cyd"),
    ("Multi Select", "contains", "Red\",\"a", NOBODY),
    ("Multi Select", "does_not_contain", "red", "bob dan eve"),
    ("Multi Select", "is_empty", None, "dan eve"),
    ("Multi Select", "is_not_empty", None, "ada bob cyd"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "operator", "value", "names"), CASES)
def test_condition_matches_its_subscribers(
    audience: Audience, field: str, operator: str, value: Any, names: str
) -> None:
    assert audience.matches(single(field, operator, value)) == set(names.split())


def test_cases_cover_every_operator_of_every_field() -> None:
    expected = {
        (field, operator)
        for table in (OPERATORS, FIELD_OPERATORS)
        for field, operators in table.items()
        for operator in operators
        if field != "segment"  # test_segment_nesting.py covers it
    }
    assert {(field, operator) for field, operator, _, _ in CASES} == expected
    assert set(FIELD_OPERATORS) == set(FIELDS)


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("is_not", "is"),
        ("has_none_of", "has_any_of"),
        ("does_not_contain", "contains"),
        ("not_in_region", "in_region"),
        ("is_empty", "is_not_empty"),
        ("is_not_active_in_any_of", "is_active_in_any_of"),
        ("has_not_completed_any_of", "has_completed_any_of"),
        ("has_never_been_in_any_of", "has_ever_been_in_any_of"),
    ],
)
def test_negative_operator_matches_everybody_else(audience: Audience, negative: str, positive: str) -> None:
    cases = [(field, value) for field, operator, value, _ in CASES if operator in (negative, positive)]
    assert cases
    for field, value in cases:
        matches = audience.matches(single(field, negative, value))
        assert matches == EVERYBODY - audience.matches(single(field, positive, value)), (field, value)


GERMAN, ACTIVE, TAGGED = (
    condition("country", "is", "DE"),
    condition("subscriber_status", "is", "Active"),
    condition("tag", "is_not_empty"),
)


@pytest.mark.parametrize(
    ("match", "groups", "names"),
    [
        ("all", [("all", [GERMAN])], "ada"),
        ("all", [("all", [GERMAN, ACTIVE])], "ada"),
        ("all", [("any", [GERMAN, ACTIVE])], "ada dan"),
        ("any", [("all", [GERMAN, ACTIVE]), ("all", [TAGGED])], "ada bob dan"),
        ("all", [("any", [GERMAN, ACTIVE]), ("all", [TAGGED, ACTIVE])], "ada dan"),
        ("all", [("all", [GERMAN]), ("all", [condition("country", "is", "US")])], ""),
        ("any", [("all", [GERMAN]), ("all", [condition("country", "is", "US")])], "ada bob"),
        ("any", [("any", [GERMAN]), ("any", [condition("country", "is_empty"), TAGGED])], "ada bob cyd dan"),
    ],
)
def test_match_joins_groups_and_the_conditions_of_each_group(
    audience: Audience, match: str, groups: Any, names: str
) -> None:
    built = [{"id": "g", "match": inner, "conditions": conditions} for inner, conditions in groups]
    assert audience.matches({"match": match, "groups": built}) == set(names.split())


@pytest.mark.parametrize("number", ["0.0000001", "1e-7", "0.30000000000000004", "1.7976931348623157e98", "8.41e21",
                                    "123456789.123456789123", "0.1234567890123456789", "-5e-9"])  # fmt: skip
def test_number_equals_itself_and_is_not_greater_or_less(audience: Audience, number: str) -> None:
    audience.set_number("dan", number)
    try:
        assert "dan" in audience.matches(single("Number", "is", number))
        assert "dan" not in audience.matches(single("Number", "is_not", number))
        assert "dan" not in audience.matches(single("Number", "greater_than", number))
        assert "dan" not in audience.matches(single("Number", "less_than", number))
    finally:
        audience.set_number("dan", None)


def test_counts_are_of_all_and_of_active_subscribers(audience: Audience) -> None:
    counts = audience.counts(single("tag", "is_not_empty"))
    assert (counts.total, counts.confirmed) == (3, 2)


def test_subscriber_of_another_workspace_never_matches(audience: Audience) -> None:
    assert audience.counts(single("tag", "has_none_of", [tag(3)])).total == len(EVERYBODY)
    either = segment_audience.definition(
        condition("country", "is_empty"), condition("country", "is_not_empty"), match="any"
    )
    assert audience.matches(either) == EVERYBODY
