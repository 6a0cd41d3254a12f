"""Who is in a segment, by the documentation, in plain Python."""

from datetime import date
from typing import Any

from model_audience import CODES, MEMBERSHIPS, Audience, Person

REGIONS = {
    "World": {"DE", "US", "GB", "NO", "CI"},
    "Europe": {"DE", "GB", "NO"},
    "western europe": {"DE"},
    "NORTHERN EUROPE": {"GB", "NO"},
    "Americas": {"US"},
    "Northern America": {"US"},
    "Africa": {"CI"},
    "Sub-Saharan Africa": {"CI"},
    "Polynesia": set(),
}
NEGATIVE = ("is_not", "has_none_of", "does_not_contain", "not_in_region", "is_empty")
HAPPENINGS = ("form", "email_opened", "email_unsubscribed", "magic_link_clicked")


def matches(audience: Audience, definition: Any, person: Person, today: date) -> bool:
    groups = (
        _joined(group["match"], (_holds(audience, condition, person, today) for condition in group["conditions"]))
        for group in definition["groups"]
    )
    return _joined(definition["match"], groups)


def cost(audience: Audience, definition: Any) -> int:
    """How many conditions it comes to, those of the segments that it names included."""
    named = [(1, segments_of(condition)) for condition in conditions(definition)]
    return sum(1 + sum(cost(audience, audience.segments[one]) for one in names) for _, names in named)


def too_complex(audience: Audience, definition: Any) -> bool:
    return cost(audience, definition) > 300 or _depth(audience, definition) > 20


def _depth(audience: Audience, definition: Any) -> int:
    """How many segments are within each other in it."""
    named = [one for condition in conditions(definition) for one in segments_of(condition)]
    return max((1 + _depth(audience, audience.segments[one]) for one in named), default=0)


def names(audience: Audience, definition: Any, segment_id: str) -> bool:
    """Does it name the segment, at however many removes?"""
    return any(
        one == segment_id or names(audience, audience.segments[one], segment_id)
        for condition in conditions(definition)
        for one in segments_of(condition)
    )


def mentions(audience: Audience, public_id: str) -> bool:
    """Does a saved segment name this tag, custom field or segment itself?"""
    return any(
        condition.get("customFieldId") == public_id
        or (condition["field"] in ("tag", "segment") and public_id in items(condition.get("value")))
        for definition in audience.segments.values()
        for condition in conditions(definition)
    )


def conditions(definition: Any) -> list[Any]:
    return [condition for group in definition["groups"] for condition in group["conditions"]]


def segments_of(condition: Any) -> list[str]:
    return list(dict.fromkeys(items(condition["value"]))) if condition["field"] == "segment" else []


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _joined(match: str, parts: Any) -> bool:
    return all(parts) if match == "all" else any(parts)


def _holds(audience: Audience, condition: Any, person: Person, today: date) -> bool:
    kind, operator, value = condition["field"], condition["operator"], condition.get("value")
    if operator in MEMBERSHIPS:
        return person.in_any(value if isinstance(value, list) else [value], operator)
    if kind in HAPPENINGS:
        return (operator in NEGATIVE) != (value is False)
    if kind == "custom_field":
        found = _field_has(audience, condition, person, today)
    elif operator in ("is_empty", "is_not_empty"):
        found = bool(person.tags) if kind == "tag" else person.country is not None
    elif kind == "segment":
        found = any(matches(audience, audience.segments[one], person, today) for one in items(value))
    elif kind == "tag":
        found = bool(person.tags & set(items(value)))
    elif kind == "country" and "region" in operator:
        found = any(person.country in REGIONS[region] for region in items(value))
    elif kind == "country":
        found = person.country in [CODES[name.casefold()] for name in items(value)]
    else:
        found = person.status.lower() in [status.strip().lower() for status in items(value)]
    return found != (operator in NEGATIVE)


def _field_has(audience: Audience, condition: Any, person: Person, today: date) -> bool:
    """Without the negation that the operator may ask for."""
    field = audience.fields[condition["customFieldId"]]
    saved, operator, value = (
        person.fields.get(condition["customFieldId"]),
        condition["operator"],
        condition["value"],
    )
    if saved is None or operator in ("is_empty", "is_not_empty"):
        return saved is not None
    if operator in ("contains", "does_not_contain"):
        parts = [part.casefold() for part in items(value) if part.strip()]
        return any(part in text.casefold() for part in parts for text in items(saved))
    if operator == "in_last_days":
        age = (today - date.fromisoformat(saved)).days
        return 0 <= age <= int(value)
    wanted = [one for item in items(value) for one in items(field.read(item))]
    if operator in ("before", "less_than"):
        return bool(saved < wanted[0])
    if operator in ("after", "greater_than"):
        return bool(saved > wanted[0])
    if field.type in ("Text", "Text Area"):
        return saved.casefold() in [text.casefold() for text in wanted]
    return any(one in wanted for one in items(saved))
