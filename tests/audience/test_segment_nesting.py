"""Segments that refer to other segments: matches, circular references, and the maximum depth."""

from collections.abc import Iterator
from typing import Any

import pytest
import segment_audience
from segment_audience import (
    EVERYBODY,
    EVERYBODY_MATCHES,
    Audience,
    Shape,
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

from mailrith_lite import errors
from mailrith_lite.audience.conditions import SEQUENCE_OPERATORS
from mailrith_lite.audience.segments.compiler import MAX_DEPTH

PATH = "definition.groups[0].conditions[0]"
GERMAN, AMERICAN, ACTIVE = (
    single("country", "is", "DE"),
    single("country", "is", "US"),
    single("subscriber_status", "is", "Active"),
)


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with segment_audience.open_audience(tmp_path_factory.mktemp("nesting") / "test.db") as audience:
        yield audience


@pytest.mark.parametrize(
    ("operator", "value", "names"),
    [
        ("is", segment(1), "ada"),
        ("is", [segment(1), segment(2)], "ada bob"),
        ("is_not", segment(1), "bob cyd dan eve"),
        ("has_any_of", [segment(2), segment(3), segment(2)], "ada bob dan"),
        ("has_none_of", [segment(2), segment(3)], "cyd eve"),
        ("is", segment(4), "dan"),
        ("is_not", segment(4), "ada bob cyd eve"),
        ("is", segment(5), "ada bob cyd eve"),
        ("is_not", segment(5), "dan"),
    ],
)
def test_condition_on_segments_matches_their_subscribers(
    audience: Audience, operator: str, value: Any, names: str
) -> None:
    both = definition(condition("segment", "is", segment(3)), condition("segment", "is_not", segment(1)))
    saved = saved_segments(s1=GERMAN, s2=AMERICAN, s3=ACTIVE, s4=both, s5=single("segment", "is_not", segment(4)))
    assert audience.matches(single("segment", operator, value), **saved) == set(names.split())


@pytest.mark.parametrize("length", [1, 2, 3])
def test_circular_reference_is_refused_at_every_length(audience: Audience, length: int) -> None:
    """Each segment refers to the next one, and the last to the first."""
    saved = {f"s{number}": single("segment", "is", segment(number % length + 1)) for number in range(1, length + 1)}
    segments = saved_segments(**saved)
    assert refusal_of(audience, saved["s1"], own_id=1, **segments) == (f"{PATH}.value", "circular_reference")
    second = definition(EVERYBODY_MATCHES, condition("segment", "has_none_of", [segment(length)]))
    if length > 1:
        refusal = refusal_of(audience, second, own_id=1, **segments)
        assert refusal == ("definition.groups[0].conditions[1].value", "circular_reference")


def test_definition_can_refer_to_a_segment_several_times(audience: Audience) -> None:
    saved = saved_segments(
        s1=GERMAN, s2=single("segment", "is", segment(1)), s3=single("segment", "is_not", segment(1))
    )
    both = definition(*(condition("segment", "is", segment(number)) for number in (1, 2, 1)))
    assert audience.matches(both, **saved) == {"ada"}
    assert audience.matches(single("segment", "is", [segment(2), segment(3)]), **saved) == EVERYBODY


def test_condition_after_a_segment_condition_is_checked_like_a_new_one(audience: Audience) -> None:
    sent = definition(condition("segment", "is", segment(1)), condition("tag", "is", tag(99)))
    assert refusal_of(audience, sent, **saved_segments(s1=GERMAN)) == (
        "definition.groups[0].conditions[1].value",
        "tag_not_found",
    )


def test_error_inside_a_referenced_segment_has_the_path_of_the_reference(audience: Audience) -> None:
    inner = {"match": "all", "groups": [*GERMAN["groups"], *single("Text", "is", " ")["groups"]]}
    saved = saved_segments(s1=inner, s2=single("segment", "is", segment(1)))
    sent = definition(EVERYBODY_MATCHES, condition("segment", "is", segment(2)))
    assert refusal_of(audience, sent, **saved)[0] == "definition.groups[0].conditions[1].value"


@pytest.mark.parametrize("operator", SEQUENCE_OPERATORS)
def test_deleted_sequence_has_no_members_in_a_saved_segment(audience: Audience, operator: str) -> None:
    both = single("sequence", operator, [sequence(1), sequence(2)])
    existing = {"sequence_ids": frozenset([2])}
    second_only = audience.matches(single("sequence", operator, [sequence(2)]))
    assert audience.matches(both, saved=True, **existing) == second_only
    reference = single("segment", "is", segment(1))
    assert audience.matches(reference, **existing, **saved_segments(s1=both)) == second_only
    without_members = audience.matches(both, saved=True, sequence_ids=frozenset())
    assert without_members == (EVERYBODY if "not" in operator or "never" in operator else set())
    assert refusal_of(audience, both, **existing) == (f"{PATH}.value", "sequence_not_found")


def last_of_two_groups(inner: Any) -> dict[str, Any]:
    """The deepest expression for SQLite's parser: last in the last group, and negated."""
    if inner["field"] == "segment":
        inner = inner | {"operator": "is_not"}
    first = condition("tag", "has_none_of", [tag(3)])
    groups = [[first], [condition("tag", "is", [tag(3)]), inner]]
    return {"match": "all", "groups": [{"id": "g", "match": "any", "conditions": group} for group in groups]}


def last_of_two_segments(inner: Any) -> dict[str, Any]:
    """Deeper still: also last of two segments in one condition."""
    if inner["field"] == "segment":
        inner = inner | {"value": [segment(1), inner["value"]]}
    return last_of_two_groups(inner)


SHAPES: dict[str, Shape] = {
    "alone": definition,
    "first": lambda inner: definition(inner, *[EVERYBODY_MATCHES] * 10),
    "last": lambda inner: definition(*[EVERYBODY_MATCHES] * 10, inner),
    "any": lambda inner: definition(condition("form", "is_not_empty"), inner, match="any"),
    "last of two groups": last_of_two_groups,
    "last of two segments": last_of_two_segments,
}


@pytest.mark.parametrize("shape", list(SHAPES.values()), ids=list(SHAPES))
@pytest.mark.parametrize("operator", ["is", "is_not"])
def test_deepest_allowed_reference_can_be_counted(audience: Audience, shape: Shape, operator: str) -> None:
    deepest = shape(condition("segment", operator, segment(MAX_DEPTH)))
    assert audience.matches(deepest, **chain(MAX_DEPTH, shape)) in (EVERYBODY, set())


DEEP_LEAVES = {
    "ada": condition("sequence", "is_active_in_any_of", [sequence(1)]),
    "ada bob cyd": condition("Multi Select", "contains", ["no such", "deep", "red"]),
    "bob": condition("Text", "contains", ["no such", "STRASSE 1"]),
    "cyd dan eve": condition("Multi Select", "has_none_of", ["Red", "Deep Blue"]),
}


@pytest.mark.slow
@pytest.mark.parametrize(("names", "leaf"), DEEP_LEAVES.items(), ids=[str(number) for number in range(4)])
def test_reference_matches_the_same_at_every_depth(audience: Audience, names: str, leaf: Any) -> None:
    """Each segment refers to the first and the one before in its last condition, and excludes both."""
    saved = {"s1": definition(leaf)}
    first = expected = set(names.split())
    for number in range(2, MAX_DEPTH + 2):
        deeper = last_of_two_segments(condition("segment", "is", segment(number - 1)))
        expected = EVERYBODY - first - expected
        assert audience.matches(deeper, **saved_segments(**saved)) == expected
        assert audience.matches(deeper, own_id=number, saved=True, **saved_segments(**saved)) == expected
        saved[f"s{number}"] = deeper


def test_definition_can_refer_to_a_deep_segment_several_times(audience: Audience) -> None:
    saved = {"s1": GERMAN}
    for number in range(2, 6):
        saved[f"s{number}"] = single("segment", "is", segment(number - 1))
    saved["s6"] = single("segment", "is_not", segment(4))
    both = definition(*(condition("segment", "is_not", segment(number)) for number in (5, 4, 5, 6)), match="any")
    assert audience.matches(both, **saved_segments(**saved)) == EVERYBODY
    two = definition(*(condition("segment", "is", segment(number)) for number in (5, 4)))
    assert audience.matches(two, **saved_segments(**saved)) == {"ada"}


def test_reference_below_the_maximum_depth_is_refused(audience: Audience) -> None:
    saved = chain(MAX_DEPTH + 1, definition)
    assert refusal_of(audience, single("segment", "is", segment(MAX_DEPTH + 1)), **saved) == (PATH, "too_complex")


def test_deepest_accepted_definition_is_valid_after_it_is_saved(audience: Audience) -> None:
    """The segment's own id adds no level."""
    for depth in range(MAX_DEPTH - 2, MAX_DEPTH + 2):
        saved = chain(depth, definition)
        deepest = single("segment", "is", segment(depth))
        try:
            audience.matches(deepest, **saved)
        except errors.InvalidRequest:
            assert depth > MAX_DEPTH - 2
            continue
        assert audience.matches(deepest, own_id=depth + 1, saved=True, **saved) == EVERYBODY


def test_unknown_segment_id_is_refused(audience: Audience) -> None:
    sent = single("segment", "has_any_of", [segment(1), segment(2)])
    assert refusal_of(audience, sent, **saved_segments(s1=GERMAN)) == (f"{PATH}.value", "segment_not_found")
