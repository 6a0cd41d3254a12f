"""The form of a segment: groups of conditions as elements of a page, and as the definition that the API has.

Groups and conditions are numbered in the page. `operator-1-0` is the operator of the first condition of the second
group. Tags, sequences and segments are there by name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.segments.definition import (
    FIELD_OPERATORS,
    OPERATORS,
    Condition,
    Definition,
    text_values,
)
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields

MAX_GROUPS: Final = 50
MAX_CONDITIONS: Final = 100
"""Of a group; both limits are those of the definition."""
WITHOUT_VALUE: Final = ("is_empty", "is_not_empty")
ONE_VALUE: Final = ("before", "after", "on", "in_last_days", "greater_than", "less_than")
NAMED: Final = (ids.TAG, ids.SEQUENCE, ids.SEGMENT)
"""Fields whose values are ids in a definition and names in the page."""
LABELS: Final = {
    "subscriber_status": "Status",
    "country": "Country",
    "tag": "Tag",
    "sequence": "Sequence",
    "segment": "Segment",
}
NEVER_HERE: Final = {
    "form": "Form",
    "email_opened": "Email opened",
    "email_unsubscribed": "Unsubscribed from an email",
    "magic_link_clicked": "Magic link clicked",
}
"""Fields that this service records nothing for. A page has them only where a definition names them already."""
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,15})?")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A condition. `field`: a field of the definition, or the public id of a custom field."""

    id: str = ""
    field: str
    operator: str = ""
    values: tuple[str, ...] = ()


class Group(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    match: str = "all"
    rows: tuple[Row, ...] = ()


class SegmentForm(msgspec.Struct, frozen=True, kw_only=True):
    """`focus`: the id of the element that the page moves the focus to."""

    name: str = ""
    description: str = ""
    match: str = "all"
    groups: tuple[Group, ...] = (Group(),)
    focus: str = ""


def parse(fields: Fields) -> SegmentForm:
    return SegmentForm(
        name=fields.get("name", ""),
        description=fields.get("description", ""),
        match=_match(fields.get("match", "")),
        groups=tuple(_parse_group(fields, number) for number in fields.getall("group", [])),
    )


def _parse_group(fields: Fields, number: str) -> Group:
    places = [f"{number}-{row}" for row in fields.getall(f"row-{number}", [])]
    return Group(
        id=fields.get(f"id-{number}", ""),
        match=_match(fields.get(f"match-{number}", "")),
        rows=tuple(
            Row(
                id=fields.get(f"id-{place}", ""),
                field=fields.get(f"field-{place}", ""),
                operator=fields.get(f"operator-{place}", ""),
                values=tuple(value for one in fields.getall(f"value-{place}", []) if (value := one.strip())),
            )
            for place in places
        ),
    )


def _match(text: str) -> str:
    return "any" if text == "any" else "all"


def edit(form: SegmentForm, action: str, fields: Fields) -> SegmentForm | None:
    """The form after a button that changes its shape; None for another action."""
    verb, _, rest = action.partition(":")
    numbers = [int(number) for number in rest.split("-") if number.isascii() and number.isdigit()]
    groups = list(form.groups)
    if verb == "add-group" and len(groups) < MAX_GROUPS:
        return _with_groups(form, [*groups, Group()], f"new-{len(groups)}")
    if not numbers or numbers[0] >= len(groups):
        return None
    number, group = numbers[0], groups[numbers[0]]
    if verb == "remove-group":
        remaining = [*groups[:number], *groups[number + 1 :]]
        return _with_groups(form, remaining or [Group()], f"new-{max(number - 1, 0)}")
    if verb == "add" and len(group.rows) < MAX_CONDITIONS:
        rows = (*group.rows, Row(field=fields.get(f"new-{number}", "")))
        groups[number] = msgspec.structs.replace(group, rows=rows)
        return _with_groups(form, groups, f"operator-{number}-{len(rows) - 1}")
    if verb == "remove" and len(numbers) == 2:
        kept = tuple(row for place, row in enumerate(group.rows) if place != numbers[1])
        groups[number] = msgspec.structs.replace(group, rows=kept)
        return _with_groups(form, groups, f"new-{number}")
    return None


def _with_groups(form: SegmentForm, groups: Sequence[Group], focus: str) -> SegmentForm:
    return msgspec.structs.replace(form, groups=tuple(groups), focus=focus)


def of_definition(
    name: str, description: str | None, definition: Definition, names: Mapping[str, str]
) -> SegmentForm:
    """`names`: public id -> name, for the ids in the definition; the others stay ids."""
    return SegmentForm(
        name=name,
        description=description or "",
        match=definition.match,
        groups=tuple(
            Group(
                id=group.id,
                match=group.match,
                rows=tuple(_row_of(condition, names) for condition in group.conditions),
            )
            for group in definition.groups
        ),
    )


def _row_of(condition: Condition, names: Mapping[str, str]) -> Row:
    return Row(
        id=condition.id,
        field=condition.customFieldId or condition.field,
        operator=condition.operator,
        values=tuple(names.get(text, text) for text in _texts(condition)),
    )


def _texts(condition: Condition) -> list[str]:
    value = condition.value
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return [f"{value:g}"] if isinstance(value, int | float) else text_values(condition)


def to_definition(
    form: SegmentForm, public_ids: Mapping[tuple[str, str], str], fields: Mapping[str, CustomField]
) -> dict[str, Any]:
    """The definition as JSON. `public_ids`: (field, name) -> public id, for the names of `NAMED` fields. `fields`:
    by public id.
    """
    return {
        "match": form.match,
        "groups": [
            {
                "id": group.id or f"group_{place + 1}",
                "match": group.match,
                "conditions": [
                    {"id": row.id or f"condition_{place + 1}_{number + 1}", **_members(row, public_ids, fields)}
                    for number, row in enumerate(group.rows)
                ],
            }
            for place, group in enumerate(form.groups)
        ],
    }


def _members(
    row: Row, public_ids: Mapping[tuple[str, str], str], fields: Mapping[str, CustomField]
) -> dict[str, Any]:
    members: dict[str, Any] = {"field": row.field, "operator": row.operator}
    if row.field in fields:
        members |= {"field": "custom_field", "customFieldId": row.field}
    values = [public_ids.get((row.field, value), value) for value in row.values]
    if not values or row.operator in WITHOUT_VALUE:
        return members
    several = len(values) > 1 or "any_of" in row.operator or "none_of" in row.operator
    field = fields.get(row.field)
    members["value"] = values if several else _single(row, "" if field is None else field.type, values[0])
    return members


def _single(row: Row, field_type: str, text: str) -> str | int | float | bool:
    """A number as a number and a checkbox as a boolean, as the API has them."""
    if (field_type == "Number" or row.operator == "in_last_days") and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    if field_type == "Checkbox" or row.field in NEVER_HERE:
        return {"yes": True, "no": False}.get(text, text)
    return text


def incomplete(form: SegmentForm) -> Problems:
    """What a person has not filled in yet."""
    problems: Problems = {}
    for place, group in enumerate(form.groups):
        if not group.rows:
            problems[f"new-{place}"] = "Add a condition to this group, or remove the group."
        for number, row in enumerate(group.rows):
            if not row.values and row.operator not in WITHOUT_VALUE:
                problems[f"value-{place}-{number}"] = "Enter a value."
    return problems


def operators(field: str, fields: Mapping[str, CustomField]) -> tuple[str, ...]:
    """The operators of a row. `fields`: by public id. Empty for a field that does not exist."""
    custom = fields.get(field)
    if custom is not None:
        return FIELD_OPERATORS[custom.type]
    return next((taken for known, taken in OPERATORS.items() if known == field), ())
