"""What is no definition, and where that is said to be wrong."""

from collections.abc import Iterator
from typing import Any

import pytest
import segment_audience
from segment_audience import Audience, condition, only, sequence, tag

from mailrith_lite import errors, ids
from mailrith_lite.audience.segments.definition import FIELD_OPERATORS, OPERATORS

ACTIVE = condition("subscriber_status", "is", "Active")


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with segment_audience.opened(tmp_path_factory.mktemp("refusals") / "test.db") as found:
        yield found


WRONG_OPERATORS = [
    (field, operator)
    for table in (OPERATORS, FIELD_OPERATORS)
    for field, operators in table.items()
    for operator in sorted(
        {one for each in (*OPERATORS.values(), *FIELD_OPERATORS.values()) for one in each} - {*operators}
    )
]


def refused(audience: Audience, definition: Any, **around: Any) -> tuple[str | None, str | None]:
    """(field, reason) of the refusal."""
    with pytest.raises(errors.InvalidBody) as refusal:
        audience.matched(definition, **around)
    return refusal.value.details.get("field"), refusal.value.details.get("reason")


PLACE = "definition.groups[0].conditions[0]"


def test_an_operator_of_another_field_is_refused(audience: Audience) -> None:
    assert len(WRONG_OPERATORS) > 200
    for field, operator in WRONG_OPERATORS:
        found = refused(audience, only(field, operator, "1"))
        assert found == (f"{PLACE}.operator", "operator_not_for_field"), (field, operator)


def without_value() -> list[tuple[str, str]]:
    tables = (*OPERATORS.items(), *FIELD_OPERATORS.items())
    return [(field, one) for field, all_of in tables for one in all_of if "empty" not in one]


@pytest.mark.parametrize("value", [None, [], ""])
def test_an_operator_that_takes_a_value_is_refused_without_one(audience: Audience, value: Any) -> None:
    for field, operator in without_value():
        assert refused(audience, only(field, operator, value))[0] == f"{PLACE}.value", (field, operator)


@pytest.mark.parametrize(
    ("field", "operator", "value", "reason"),
    [
        ("subscriber_status", "is", "vip", "invalid_status"),
        ("subscriber_status", "is", True, None),
        ("subscriber_status", "has_any_of", ["Active"] * 501, None),
        ("country", "is", "Atlantis", "invalid_country"),
        ("country", "has_any_of", ["DE", ""], "invalid_country"),
        ("country", "in_region", "DE", "region_not_found"),
        ("country", "in_region", ["Europe", "Middle Earth"], "region_not_found"),
        ("country", "is", 49, None),
        ("tag", "is", "News", "tag_not_found"),
        ("tag", "is", tag(4), "tag_not_found"),
        ("tag", "is", sequence(1), "tag_not_found"),
        ("tag", "has_any_of", [tag(1), tag(4)], "tag_not_found"),
        ("tag", "is", 1, None),
        ("sequence", "is_active_in_any_of", [sequence(1), sequence(99)], "sequence_not_found"),
        ("segment", "is", ids.encode(ids.SEGMENT, 1), "segment_not_found"),
        ("form", "is", [], None),
        ("Text", "is", " ", None),
        ("Text", "is", 12, "invalid_custom_field"),
        ("Text", "is", "x" * 10_001, "value_too_long"),
        ("Text", "has_any_of", ["x"] * 501, None),
        ("Text", "contains", ["x"] * 501, None),
        ("Text", "contains", [" ", "\n"], None),
        ("Text", "contains", 5, None),
        ("Number", "is", "twelve", "invalid_custom_field"),
        ("Number", "is", True, "invalid_custom_field"),
        ("Number", "greater_than", ["1", "2"], None),
        ("Number", "greater_than", "1" * 101, "value_too_long"),
        ("Number", "less_than", 1e300, "value_too_long"),
        ("Date", "before", "15.1.2027", "invalid_custom_field"),
        ("Date", "on", "2027-02-30", "invalid_custom_field"),
        ("Date", "after", ["2027-01-01", "2027-01-02"], None),
        ("Date", "in_last_days", 0, None),
        ("Date", "in_last_days", -1, None),
        ("Date", "in_last_days", 1.5, None),
        ("Date", "in_last_days", 36_501, None),
        ("Date", "in_last_days", True, None),
        ("Date", "in_last_days", "ten", None),
        ("Date", "in_last_days", "9" * 400, None),
        ("Date", "in_last_days", ["5"], None),
        ("Checkbox", "is", "maybe", "invalid_custom_field"),
        ("Checkbox", "is", 1, "invalid_custom_field"),
        ("Select (Dropdown)", "is", "Green", "invalid_custom_field"),
        ("Single Select", "has_any_of", ["Red", "Green"], "invalid_custom_field"),
        ("Multi Select", "is", "Red, Green", "invalid_custom_field"),
        ("Multi Select", "is", '"Red', "invalid_custom_field"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named(
    audience: Audience, field: str, operator: str, value: Any, reason: str | None
) -> None:
    second = segment_audience.definition(ACTIVE, condition(field, operator, value))
    assert refused(audience, second) == ("definition.groups[0].conditions[1].value", reason)


@pytest.mark.parametrize("public_id", [None, "", "nonsense", ids.encode(ids.CUSTOM_FIELD, 99), tag(1)])
def test_a_custom_field_that_is_not_there_is_named(audience: Audience, public_id: str | None) -> None:
    asked = {**condition("Text", "is_empty"), "customFieldId": public_id}
    expected = (f"{PLACE}.customFieldId", "custom_field_not_found")
    assert refused(audience, segment_audience.definition(asked)) == expected


@pytest.mark.parametrize("field", [field for field in OPERATORS if field != "segment"])
def test_a_custom_field_goes_with_no_other_field(audience: Audience, field: str) -> None:
    asked = {**condition(field, OPERATORS[field][0], "x"), "customFieldId": segment_audience.field_id("Text")}
    assert refused(audience, segment_audience.definition(asked)) == (f"{PLACE}.customFieldId", None)
