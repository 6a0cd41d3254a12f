"""Mappings: each names a column of the file and the field of a subscriber that it fills."""

from collections.abc import Iterable, Sequence

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.imports.fields import FIELDS, MappedType
from mailrith_lite.imports.records import MAX_COLUMN_NAME, column_name

_SHOWN_COLUMNS = 50


class MappedField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    type: MappedType
    custom_field_id: str | None = None

    @classmethod
    def custom(cls, public_id: str) -> "MappedField":
        return cls(type="custom-field", custom_field_id=public_id)


class Mapping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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
        InvalidRequest: the error names the mapping that must change.
    """
    if not mappings:
        raise errors.InvalidRequest(
            "mappings takes at least one entry, one of them for the email.", field="mappings"
        )
    positions: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        positions.setdefault(name, []).append(index)
    columns: list[Column] = []
    mapped_columns: set[int] = set()
    mapped_fields: set[tuple[MappedType, int | None]] = set()
    for number, mapping in enumerate(mappings):
        path = f"mappings[{number}]"
        column = _resolve_one(positions, mapping, path)
        field = (column.type, column.custom_field_id)
        if column.index in mapped_columns:
            raise _mapped_twice("column", f"{path}.csv_column")
        if field in mapped_fields:
            raise _mapped_twice("field", f"{path}.field")
        mapped_columns.add(column.index)
        mapped_fields.add(field)
        columns.append(column)
    _check_required({column.type for column in columns})
    return columns


def _resolve_one(positions: dict[str, list[int]], mapping: Mapping, path: str) -> Column:
    name = column_name(mapping.csv_column)
    indexes = positions.get(name, [])
    if not indexes:
        raise _unknown_column(mapping.csv_column, positions, path)
    if len(indexes) > 1:
        raise errors.InvalidRequest(
            "The file has several columns of this name; rename all but one.",
            field=f"{path}.csv_column",
            reason="column_ambiguous",
        )
    return Column(
        index=indexes[0],
        name=name,
        type=mapping.field.type,
        custom_field_id=_custom_field_id(mapping.field, path),
    )


def _unknown_column(name: str, names: Iterable[str], path: str) -> errors.InvalidRequest:
    """`names`: the columns of the file."""
    known = [f'"{one}"' for one in names if one]
    listed = ", ".join(known[:_SHOWN_COLUMNS])
    more = f" and {len(known) - _SHOWN_COLUMNS} more" if len(known) > _SHOWN_COLUMNS else ""
    return errors.InvalidRequest(
        f'"{name[:MAX_COLUMN_NAME]}" is not a column of the file; its columns are {listed}{more}.',
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
    if not FIELDS[field.type].takes_custom_field:
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


def unknown_custom_field(path: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(
        "There is no custom field with this id in the workspace.",
        field=f"{path}.field.custom_field_id",
        reason="custom_field_not_found",
    )
