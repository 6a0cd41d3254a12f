"""The custom fields that an import creates for its columns, once the whole file has been read."""

from collections.abc import Mapping, Sequence

import msgspec

from mailrith_lite import errors
from mailrith_lite.audience import custom_fields
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.database import Connection
from mailrith_lite.imports.mapping import Column, NewField
from mailrith_lite.unicode_forms import fold

_FIRST_PLANNED_ID = -1


async def check(connection: Connection, workspace_id: int, columns: Sequence[Column]) -> None:
    """
    Raises:
        InvalidRequest: a new field cannot have its label. An existing field of the same type is no obstacle.
    """
    for position, column in enumerate(columns):
        if column.new_field is not None:
            try:
                await _select_existing(connection, workspace_id, column.new_field)
            except errors.InvalidRequest as error:
                path = f"mappings[{position}].field.label"
                raise errors.InvalidRequest(str(error), field=path, reason=error.details["reason"]) from None


async def insert_fields(
    connection: Connection, workspace_id: int, columns: Sequence[Column], now: int
) -> tuple[list[Column], list[int]]:
    """The columns with the integer ids of their fields, and the ids of the fields that were created.

    A field that exists already is not created.

    Raises:
        InvalidRequest: since the request, another field has got the label.
    """
    ids = {}
    made = []
    for column in columns:
        if (new := column.new_field) is not None:
            field = await _select_existing(connection, workspace_id, new)
            if field is None:
                field = await custom_fields.create_custom_field(
                    connection, workspace_id, label=new.label, field_type=new.type, options=new.options, now=now
                )
                made.append(field.id)
            ids[column.index] = field.id
    return _with_ids(columns, ids), made


async def plan_fields(
    connection: Connection, workspace_id: int, columns: Sequence[Column]
) -> tuple[list[Column], list[CustomField]]:
    """The columns as `insert_fields` returns them, and the fields that do not exist: their ids are below 0."""
    ids = {}
    planned: list[CustomField] = []
    for column in columns:
        if (new := column.new_field) is not None:
            field = await _select_existing(connection, workspace_id, new)
            if field is None:
                field = CustomField(
                    id=_FIRST_PLANNED_ID - len(planned),
                    label=new.label,
                    type=new.type,
                    options=new.options,
                    created_at=0,
                    updated_at=0,
                )
                planned.append(field)
            ids[column.index] = field.id
    return _with_ids(columns, ids), planned


def _with_ids(columns: Sequence[Column], ids: Mapping[int, int]) -> list[Column]:
    """`ids`: column's index -> custom field's integer id."""
    return [
        msgspec.structs.replace(column, custom_field_id=ids.get(column.index, column.custom_field_id))
        for column in columns
    ]


async def _select_existing(connection: Connection, workspace_id: int, new: NewField) -> CustomField | None:
    """The field of this label and type.

    Raises:
        InvalidRequest: the field of this label has another type, or is built in.
    """
    fields = await custom_fields.select_all_custom_fields(connection, workspace_id)
    existing = next((field for field in fields if fold(field.label) == fold(new.label)), None)
    if existing is not None and existing.type == new.type:
        return existing
    await custom_fields.check_label_is_free(connection, workspace_id, new.label, None)
    return None
