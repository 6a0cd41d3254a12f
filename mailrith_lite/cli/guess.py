"""Which column of a file goes to which field: as --map says, or guessed from the header."""

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mailrith_lite import ids
from mailrith_lite.cli.printing import one_line
from mailrith_lite.errors import StartError
from mailrith_lite.imports import source
from mailrith_lite.imports.mapping import MappedField, MappedType
from mailrith_lite.imports.mapping import Mapping as ColumnMapping

_BEGINNING = 1 << 18  # characters; the header ends before
_PLAIN: dict[str, MappedType] = {
    "email": "email",
    "name": "name",
    "country": "country",
    "status": "subscriber-status",
    "subscriber-status": "subscriber-status",
}
_OTHER_NAMES: dict[MappedType, tuple[str, ...]] = {  # the better ones first
    "email": ("email address", "e mail", "e mail address", "mail", "mail address", "subscriber email"),
    "name": (
        "full name",
        "fullname",
        "subscriber name",
        "contact name",
        "display name",
        "first name",
        "firstname",
        "given name",
        "fname",
    ),
    "country": ("country code", "country name", "country iso", "country or region", "cc"),
    "subscriber-status": ("subscriber status", "subscription status", "email status", "subscription state"),
}


def column_names(text: str) -> list[str]:
    """The names in the header row, found by the service's own rules.

    Raises:
        BrokenFile: there is no header row that can be read.
    """
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".csv") as file:
        file.write(text[:_BEGINNING])
        file.flush()
        return source.read_header(Path(file.name)).names


def guess(columns: Sequence[str], custom_fields: Mapping[str, str]) -> list[ColumnMapping]:
    """In the order of the columns. `custom_fields`: label -> id.

    A field's own name comes first, then the label of a custom field, then what other tools call the field. Each
    column and each field is taken once; a column whose name stands twice in the header cannot be mapped.
    """
    places = {_key(name): name for name in reversed(columns) if name and columns.count(name) == 1}
    found: dict[str, MappedField] = {}
    for key, field in _candidates(custom_fields):
        column = places.get(key)
        if column is not None and column not in found and field not in found.values():
            found[column] = field
    return [ColumnMapping(csv_column=name, field=found[name]) for name in columns if name in found]


def parse(text: str, columns: Sequence[str], custom_fields: Mapping[str, str]) -> ColumnMapping:
    """`COLUMN=FIELD`; both may hold a `=`.

    Raises:
        StartError: saying which of them is not there, and what is.
    """
    splits = [(text[:place], text[place + 1 :].strip()) for place, mark in enumerate(text) if mark == "="]
    if not splits:
        raise StartError(f"--map takes COLUMN=FIELD, not {text}")
    for column, field in reversed(splits):
        if source.column_name(column) in columns:
            return ColumnMapping(csv_column=source.column_name(column), field=_field(field, custom_fields))
    raise StartError(f"the file has no column {splits[-1][0].strip()}; it has {one_line(', '.join(columns))}")


def names_custom_field(text: str) -> bool:
    """Does a --map name a field by its label, so that the labels have to be known?"""
    field = text.rpartition("=")[2].strip()
    return field.lower() not in _PLAIN and ids.decode(ids.CUSTOM_FIELD, field) is None


def field_name(field: MappedField, custom_fields: Mapping[str, str]) -> str:
    """As a person reads it."""
    if field.custom_field_id is None:
        return field.type.removeprefix("subscriber-")
    labels = {public_id: label for label, public_id in custom_fields.items()}
    return f"custom field {labels.get(field.custom_field_id, field.custom_field_id)}"


def _candidates(custom_fields: Mapping[str, str]) -> Iterable[tuple[str, MappedField]]:
    for name, mapped in _PLAIN.items():
        yield _key(name), MappedField(type=mapped)
    for label, public_id in custom_fields.items():
        yield _key(label), _custom(public_id)
    for mapped, names in _OTHER_NAMES.items():
        for name in names:
            yield name, MappedField(type=mapped)


def _field(text: str, custom_fields: Mapping[str, str]) -> MappedField:
    if plain := _PLAIN.get(text.lower()):
        return MappedField(type=plain)
    if ids.decode(ids.CUSTOM_FIELD, text) is not None:
        return _custom(text)
    for label, public_id in custom_fields.items():
        if label.casefold() == " ".join(text.split()).casefold():
            return _custom(public_id)
    known = ", ".join(("email", "name", "country", "status", *custom_fields))
    raise StartError(f"there is no field {text}; there are {known}")


def _custom(public_id: str) -> MappedField:
    return MappedField(type="custom-field", custom_field_id=public_id)


def _key(name: str) -> str:
    """`E-Mail_Address` and `e mail address` are the same."""
    return " ".join(re.split(r"[\s_./-]+", name.casefold())).strip()
