"""Definitions of the largest size that is accepted can be counted, and larger ones are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
import segment_audience
from segment_audience import (
    EVERYBODY,
    EVERYBODY_MATCHES,
    Audience,
    chain,
    condition,
    definition,
    refusal_of,
    saved_segments,
    segment,
    sequence,
    single,
    tag,
)

from mailrith_lite.audience.segments.compiler import MAX_CONDITIONS, MAX_DEPTH
from mailrith_lite.audience.segments.definition import MAX_VALUES

PATH = "definition.groups[0].conditions[0]"


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with segment_audience.open_audience(tmp_path_factory.mktemp("limits") / "test.db") as audience:
        yield audience


def wide(groups: int, conditions: int, repeated: Any) -> dict[str, Any]:
    group = {"id": "g", "match": "any", "conditions": [repeated] * conditions}
    return {"match": "any", "groups": [group] * groups}


WIDE = [
    condition("subscriber_status", "is", ["Active"] * MAX_VALUES),
    condition("country", "in_region", ["World"] * MAX_VALUES),
    condition("tag", "has_none_of", [tag(1)] * MAX_VALUES),
    condition("sequence", "has_never_been_in_any_of", [sequence(1)] * MAX_VALUES),
    condition("Text", "contains", ["ß"]),
    condition("Text", "has_none_of", ["ß"] * MAX_VALUES),
    condition("Multi Select", "does_not_contain", ["ß"]),
    condition("Multi Select", "has_any_of", ["Red"] * MAX_VALUES),
    condition("Number", "is", ["1.5"] * MAX_VALUES),
    condition("Date", "in_last_days", 30),
    condition("Checkbox", "is_not", True),
]


@pytest.mark.parametrize(
    ("groups", "conditions", "repeated"), [(50, 6, WIDE[0]), *((3, 100, repeated) for repeated in WIDE)]
)
def test_maximum_number_of_conditions_can_be_counted(
    audience: Audience, groups: int, conditions: int, repeated: Any
) -> None:
    assert groups * conditions == MAX_CONDITIONS
    expected = audience.matches(definition(repeated))
    assert audience.matches(wide(groups, conditions, repeated)) == expected


def test_one_condition_too_many_is_refused_also_inside_a_segment(audience: Audience) -> None:
    too_many = wide(3, 100, EVERYBODY_MATCHES)
    too_many["groups"] = [*too_many["groups"], wide(1, 1, EVERYBODY_MATCHES)["groups"][0]]
    assert refusal_of(audience, too_many) == ("definition.groups[3].conditions[0]", "too_complex")
    saved = saved_segments(s1=wide(3, 100, EVERYBODY_MATCHES), s2=wide(2, 100, EVERYBODY_MATCHES))
    assert refusal_of(audience, single("segment", "is", segment(1)), **saved) == (PATH, "too_complex")
    twice = single("segment", "is", [segment(2), segment(2)])
    assert audience.matches(twice, **saved) == EVERYBODY
    two = definition(condition("segment", "is", segment(2)), condition("segment", "is", segment(2)))
    assert refusal_of(audience, two, **saved) == ("definition.groups[0].conditions[1]", "too_complex")


def test_doubling_references_are_refused_early(audience: Audience) -> None:
    """Each segment refers to the one before twice: a million conditions without an early limit."""
    twice = chain(MAX_DEPTH, lambda inner: definition(inner, inner))
    assert refusal_of(audience, single("segment", "is", segment(MAX_DEPTH)), **twice) == (PATH, "too_complex")


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_deep_and_wide_definition_can_be_counted(audience: Audience, first: bool) -> None:
    """The longest possible expression."""
    contains = condition("Multi Select", "does_not_contain", ["not in any value"])
    others = [contains] * (MAX_CONDITIONS // MAX_DEPTH - 2)
    shape = (lambda inner: definition(inner, *others)) if first else (lambda inner: definition(*others, inner))
    saved = chain(MAX_DEPTH, shape)
    assert audience.matches(single("segment", "is", segment(MAX_DEPTH)), **saved) == EVERYBODY
