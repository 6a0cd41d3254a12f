"""`--map COLUMN=FIELD`: what a column becomes, instead of what the analysis proposes."""

from collections.abc import Iterable, Mapping
from typing import get_args

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience.date_formats import DATE_FORMATS
from mailrith_lite.audience.number_formats import NumberFormat
from mailrith_lite.audience.values import FieldType
from mailrith_lite.cli.client_errors import Refused
from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.printing import one_line
from mailrith_lite.errors import StartError
from mailrith_lite.imports.column_names import ColumnNames
from mailrith_lite.imports.fields import FIELDS, STANDARD_FIELDS, find_standard_field
from mailrith_lite.imports.mapping import MappedField
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.unicode_forms import fold

_NEW_TYPES: dict[str, FieldType] = {
    "text": "Text",
    "text area": "Text Area",
    "number": "Number",
    "date": "Date",
    "checkbox": "Checkbox",
}


class MapOption(msgspec.Struct, frozen=True, kw_only=True):
    """`mapping`: None leaves the column out."""

    column: str
    mapping: ColumnMapping | None


class CustomField(msgspec.Struct, frozen=True):
    id: str
    label: str


async def custom_field_labels(client: ApiClient) -> dict[str, str]:
    """Id -> label. Empty when the key may not read custom fields: it may import all the same.

    Raises:
        Unreachable, Refused
    """
    try:
        return {field.id: field.label async for field in client.list_items("/v1/custom-fields", CustomField)}
    except Refused as refusal:
        if refusal.code != "insufficient_scope":
            raise
        return {}


def parse_map(text: str, columns: Iterable[str], labels: Mapping[str, str]) -> MapOption:
    """`COLUMN=`, `COLUMN=FIELD`, `COLUMN=FIELD:FORMAT` or `COLUMN=new:TYPE`; a column or label may have a `=`.

    `labels`: id of a custom field -> its label.

    Raises:
        StartError: the column or the field does not exist; the message lists those that do.
    """
    columns = list(columns)
    names = ColumnNames(columns)
    splits = [(text[:place], text[place + 1 :].strip()) for place, mark in enumerate(text) if mark == "="]
    if not splits:
        raise StartError(f"--map takes COLUMN=FIELD, not {text}")
    for name, field in reversed(splits):
        for position in names.find(name):
            column = columns[position]
            return MapOption(column=column, mapping=_mapping(column, field, labels) if field else None)
    raise StartError(f"the file has no column {splits[-1][0].strip()}; it has {one_line(', '.join(columns))}")


def field_name(field: MappedField, labels: Mapping[str, str]) -> str:
    """For people."""
    if field.type == "custom-field":
        return f"custom field {labels.get(field.custom_field_id or '', field.custom_field_id)}"
    if field.type == "new-custom-field":
        return f"new custom field {field.label} ({field.custom_field_type})"
    return FIELDS[field.type].label.lower()


def _mapping(column: str, text: str, labels: Mapping[str, str]) -> ColumnMapping:
    if target := _field(column, text, labels):
        return ColumnMapping(csv_column=column, field=target)
    field, _, written = text.rpartition(":")
    for form in (*DATE_FORMATS, *get_args(NumberFormat)):
        if form == written.strip() and (target := _field(column, field.strip(), labels)):
            return ColumnMapping(csv_column=column, field=target, format=form)
    known = ", ".join([*(field.label.lower() for field in STANDARD_FIELDS), *labels.values()])
    types = ", ".join(f"new:{one}" for one in _NEW_TYPES.values())
    raise StartError(one_line(f"there is no field {text}; there are {known}. {types} create a custom field"))


def _field(column: str, text: str, labels: Mapping[str, str]) -> MappedField | None:
    if standard := find_standard_field(text):
        return MappedField(type=standard.type)
    if ids.decode(ids.CUSTOM_FIELD, text) is not None:
        return MappedField.custom(text)
    for public_id, label in labels.items():
        if fold(label) == fold(" ".join(text.split())):
            return MappedField.custom(public_id)
    kind, _, new_type = text.partition(":")
    if fold(kind) == "new" and (field_type := _NEW_TYPES.get(fold(new_type.strip()))):
        return MappedField(type="new-custom-field", label=column, custom_field_type=field_type)
    return None
