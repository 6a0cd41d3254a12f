"""Which column of a file goes to which field, as --map says."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailrith_lite import ids
from mailrith_lite.cli.printing import one_line
from mailrith_lite.errors import StartError
from mailrith_lite.imports import records
from mailrith_lite.imports.fields import FIELDS, OWN, find_own
from mailrith_lite.imports.mapping import MappedField
from mailrith_lite.imports.mapping import Mapping as ColumnMapping

_BEGINNING = 1 << 18  # characters; the header ends before


def column_names(text: str) -> list[str]:
    """The names in the header row, found by the service's own rules.

    Raises:
        BrokenFile: there is no header row that can be read.
    """
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".csv") as file:
        file.write(text[:_BEGINNING])
        file.flush()
        return records.read_header(Path(file.name)).names


def parse(text: str, columns: Sequence[str], custom_fields: Mapping[str, str]) -> ColumnMapping:
    """`COLUMN=FIELD`; both may hold a `=`.

    Raises:
        StartError: saying which of them is not there, and what is.
    """
    splits = [(text[:place], text[place + 1 :].strip()) for place, mark in enumerate(text) if mark == "="]
    if not splits:
        raise StartError(f"--map takes COLUMN=FIELD, not {text}")
    for column, field in reversed(splits):
        if records.column_name(column) in columns:
            return ColumnMapping(csv_column=records.column_name(column), field=_field(field, custom_fields))
    raise StartError(f"the file has no column {splits[-1][0].strip()}; it has {one_line(', '.join(columns))}")


def names_custom_field(text: str) -> bool:
    """Does a --map name a field by its label, so that the labels have to be known?"""
    field = text.rpartition("=")[2].strip()
    return find_own(field) is None and ids.decode(ids.CUSTOM_FIELD, field) is None


def field_name(field: MappedField, custom_fields: Mapping[str, str]) -> str:
    """As a person reads it."""
    if field.custom_field_id is None:
        return FIELDS[field.type].label.lower()
    labels = {public_id: label for label, public_id in custom_fields.items()}
    return f"custom field {labels.get(field.custom_field_id, field.custom_field_id)}"


def _field(text: str, custom_fields: Mapping[str, str]) -> MappedField:
    if own := find_own(text):
        return MappedField(type=own.type)
    if ids.decode(ids.CUSTOM_FIELD, text) is not None:
        return MappedField.custom(text)
    for label, public_id in custom_fields.items():
        if label.casefold() == " ".join(text.split()).casefold():
            return MappedField.custom(public_id)
    known = ", ".join([*(own.label.lower() for own in OWN), *custom_fields])
    raise StartError(f"there is no field {text}; there are {known}. POST /v1/custom-fields makes another")
