"""The table of the fields that a column can be mapped to."""

from collections import Counter
from typing import get_args

import pytest

from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.imports.fields import FIELDS, STANDARD_FIELDS, MappableField, MappedType, find_standard_field

EACH = pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)


def test_every_type_of_a_mapping_has_its_entry() -> None:
    assert tuple(FIELDS) == get_args(MappedType)


@EACH
def test_every_field_fills_a_member_of_a_change(field: MappableField) -> None:
    assert field.member in Change.__struct_fields__


def test_no_two_fields_share_a_column_name() -> None:
    names = [name for field in STANDARD_FIELDS for name in {field.label.lower(), field.type}]
    assert not [name for name, count in Counter(names).items() if count > 1]


@pytest.mark.parametrize("text", ["subscriber-status", "status", "Status", "STATUS"])
def test_a_field_is_found_by_its_type_or_label_ignoring_case(text: str) -> None:
    field = find_standard_field(text)
    assert field is not None
    assert field.type == "subscriber-status"


def test_a_custom_field_is_not_found_by_its_type() -> None:
    assert find_standard_field("custom-field") is None
