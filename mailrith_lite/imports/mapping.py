"""Mappings: each names a column of the file and the field of a subscriber that it fills."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import custom_fields
from mailrith_lite.audience import values as cell_values
from mailrith_lite.audience.column_format import Format
from mailrith_lite.audience.values import FieldType
from mailrith_lite.audience.vocabulary import is_blank
from mailrith_lite.imports.column_names import SHOWN_CHARACTERS, ColumnNames
from mailrith_lite.imports.fields import FIELDS, MappedType
from mailrith_lite.unicode_forms import fold

MAX_TRANSLATIONS = 1_000
"""Words that one mapping translates."""
OTHER_CELLS: Final = "*"
"""The word of a translation that stands for each filled cell without a word of its own."""
FORMATS: Final[dict[FieldType | None, tuple[Format, ...]]] = {
    "Date": ("iso", "year-first", "day-first", "month-first", "excel", "unix"),
    "Number": ("point", "comma"),
}
_SHOWN_COLUMNS = 50


class MappedField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`custom_field_id`: of the type custom-field. The other members: of the type new-custom-field."""

    type: MappedType
    custom_field_id: str | None = None
    label: str | None = None
    custom_field_type: FieldType | None = None
    options: list[str] | None = None

    @classmethod
    def custom(cls, public_id: str) -> "MappedField":
        return cls(type="custom-field", custom_field_id=public_id)


class Mapping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a request's `mappings`. `values`: a cell, ignoring case -> what it means; null means blank, and
    the cell `*` means every other filled cell."""

    csv_column: str
    field: MappedField
    values: dict[str, str | None] | None = None
    format: Format | None = None


class NewField(msgspec.Struct, frozen=True, kw_only=True):
    """The custom field that an import creates for a column."""

    label: str
    type: FieldType
    options: list[str]


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mapped column. `index`: its position in a record. `values`: a folded cell -> what it means, as in Mapping.

    `custom_field_id`: None for a new custom field that does not exist yet. `format`: None where the file decides,
    until it has been read.
    """

    index: int
    name: str
    type: MappedType
    custom_field_id: int | None = None
    new_field: NewField | None = None
    values: dict[str, str | None] = {}
    format: Format | None = None


def translate(translations: dict[str, str | None], cell: str) -> str:
    """The cell as its column's `values` has it: folded words -> meanings."""
    if not translations:
        return cell
    key = cell if cell in translations else fold(cell.strip())  # most cells are words of the translation
    if key in translations:
        return translations[key] or ""
    return cell if OTHER_CELLS not in translations or is_blank(cell) else translations[OTHER_CELLS] or ""


def as_mappings(columns: Sequence[Column]) -> list[Mapping]:
    """The mappings of a request that give these columns."""
    return [
        Mapping(csv_column=column.name, field=_field(column), values=column.values or None, format=column.format)
        for column in columns
    ]


def _field(column: Column) -> MappedField:
    if column.new_field is not None:
        new = column.new_field
        return MappedField(
            type=column.type, label=new.label, custom_field_type=new.type, options=new.options or None
        )
    number = column.custom_field_id
    return MappedField(
        type=column.type, custom_field_id=None if number is None else ids.encode(ids.CUSTOM_FIELD, number)
    )


def resolve(names: Sequence[str], mappings: Sequence[Mapping]) -> list[Column]:
    """The mapped columns of a file with these column names, in the order of the mappings.

    Raises:
        InvalidRequest: the error names the mapping that must change.
    """
    if not mappings:
        raise errors.InvalidRequest(
            "mappings takes at least one entry, one of them for the email.", field="mappings"
        )
    known = ColumnNames(names)
    columns: list[Column] = []
    mapped_columns: set[int] = set()
    mapped_fields: set[tuple[MappedType, int | str | None]] = set()
    for number, mapping in enumerate(mappings):
        path = f"mappings[{number}]"
        column = _resolve_one(names, known, mapping, path)
        field = (column.type, fold(column.new_field.label) if column.new_field else column.custom_field_id)
        if column.index in mapped_columns:
            raise _mapped_twice("column", f"{path}.csv_column")
        if field in mapped_fields and not FIELDS[column.type].several:
            raise _mapped_twice("field", f"{path}.field")
        mapped_columns.add(column.index)
        mapped_fields.add(field)
        columns.append(column)
    _check_required({column.type for column in columns})
    return columns


def _resolve_one(names: Sequence[str], known: ColumnNames, mapping: Mapping, path: str) -> Column:
    indexes = known.find(mapping.csv_column)
    if not indexes:
        raise _unknown_column(mapping.csv_column, names, path)
    if len(indexes) > 1:
        raise errors.InvalidRequest(
            "Several columns of the file differ only in case or signs from this name; write it as the file does.",
            field=f"{path}.csv_column",
            reason="column_ambiguous",
        )
    return Column(
        index=indexes[0],
        name=names[indexes[0]],
        type=mapping.field.type,
        custom_field_id=_custom_field_id(mapping.field, path),
        new_field=_new_field(mapping.field, path),
        values=_translations(mapping, f"{path}.values"),
        format=_format(mapping, f"{path}.format"),
    )


def _unknown_column(name: str, names: Iterable[str], path: str) -> errors.InvalidRequest:
    """`names`: the columns of the file."""
    known = [f'"{one[:SHOWN_CHARACTERS]}"' for one in names]
    listed = ", ".join(known[:_SHOWN_COLUMNS])
    more = f" and {len(known) - _SHOWN_COLUMNS} more" if len(known) > _SHOWN_COLUMNS else ""
    return errors.InvalidRequest(
        f'"{name[:SHOWN_CHARACTERS]}" is not a column of the file; its columns are {listed}{more}.',
        field=f"{path}.csv_column",
        reason="column_not_found",
    )


def _mapped_twice(what: str, path: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(f"A {what} can be mapped once only.", field=path, reason=f"{what}_mapped_twice")


def _check_required(mapped: set[MappedType]) -> None:
    for field in FIELDS.values():
        if field.required and field.type not in mapped:
            raise errors.InvalidRequest(
                f"Map one column to the field type {field.type}.",
                field="mappings",
                reason=f"{field.type}_not_mapped",
            )


def _custom_field_id(field: MappedField, path: str) -> int | None:
    if field.type != "custom-field":
        if field.custom_field_id is not None:
            raise errors.InvalidRequest(
                "custom_field_id goes with the field type custom-field only.", field=f"{path}.field.custom_field_id"
            )
        return None
    if field.custom_field_id is None:
        raise errors.InvalidRequest(
            "The field type custom-field takes a custom_field_id.", field=f"{path}.field.custom_field_id"
        )
    number = ids.decode(ids.CUSTOM_FIELD, field.custom_field_id)
    if number is None:
        raise unknown_custom_field(path)
    return number


def _new_field(field: MappedField, path: str) -> NewField | None:
    if field.type != "new-custom-field":
        for member in ("label", "custom_field_type", "options"):
            if getattr(field, member) is not None:
                raise errors.InvalidRequest(
                    f"{member} goes with the field type new-custom-field only.", field=f"{path}.field.{member}"
                )
        return None
    if field.label is None or field.custom_field_type is None:
        raise errors.InvalidRequest(
            "The field type new-custom-field takes a label and a custom_field_type.", field=f"{path}.field"
        )
    try:
        return NewField(
            label=custom_fields.clean_label(field.label),
            type=field.custom_field_type,
            options=custom_fields.clean_options(field.custom_field_type, field.options or []),
        )
    except errors.InvalidRequest as error:
        member = "label" if error.details["field"] == "label" else "options"
        raise errors.InvalidRequest(str(error), field=f"{path}.field.{member}") from None


def _translations(mapping: Mapping, path: str) -> dict[str, str | None]:
    """By the folded word."""
    sent = mapping.values or {}
    if len(sent) > MAX_TRANSLATIONS:
        raise errors.InvalidRequest(f"values takes at most {MAX_TRANSLATIONS:,} words.", field=path)
    translations: dict[str, str | None] = {}
    for word, meaning in sent.items():
        key = fold(word.strip())
        if translations.setdefault(key, meaning) != meaning:
            raise errors.InvalidRequest(
                f'"{word[:SHOWN_CHARACTERS]}" is in values twice, with two meanings; give it one.', field=path
            )
        if mapping.field.type == "subscriber-status" and meaning is not None and meaning.strip():
            _check_status(meaning, path)
    return translations


def _check_status(text: str, path: str) -> None:
    try:
        cell_values.status_cell(text)
    except cell_values.Refused as refusal:
        raise errors.InvalidRequest(refusal.message, field=path, reason=refusal.code) from None


def _format(mapping: Mapping, path: str) -> Format | None:
    """Checks it, unless the type of a custom field of the workspace decides."""
    field_type = mapping.field.custom_field_type
    if mapping.field.type != "custom-field":
        kind = "Date" if FIELDS[mapping.field.type].moment else field_type
        check_format(mapping.format, kind, path)
    return mapping.format


def check_format(cell_format: Format | None, field_type: FieldType | None, path: str) -> None:
    """`field_type`: Date also for a column with times; None for a field that has no format.

    Raises:
        InvalidRequest
    """
    if cell_format is None or cell_format in FORMATS.get(field_type, ()):
        return
    if field_type not in FORMATS:
        raise errors.InvalidRequest("format goes with dates and numbers only; leave it out.", field=path)
    raise errors.InvalidRequest(f"format is one of {', '.join(FORMATS[field_type])} here.", field=path)


def unknown_custom_field(path: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(
        "There is no custom field with this id in the workspace.",
        field=f"{path}.field.custom_field_id",
        reason="custom_field_not_found",
    )
