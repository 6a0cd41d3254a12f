"""The filter of a page, as form fields or as parameters of an address: `parse` reads them, `fields` writes them.

A custom field has three of them, each repeated for the next one: `field`, `field_operator` and `field_value`.
"""

from typing import Final, TypeVar, get_args

from multidict import MultiDict, MultiMapping

from mailrith_lite import errors
from mailrith_lite.audience.conditions import SEQUENCE_OPERATORS, TagOperator
from mailrith_lite.audience.segments.definition import Operator
from mailrith_lite.audience.selection import FieldTest, Selection
from mailrith_lite.audience.vocabulary import STATUSES

C = TypeVar("C", bound=str)

_TAG_OPERATORS: Final[tuple[TagOperator, ...]] = get_args(TagOperator)
_OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
_NAMES: Final = {
    "email": "email",
    "tag_ids": "tag",
    "sequence_ids": "sequence",
    "segment_id": "segment",
    "import_job_id": "imported",
    "custom_fields": "field_value",
}
"""Member of a selection -> the element of the page that has it, where the names differ."""


def parse(query: MultiMapping[str]) -> Selection:
    """
    Raises:
        InvalidRequest: a value is too long, or there is no such choice. The error's field is a name of the form.
    """
    try:
        return Selection.of(
            search=query.get("search"),
            email=query.get("email"),
            status=_choice(query, "status", STATUSES),
            cold_only=bool(query.get("cold")),
            tag_ids=_chosen(query, "tag"),
            tag_operator=_choice(query, "tag_operator", _TAG_OPERATORS) or "has_any_of",
            sequence_ids=_chosen(query, "sequence"),
            sequence_operator=_choice(query, "sequence_operator", SEQUENCE_OPERATORS) or "is_active_in_any_of",
            country=query.get("country"),
            segment_id=query.get("segment"),
            import_job_id=query.get("imported"),
            custom_fields=_field_tests(query),
        )
    except errors.InvalidRequest as error:
        raise with_form_names(error) from None


def fields(selection: Selection) -> MultiDict[str]:
    """The form fields that `parse` turns into this selection."""
    values: list[tuple[str, str | None]] = [
        ("search", selection.search),
        ("email", selection.email),
        ("status", selection.status),
        ("country", selection.country),
        ("segment", selection.segment_id),
        ("imported", selection.import_job_id),
        ("cold", "on" if selection.cold_only else None),
    ]
    if selection.tag_ids:
        values += (("tag", public_id) for public_id in selection.tag_ids)
        values.append(("tag_operator", selection.tag_operator))
    if selection.sequence_ids:
        values += (("sequence", public_id) for public_id in selection.sequence_ids)
        values.append(("sequence_operator", selection.sequence_operator))
    for test in selection.custom_fields:
        value = "" if test.value is None else str(test.value)
        values += (("field", test.custom_field_id), ("field_operator", test.operator), ("field_value", value))
    return MultiDict((name, value) for name, value in values if value is not None)


def with_form_names(error: errors.InvalidRequest) -> errors.InvalidRequest:
    """The error of a selection with the name of the form's element as its field."""
    member = error.details.get("field", "").partition("[")[0]
    return errors.InvalidRequest(error.message, field=_NAMES.get(member, member))


def _field_tests(query: MultiMapping[str]) -> list[FieldTest]:
    """A row without a field, as of an empty form, is no test. Without an operator, the field equals the value."""
    public_ids = query.getall("field", [])
    operators = query.getall("field_operator", [])
    texts = query.getall("field_value", [])
    tests = []
    for position, public_id in enumerate(public_ids):
        name = operators[position] if position < len(operators) else ""
        operator = next((known for known in _OPERATORS if known == (name or "is")), None)
        if operator is None:
            raise _no_choice("field_operator")
        text = texts[position] if position < len(texts) else ""
        if public_id:
            tests.append(FieldTest(custom_field_id=public_id, operator=operator, value=text.strip() or None))
    return tests


def _chosen(query: MultiMapping[str], name: str) -> list[str] | None:
    return [value for value in query.getall(name, []) if value] or None


def _choice(query: MultiMapping[str], name: str, choices: tuple[C, ...]) -> C | None:
    """
    Raises:
        InvalidRequest: the field has another value than one of the choices.
    """
    value = query.get(name, "")
    choice = next((known for known in choices if known == value), None)
    if value and choice is None:
        raise _no_choice(name)
    return choice


def _no_choice(name: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(f"There is no such {name.replace('_', ' ')}; choose one of the list.", field=name)
