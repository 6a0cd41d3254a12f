"""Segments that name segments: whom they mean, circles, and how much a query can hold."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import segment_audience
from segment_audience import EVERYBODY, Audience, around, condition, definition, only, segment, sequence, tag

from mailrith_lite import errors, ids
from mailrith_lite.audience.conditions import SEQUENCE_OPERATORS
from mailrith_lite.audience.segments.compiler import MAX_CONDITIONS, MAX_DEPTH
from mailrith_lite.audience.segments.definition import MAX_VALUES
from mailrith_lite.audience.segments.field_condition import MAX_PARTS

PLACE = "definition.groups[0].conditions[0]"
GERMAN, AMERICAN, ACTIVE = (
    only("country", "is", "DE"),
    only("country", "is", "US"),
    only("subscriber_status", "is", "Active"),
)
ALWAYS = condition("form", "is_empty")


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with segment_audience.opened(tmp_path_factory.mktemp("nesting") / "test.db") as found:
        yield found


def refused(audience: Audience, definition: Any, **surroundings: Any) -> tuple[str | None, str | None]:
    """(field, reason) of the refusal."""
    with pytest.raises(errors.InvalidBody) as refusal:
        audience.matched(definition, **surroundings)
    return refusal.value.details.get("field"), refusal.value.details.get("reason")


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
def test_a_segment_means_those_of_the_segments_that_it_names(
    audience: Audience, operator: str, value: Any, names: str
) -> None:
    both = definition(condition("segment", "is", segment(3)), condition("segment", "is_not", segment(1)))
    saved = around(s1=GERMAN, s2=AMERICAN, s3=ACTIVE, s4=both, s5=only("segment", "is_not", segment(4)))
    assert audience.matched(only("segment", operator, value), **saved) == set(names.split())


@pytest.mark.parametrize("removes", [1, 2, 3])
def test_a_segment_that_names_itself_is_refused_at_however_many_removes(audience: Audience, removes: int) -> None:
    """Each names the next, and the last the first."""
    saved = {f"s{number}": only("segment", "is", segment(number % removes + 1)) for number in range(1, removes + 1)}
    wanted = saved["s1"]
    assert refused(audience, wanted, own_id=1, **around(**saved)) == (f"{PLACE}.value", "circular_reference")
    beside = definition(ALWAYS, condition("segment", "has_none_of", [segment(removes)]))
    if removes > 1:
        found = refused(audience, beside, own_id=1, **around(**saved))
        assert found == ("definition.groups[0].conditions[1].value", "circular_reference")


def test_a_segment_may_be_named_twice_and_along_two_ways(audience: Audience) -> None:
    saved = around(s1=GERMAN, s2=only("segment", "is", segment(1)), s3=only("segment", "is_not", segment(1)))
    both = definition(*(condition("segment", "is", segment(number)) for number in (1, 2, 1)))
    assert audience.matched(both, **saved) == {"ada"}
    assert audience.matched(only("segment", "is", [segment(2), segment(3)]), **saved) == EVERYBODY


def test_a_condition_behind_one_that_names_a_segment_is_checked_as_before(audience: Audience) -> None:
    wanted = definition(condition("segment", "is", segment(1)), condition("tag", "is", tag(99)))
    assert refused(audience, wanted, **around(s1=GERMAN)) == (
        "definition.groups[0].conditions[1].value",
        "tag_not_found",
    )


def test_what_is_wrong_inside_a_segment_is_wrong_where_it_is_named(audience: Audience) -> None:
    inner = {"match": "all", "groups": [*GERMAN["groups"], *only("Text", "is", " ")["groups"]]}
    saved = around(s1=inner, s2=only("segment", "is", segment(1)))
    wanted = definition(ALWAYS, condition("segment", "is", segment(2)))
    assert refused(audience, wanted, **saved)[0] == "definition.groups[0].conditions[1].value"


@pytest.mark.parametrize("operator", SEQUENCE_OPERATORS)
def test_a_sequence_that_was_deleted_is_nobodys_in_a_saved_segment(audience: Audience, operator: str) -> None:
    gone = only("sequence", operator, [sequence(1), sequence(2)])
    left = {"sequence_ids": frozenset([2])}
    only_two = audience.matched(only("sequence", operator, [sequence(2)]))
    assert audience.matched(gone, saved=True, **left) == only_two
    assert audience.matched(only("segment", "is", segment(1)), **left, **around(s1=gone)) == only_two
    nobody = audience.matched(gone, saved=True, sequence_ids=frozenset())
    assert nobody == (EVERYBODY if "not" in operator or "never" in operator else set())
    assert refused(audience, gone, **left) == (f"{PLACE}.value", "sequence_not_found")


Shape = Callable[[Any], Any]


def chain(length: int, shape: Shape) -> dict[str, Any]:
    """Saved segments each of which names the one before, in a definition of this shape."""
    saved = {"s1": shape(ALWAYS)}
    for number in range(2, length + 1):
        saved[f"s{number}"] = shape(condition("segment", "is", segment(number - 1)))
    return around(**saved)


def last_of_two_groups(inner: Any) -> dict[str, Any]:
    """Nothing takes SQLite's parser deeper: behind another in a group that is behind another, and negated."""
    if inner["field"] == "segment":
        inner = inner | {"operator": "is_not"}
    first = condition("tag", "has_none_of", [tag(3)])
    groups = [[first], [condition("tag", "is", [tag(3)]), inner]]
    return {"match": "all", "groups": [{"id": "g", "match": "any", "conditions": group} for group in groups]}


def last_of_two_segments(inner: Any) -> dict[str, Any]:
    """The same, and the last of two that one condition names."""
    if inner["field"] == "segment":
        inner = inner | {"value": [segment(1), inner["value"]]}
    return last_of_two_groups(inner)


SHAPES: dict[str, Shape] = {
    "alone": definition,
    "first": lambda inner: definition(inner, *[ALWAYS] * 10),
    "last": lambda inner: definition(*[ALWAYS] * 10, inner),
    "any": lambda inner: definition(condition("form", "is_not_empty"), inner, match="any"),
    "last of two groups": last_of_two_groups,
    "last of two segments": last_of_two_segments,
}


@pytest.mark.parametrize("shape", list(SHAPES.values()), ids=list(SHAPES))
@pytest.mark.parametrize("operator", ["is", "is_not"])
def test_as_many_segments_within_each_other_as_are_allowed_can_be_counted(
    audience: Audience, shape: Shape, operator: str
) -> None:
    wanted = shape(condition("segment", operator, segment(MAX_DEPTH)))
    assert audience.matched(wanted, **chain(MAX_DEPTH, shape)) in (EVERYBODY, set())


DEEP_LEAVES = {
    "ada": condition("sequence", "is_active_in_any_of", [sequence(1)]),
    "ada bob cyd": condition("Multi Select", "contains", ["no such", "deep", "red"]),
    "bob": condition("Text", "contains", ["no such", "STRASSE 1"]),
    "cyd dan eve": condition("Multi Select", "has_none_of", ["Red", "Deep Blue"]),
}


@pytest.mark.parametrize(("names", "leaf"), DEEP_LEAVES.items(), ids=[str(number) for number in range(4)])
def test_a_segment_means_the_same_at_every_depth(audience: Audience, names: str, leaf: Any) -> None:
    """Each names the first and the one before, last of all, and wants neither."""
    saved = {"s1": definition(leaf)}
    first = expected = set(names.split())
    for number in range(2, MAX_DEPTH + 2):
        wanted = last_of_two_segments(condition("segment", "is", segment(number - 1)))
        expected = EVERYBODY - first - expected
        assert audience.matched(wanted, **around(**saved)) == expected
        assert audience.matched(wanted, own_id=number, saved=True, **around(**saved)) == expected
        saved[f"s{number}"] = wanted


def test_a_segment_that_is_named_deep_inside_in_several_places_is_made_once(audience: Audience) -> None:
    saved = {"s1": GERMAN}
    for number in range(2, 6):
        saved[f"s{number}"] = only("segment", "is", segment(number - 1))
    saved["s6"] = only("segment", "is_not", segment(4))
    both = definition(*(condition("segment", "is_not", segment(number)) for number in (5, 4, 5, 6)), match="any")
    assert audience.matched(both, **around(**saved)) == EVERYBODY
    two = definition(*(condition("segment", "is", segment(number)) for number in (5, 4)))
    assert audience.matched(two, **around(**saved)) == {"ada"}


def test_more_segments_within_each_other_are_refused(audience: Audience) -> None:
    saved = chain(MAX_DEPTH + 1, definition)
    assert refused(audience, only("segment", "is", segment(MAX_DEPTH + 1)), **saved) == (PLACE, "too_complex")


def test_what_can_be_made_can_be_shown_once_it_is_saved(audience: Audience) -> None:
    """The deepest that is accepted as a new segment is not too deep under an id of its own."""
    for depth in range(MAX_DEPTH - 2, MAX_DEPTH + 2):
        saved = chain(depth, definition)
        wanted = only("segment", "is", segment(depth))
        try:
            audience.matched(wanted, **saved)
        except errors.InvalidBody:
            assert depth > MAX_DEPTH - 2
            continue
        assert audience.matched(wanted, own_id=depth + 1, saved=True, **saved) == EVERYBODY


def wide(groups: int, conditions: int, one: Any) -> dict[str, Any]:
    group = {"id": "g", "match": "any", "conditions": [one] * conditions}
    return {"match": "any", "groups": [group] * groups}


WIDE = [
    condition("subscriber_status", "is", ["Active"] * MAX_VALUES),
    condition("country", "in_region", ["World"] * MAX_VALUES),
    condition("tag", "has_none_of", [tag(1)] * MAX_VALUES),
    condition("sequence", "has_never_been_in_any_of", [sequence(1)] * MAX_VALUES),
    condition("Text", "contains", ["ß"] * MAX_PARTS),
    condition("Text", "has_none_of", ["ß"] * MAX_VALUES),
    condition("Multi Select", "does_not_contain", ["ß"] * MAX_PARTS),
    condition("Multi Select", "has_any_of", ["Red"] * MAX_VALUES),
    condition("Number", "is", ["1.5"] * MAX_VALUES),
    condition("Date", "in_last_days", 30),
    condition("Checkbox", "is_not", True),
]


@pytest.mark.parametrize(("groups", "conditions", "one"), [(50, 6, WIDE[0]), *((3, 100, one) for one in WIDE)])
def test_as_many_conditions_as_are_allowed_can_be_counted(
    audience: Audience, groups: int, conditions: int, one: Any
) -> None:
    assert groups * conditions == MAX_CONDITIONS
    expected = audience.matched(definition(one))
    assert audience.matched(wide(groups, conditions, one)) == expected


def test_one_condition_more_is_refused_also_when_it_stands_in_a_segment(audience: Audience) -> None:
    many = wide(3, 100, ALWAYS)
    many["groups"] = [*many["groups"], wide(1, 1, ALWAYS)["groups"][0]]
    assert refused(audience, many) == ("definition.groups[3].conditions[0]", "too_complex")
    saved = around(s1=wide(3, 100, ALWAYS), s2=wide(2, 100, ALWAYS))
    assert refused(audience, only("segment", "is", segment(1)), **saved) == (PLACE, "too_complex")
    twice = only("segment", "is", [segment(2), segment(2)])
    assert audience.matched(twice, **saved) == EVERYBODY
    two = definition(condition("segment", "is", segment(2)), condition("segment", "is", segment(2)))
    assert refused(audience, two, **saved) == ("definition.groups[0].conditions[1]", "too_complex")


def test_segments_that_name_two_each_do_not_grow_without_end(audience: Audience) -> None:
    """Each names the one before twice: thousands of conditions, were they not counted as they are met."""
    conditions = MAX_CONDITIONS // (1 << MAX_DEPTH) + 1
    twice = chain(MAX_DEPTH, lambda inner: definition(*[inner] * (2 * conditions)))
    assert refused(audience, only("segment", "is", segment(MAX_DEPTH)), **twice) == (PLACE, "too_complex")


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_deep_and_wide_at_once_can_be_counted(audience: Audience, first: bool) -> None:
    """The longest expression that there is."""
    contains = condition("Multi Select", "does_not_contain", ["nothing of that kind"] * MAX_PARTS)
    beside = [contains] * (MAX_CONDITIONS // MAX_DEPTH - 2)
    shape = (lambda inner: definition(inner, *beside)) if first else (lambda inner: definition(*beside, inner))
    saved = chain(MAX_DEPTH, shape)
    assert audience.matched(only("segment", "is", segment(MAX_DEPTH)), **saved) == EVERYBODY


def test_an_id_of_a_segment_that_is_not_there_is_named(audience: Audience) -> None:
    wanted = only("segment", "has_any_of", [segment(1), ids.encode(ids.SEGMENT, 2)])
    assert refused(audience, wanted, **around(s1=GERMAN)) == (f"{PLACE}.value", "segment_not_found")
