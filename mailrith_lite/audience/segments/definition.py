"""The definition of a segment: the contract's closed form, and which operator goes with which field."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from mailrith_lite import errors
from mailrith_lite.audience import values
from mailrith_lite.audience.conditions import SEQUENCE_OPERATORS
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

NEGATIVE: Final = ("is_not", "has_none_of", "does_not_contain", "not_in_region", "is_empty")
MAX_VALUES: Final = 500

_EITHER: Final = ("is", "is_not", "has_any_of", "has_none_of")
_FILLED: Final = ("is_empty", "is_not_empty")
_PART: Final = ("contains", "does_not_contain")
_TIME: Final = ("before", "after", "on", "in_last_days")

OPERATORS: Final[dict[Field, tuple[str, ...]]] = {
    "subscriber_status": _EITHER,
    "country": (*_EITHER, *_FILLED, "in_region", "not_in_region"),
    "segment": _EITHER,
    "tag": (*_EITHER, *_FILLED),
    "sequence": SEQUENCE_OPERATORS,
    "form": (*_EITHER, *_FILLED),
    "email_opened": (*_EITHER, *_FILLED, *_TIME),
    "email_unsubscribed": (*_EITHER, *_FILLED, *_TIME),
    "magic_link_clicked": (*_EITHER, *_FILLED, *_TIME),
}
"""Without custom_field, whose operators depend on the custom field's type."""

FIELD_OPERATORS: Final[dict[FieldType, tuple[str, ...]]] = {
    "Text": (*_EITHER, *_PART, *_FILLED),
    "Text Area": (*_EITHER, *_PART, *_FILLED),
    "Select (Dropdown)": (*_EITHER, *_PART, *_FILLED),
    "Single Select": (*_EITHER, *_PART, *_FILLED),
    "Multi Select": (*_EITHER, *_PART, *_FILLED),
    "Number": (*_EITHER, "greater_than", "less_than", *_FILLED),
    "Date": (*_EITHER, *_TIME, *_FILLED),
    "Checkbox": ("is", "is_not", *_FILLED),
}


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`id` is the client's own. `customFieldId` goes with the field custom_field alone."""

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


def listed(condition: Condition) -> list[str]:
    """The value as a list of texts: one that is not a list counts as a list of one."""
    if isinstance(condition.value, list):
        return condition.value
    return [condition.value] if isinstance(condition.value, str) else []


def named(definition: Definition, resource: str) -> set[str]:
    """The public ids of the tags, sequences, custom fields or segments that it names."""
    found: set[str] = set()
    for group in definition.groups:
        for condition in group.conditions:
            if condition.field == resource:
                found.update([condition.customFieldId or ""] if resource == "custom_field" else listed(condition))
    return found


def texts(condition: Condition, path: str) -> list[str]:
    """
    Raises:
        InvalidBody: the value is not a text, or a list of some.
    """
    found = listed(condition)
    if not 1 <= len(found) <= MAX_VALUES:
        raise errors.InvalidBody(
            f"{condition.field} with {condition.operator} takes a text, or a list of 1 to {MAX_VALUES}.",
            field=f"{path}.value",
        )
    return found


def checked(read: Any, sent: Any, path: str) -> Any:
    """What `read` makes of a value.

    Raises:
        InvalidBody: it is none.
    """
    try:
        return read(sent)
    except values.Refused as refusal:
        raise errors.InvalidBody(refusal.message, field=f"{path}.value", reason=refusal.code) from None


def no_value(path: str) -> errors.InvalidBody:
    return errors.InvalidBody("This operator takes a value.", field=path)


def negated(condition: Condition, found: str) -> str:
    """The condition in SQL, turned round where the operator asks for those who are not."""
    return f"({found}) IS NOT TRUE" if condition.operator in NEGATIVE else found
