"""A model of segments in plain Python, written from the documentation."""

from datetime import date
from typing import Any

from model_audience import CODES, MEMBERSHIP_STATUSES, Audience, Person, fold

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
EVENTS = ("form", "email_opened", "email_unsubscribed", "magic_link_clicked")


def matches(audience: Audience, definition: Any, person: Person, today: date) -> bool:
    groups = (
        _all_or_any(
            group["match"], (_holds(audience, condition, person, today) for condition in group["conditions"])
        )
        for group in definition["groups"]
    )
    return _all_or_any(definition["match"], groups)


def cost(audience: Audience, definition: Any) -> int:
    """The number of conditions, including those of referenced segments."""
    return sum(
        1 + sum(cost(audience, audience.segments[segment_id]) for segment_id in segments_of(condition))
        for condition in conditions(definition)
    )


def too_complex(audience: Audience, definition: Any) -> bool:
    return cost(audience, definition) > 300 or _depth(audience, definition) > 20


def _depth(audience: Audience, definition: Any) -> int:
    """The number of levels of referenced segments."""
    referenced = [segment_id for condition in conditions(definition) for segment_id in segments_of(condition)]
    return max((1 + _depth(audience, audience.segments[segment_id]) for segment_id in referenced), default=0)


def depends_on(audience: Audience, definition: Any, segment_id: str) -> bool:
    """Whether the definition refers to the segment, directly or through others."""
    return any(
        referenced == segment_id or depends_on(audience, audience.segments[referenced], segment_id)
        for condition in conditions(definition)
        for referenced in segments_of(condition)
    )


def refers_to(audience: Audience, public_id: str) -> bool:
    """Whether a saved segment directly refers to this tag, sequence, custom field or segment."""
    return any(
        condition.get("customFieldId") == public_id
        or (condition["field"] in ("tag", "segment", "sequence") and public_id in as_list(condition.get("value")))
        for definition in audience.segments.values()
        for condition in conditions(definition)
    )


def conditions(definition: Any) -> list[Any]:
    return [condition for group in definition["groups"] for condition in group["conditions"]]


def segments_of(condition: Any) -> list[str]:
    return list(dict.fromkeys(as_list(condition["value"]))) if condition["field"] == "segment" else []


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _all_or_any(match: str, parts: Any) -> bool:
    return all(parts) if match == "all" else any(parts)


def _holds(audience: Audience, condition: Any, person: Person, today: date) -> bool:
    kind, operator, value = condition["field"], condition["operator"], condition.get("value")
    if operator in MEMBERSHIP_STATUSES:
        return person.matches_sequences(as_list(value), operator)
    if kind in EVENTS:
        return (operator in NEGATIVE) != (value is False)
    if kind == "custom_field":
        holds = _field_matches(audience, condition, person, today)
    elif operator in ("is_empty", "is_not_empty"):
        holds = bool(person.tags) if kind == "tag" else person.country is not None
    elif kind == "segment":
        segments = [audience.segments[segment_id] for segment_id in as_list(value)]
        holds = any(matches(audience, segment, person, today) for segment in segments)
    elif kind == "tag":
        holds = bool(person.tags & set(as_list(value)))
    elif kind == "country" and "region" in operator:
        holds = any(person.country in REGIONS[region] for region in as_list(value))
    elif kind == "country":
        holds = person.country in [CODES[name.casefold()] for name in as_list(value)]
    else:
        holds = person.status.lower() in [status.strip().lower() for status in as_list(value)]
    return holds != (operator in NEGATIVE)


def _field_matches(audience: Audience, condition: Any, person: Person, today: date) -> bool:
    """The result of the positive operator, also when the operator is negative."""
    field = audience.fields[condition["customFieldId"]]
    saved, operator, value = (
        person.fields.get(condition["customFieldId"]),
        condition["operator"],
        condition["value"],
    )
    if saved is None or operator in ("is_empty", "is_not_empty"):
        return saved is not None
    if operator in ("contains", "does_not_contain"):
        parts = [fold(part) for part in as_list(value) if part.strip()]
        return any(part in fold(text) for part in parts for text in as_list(saved))
    if operator == "in_last_days":
        age = (today - date.fromisoformat(saved)).days
        return 0 <= age <= int(value)
    values = [option for item in as_list(value) for option in as_list(field.read(item))]
    if operator in ("before", "less_than"):
        return bool(saved < values[0])
    if operator in ("after", "greater_than"):
        return bool(saved > values[0])
    if field.type in ("Text", "Text Area"):
        return fold(saved) in [fold(text) for text in values]
    return any(option in values for option in as_list(saved))
