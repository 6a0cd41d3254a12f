"""The definition of a segment: its form in the contract, and the operators of each field."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from mailrith_lite import errors
from mailrith_lite.audience.conditions import SEQUENCE_OPERATORS, is_negative
from mailrith_lite.audience.values import FieldType

Field = Literal[
    "subscriber_status",
    "country",
    "segment",
    "tag",
    "sequence",
    "form",
    "custom_field",
    "email_opened",
    "email_unsubscribed",
    "magic_link_clicked",
]
Operator = Literal[
    "is",
    "is_not",
    "has_any_of",
    "has_none_of",
    "is_active_in_any_of",
    "is_not_active_in_any_of",
    "has_completed_any_of",
    "has_not_completed_any_of",
    "has_ever_been_in_any_of",
    "has_never_been_in_any_of",
    "contains",
    "does_not_contain",
    "is_empty",
    "is_not_empty",
    "before",
    "after",
    "on",
    "in_last_days",
    "greater_than",
    "less_than",
    "in_region",
    "not_in_region",
]
Match = Literal["all", "any"]

MAX_VALUES: Final = 500

_MATCH_OPERATORS: Final = ("is", "is_not", "has_any_of", "has_none_of")
_EMPTY_OPERATORS: Final = ("is_empty", "is_not_empty")
TEXT_OPERATORS: Final = ("contains", "does_not_contain")
_TIME_OPERATORS: Final = ("before", "after", "on", "in_last_days")

OPERATORS: Final[dict[Field, tuple[str, ...]]] = {
    "subscriber_status": _MATCH_OPERATORS,
    "country": (*_MATCH_OPERATORS, *_EMPTY_OPERATORS, "in_region", "not_in_region"),
    "segment": _MATCH_OPERATORS,
    "tag": (*_MATCH_OPERATORS, *_EMPTY_OPERATORS),
    "sequence": SEQUENCE_OPERATORS,
    "form": (*_MATCH_OPERATORS, *_EMPTY_OPERATORS),
    "email_opened": (*_MATCH_OPERATORS, *_EMPTY_OPERATORS, *_TIME_OPERATORS),
    "email_unsubscribed": (*_MATCH_OPERATORS, *_EMPTY_OPERATORS, *_TIME_OPERATORS),
    "magic_link_clicked": (*_MATCH_OPERATORS, *_EMPTY_OPERATORS, *_TIME_OPERATORS),
}
"""All fields but custom_field: its operators depend on the type of the custom field (`FIELD_OPERATORS`)."""

FIELD_OPERATORS: Final[dict[FieldType, tuple[str, ...]]] = {
    "Text": (*_MATCH_OPERATORS, *TEXT_OPERATORS, *_EMPTY_OPERATORS),
    "Text Area": (*_MATCH_OPERATORS, *TEXT_OPERATORS, *_EMPTY_OPERATORS),
    "Select (Dropdown)": (*_MATCH_OPERATORS, *TEXT_OPERATORS, *_EMPTY_OPERATORS),
    "Single Select": (*_MATCH_OPERATORS, *TEXT_OPERATORS, *_EMPTY_OPERATORS),
    "Multi Select": (*_MATCH_OPERATORS, *TEXT_OPERATORS, *_EMPTY_OPERATORS),
    "Number": (*_MATCH_OPERATORS, "greater_than", "less_than", *_EMPTY_OPERATORS),
    "Date": (*_MATCH_OPERATORS, *_TIME_OPERATORS, *_EMPTY_OPERATORS),
    "Checkbox": ("is", "is_not", *_EMPTY_OPERATORS),
}


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`id` is for the client's own use. `customFieldId` belongs to the field custom_field only."""

    id: str
    field: Field
    operator: Operator
    value: str | int | float | bool | list[str] | None = None
    customFieldId: str | None = None  # noqa: N815 - the contract's spelling


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    match: Match
    conditions: Annotated[list[Condition], Meta(min_length=1, max_length=100)]


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    match: Match
    groups: Annotated[list[Group], Meta(min_length=1, max_length=50)]


def text_values(condition: Condition) -> list[str]:
    """The value as a list of texts. It is empty when the value is neither a text nor a list."""
    if isinstance(condition.value, list):
        return condition.value
    return [condition.value] if isinstance(condition.value, str) else []


def require_text_values(condition: Condition, path: str) -> list[str]:
    """
    Raises:
        InvalidRequest: the value is neither a text nor a list of 1 to 500 texts.
    """
    texts = text_values(condition)
    if not 1 <= len(texts) <= MAX_VALUES:
        raise errors.InvalidRequest(
            f"{condition.field} with {condition.operator} takes a text, or a list of 1 to {MAX_VALUES} texts.",
            field=f"{path}.value",
        )
    return texts


def referenced_ids(definition: Definition, resource: str) -> set[str]:
    """The public ids of the tags, sequences, custom fields or segments in the definition."""
    public_ids: set[str] = set()
    for group in definition.groups:
        for condition in group.conditions:
            if condition.field == resource == "custom_field":
                public_ids.add(condition.customFieldId or "")
            elif condition.field == resource:
                public_ids.update(text_values(condition))
    return public_ids


def missing_value(path: str) -> errors.InvalidRequest:
    return errors.InvalidRequest("This operator takes a value.", field=path)


def negate_if_negative(condition: Condition, sql: str) -> str:
    """Turns the SQL of the positive operator into that of the condition's own operator."""
    return f"({sql}) IS NOT TRUE" if is_negative(condition.operator) else sql
