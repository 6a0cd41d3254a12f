"""Invalid definitions, and the field and reason of each error."""

from collections.abc import Iterator
from typing import Any

import pytest
import segment_audience
from segment_audience import Audience, condition, definition, sequence, single, tag

from mailrith_lite import errors, ids
from mailrith_lite.audience.segments.definition import FIELD_OPERATORS, OPERATORS

ACTIVE = condition("subscriber_status", "is", "Active")


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with segment_audience.open_audience(tmp_path_factory.mktemp("refusals") / "test.db") as audience:
        yield audience


ALL_OPERATORS = {
    operator for table in (OPERATORS, FIELD_OPERATORS) for operators in table.values() for operator in operators
}
WRONG_OPERATORS = [
    (field, operator)
    for table in (OPERATORS, FIELD_OPERATORS)
    for field, operators in table.items()
    for operator in sorted(ALL_OPERATORS - {*operators})
]


def refusal_of(audience: Audience, definition: Any, **options: Any) -> tuple[str | None, str | None]:
    """(field, reason) of the error."""
    with pytest.raises(errors.InvalidRequest) as refusal:
        audience.matches(definition, **options)
    return refusal.value.details.get("field"), refusal.value.details.get("reason")


PATH = "definition.groups[0].conditions[0]"


def test_operator_of_another_field_is_refused(audience: Audience) -> None:
    assert len(WRONG_OPERATORS) > 200
    for field, operator in WRONG_OPERATORS:
        refusal = refusal_of(audience, single(field, operator, "1"))
        assert refusal == (f"{PATH}.operator", "operator_not_for_field"), (field, operator)


def operators_with_value() -> list[tuple[str, str]]:
    """(field, operator)"""
    tables = (*OPERATORS.items(), *FIELD_OPERATORS.items())
    return [(field, operator) for field, operators in tables for operator in operators if "empty" not in operator]


@pytest.mark.parametrize("value", [None, [], ""])
def test_missing_value_is_refused(audience: Audience, value: Any) -> None:
    for field, operator in operators_with_value():
        assert refusal_of(audience, single(field, operator, value))[0] == f"{PATH}.value", (field, operator)


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
def test_invalid_value_is_refused_with_its_path_and_reason(
    audience: Audience, field: str, operator: str, value: Any, reason: str | None
) -> None:
    second = segment_audience.definition(ACTIVE, condition(field, operator, value))
    assert refusal_of(audience, second) == ("definition.groups[0].conditions[1].value", reason)


@pytest.mark.parametrize("public_id", [None, "", "nonsense", ids.encode(ids.CUSTOM_FIELD, 99), tag(1)])
def test_unknown_custom_field_id_is_refused(audience: Audience, public_id: str | None) -> None:
    sent = {**condition("Text", "is_empty"), "customFieldId": public_id}
    expected = (f"{PATH}.customFieldId", "custom_field_not_found")
    assert refusal_of(audience, segment_audience.definition(sent)) == expected


@pytest.mark.parametrize("field", [field for field in OPERATORS if field != "segment"])
def test_custom_field_id_is_refused_for_other_fields(audience: Audience, field: str) -> None:
    sent = {**condition(field, OPERATORS[field][0], "x"), "customFieldId": segment_audience.field_id("Text")}
    assert refusal_of(audience, segment_audience.definition(sent)) == (f"{PATH}.customFieldId", None)


def test_texts_of_all_conditions_together_have_a_limit(audience: Audience) -> None:
    texts = condition("Text", "contains", [f"text {number}" for number in range(50)])
    assert audience.matches(definition(*[texts] * 10)) == set()
    refusal = refusal_of(audience, definition(*[texts] * 10, condition("Text", "does_not_contain", "one more")))
    assert refusal == ("definition.groups[0].conditions[10].value", "too_complex")
    assert len(audience.matches(definition(*[texts] * 11), saved=True)) == 0
