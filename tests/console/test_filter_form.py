"""The filter of a page in its address."""

from typing import Any

import pytest
from multidict import MultiDict

from mailrith_lite import errors, ids
from mailrith_lite.audience.selection import FieldTest, Selection
from mailrith_lite.console import filter_form

TAGS = (ids.encode(ids.TAG, 1), ids.encode(ids.TAG, 2))
FIELD = ids.encode(ids.CUSTOM_FIELD, 1)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(search="ada & co", status="Active", cold_only=True, country="DE"),
        Selection(email="ada@example.com", import_job_id=ids.encode(ids.IMPORT_JOB, 1)),
        Selection(tag_ids=TAGS, tag_operator="has_none_of", segment_id=ids.encode(ids.SEGMENT, 1)),
        Selection(sequence_ids=(ids.encode(ids.SEQUENCE, 1),), sequence_operator="has_completed_any_of"),
        Selection(
            custom_fields=(
                FieldTest(custom_field_id=FIELD, operator="is_empty"),
                FieldTest(custom_field_id=FIELD, operator="contains", value="a=b&c"),
            )
        ),
    ],
)
def test_address_of_a_selection_gives_the_selection_back(selection: Selection) -> None:
    assert filter_form.parse(filter_form.fields(selection)) == selection


def test_form_that_nobody_has_filled_in_selects_everybody() -> None:
    empty = ("search", "status", "country", "tag", "sequence", "segment", "field", "field_operator", "field_value")
    assert filter_form.parse(MultiDict((name, "") for name in empty)) == Selection()


def test_custom_field_without_an_operator_equals_the_value() -> None:
    parsed = filter_form.parse(MultiDict([("field", FIELD), ("field_value", " Berlin ")]))
    assert parsed.custom_fields == (FieldTest(custom_field_id=FIELD, operator="is", value="Berlin"),)


@pytest.mark.parametrize(
    ("fields", "element"),
    [
        ({"status": "active"}, "status"),
        ({"tag_operator": "x"}, "tag_operator"),
        ({"sequence_operator": "x"}, "sequence_operator"),
        ({"field": FIELD, "field_operator": "x"}, "field_operator"),
        ({"search": "x" * 255}, "search"),
        ({"country": "Atlantis"}, "country"),
        ([("tag", TAGS[0])] * 101, "tag"),
        ([("field", FIELD)] * 21, "field_value"),
    ],
)
def test_refusal_names_the_element_of_the_form(fields: Any, element: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refusal:
        filter_form.parse(MultiDict(fields))
    assert refusal.value.details["field"] == element
