"""Mappings: each names a column of the file and the field of a subscriber that it fills."""

from collections.abc import Sequence

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.imports.fields import FIELDS, MappedType
from mailrith_lite.imports.records import column_name


class MappedField(msgspec.Struct, frozen=True, kw_only=True):
    type: MappedType
    custom_field_id: str | None = None

    @classmethod
    def custom(cls, public_id: str) -> "MappedField":
        return cls(type="custom-field", custom_field_id=public_id)


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a request's `mappings`."""

    csv_column: str
    field: MappedField


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A mapped column. `index`: its position in a record."""

    index: int
    name: str
    type: MappedType
    custom_field_id: int | None = None


def resolve(names: Sequence[str], mappings: Sequence[Mapping]) -> list[Column]:
    """The mapped columns of a file with these column names, in the order of the mappings.

    Raises:
        InvalidBody: the error names the mapping that must change.
    """
    if not mappings:
        raise errors.InvalidBody("mappings takes at least one entry, one of them for the email.", field="mappings")
    columns: list[Column] = []
    for position, mapping in enumerate(mappings):
        path = f"mappings[{position}]"
        column = Column(
            index=_find(names, mapping.csv_column, path),
            name=column_name(mapping.csv_column),
            type=mapping.field.type,
            custom_field_id=_custom_field_id(mapping.field, path),
        )
        _check_once(column, columns, path)
        columns.append(column)
    mapped = {column.type for column in columns}
    for field in FIELDS.values():
        if field.required and field.type not in mapped:
            raise errors.InvalidBody(
                f"Map one column to the field type {field.type}.",
                field="mappings",
                reason=f"{field.type}_not_mapped",
            )
    return columns


def _check_once(column: Column, others: Sequence[Column], path: str) -> None:
    if any(column.index == other.index for other in others):
        raise errors.InvalidBody(
            "A column can be mapped once only.", field=f"{path}.csv_column", reason="column_mapped_twice"
        )
    if any((column.type, column.custom_field_id) == (other.type, other.custom_field_id) for other in others):
        raise errors.InvalidBody(
            "A field can be mapped once only.", field=f"{path}.field", reason="field_mapped_twice"
        )


def _find(names: Sequence[str], csv_column: str, path: str) -> int:
    name = column_name(csv_column)
    positions = [index for index, other in enumerate(names) if other == name]
    if not positions:
        raise errors.InvalidBody(
            "csv_column is not a column of the file; use a name from its header row.",
            field=f"{path}.csv_column",
            reason="column_not_found",
        )
    if len(positions) > 1:
        raise errors.InvalidBody(
            "The file has several columns of this name; rename all but one.",
            field=f"{path}.csv_column",
            reason="column_ambiguous",
        )
    return positions[0]


def _custom_field_id(field: MappedField, path: str) -> int | None:
    if not FIELDS[field.type].takes_custom_field:
        if field.custom_field_id is not None:
            raise errors.InvalidBody(
                "custom_field_id goes with the field type custom-field only.", field=f"{path}.field.custom_field_id"
            )
        return None
    if field.custom_field_id is None:
        raise errors.InvalidBody(
            "The field type custom-field takes a custom_field_id.", field=f"{path}.field.custom_field_id"
        )
    number = ids.decode(ids.CUSTOM_FIELD, field.custom_field_id)
    if number is None:
        raise unknown_custom_field(path)
    return number


def unknown_custom_field(path: str) -> errors.InvalidBody:
    return errors.InvalidBody(
        "There is no custom field with this id in the workspace.",
        field=f"{path}.field.custom_field_id",
        reason="custom_field_not_found",
    )
