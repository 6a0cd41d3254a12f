"""The columns of an export: those of every export by name, and custom fields by public id."""

from collections.abc import Sequence
from typing import Final

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.export_columns import COLUMNS, column_of_label

FIXED: Final = {name.lower().replace(" ", "_"): name for name in COLUMNS}
"""Key of a column in requests, such as `subscribed_at` -> its name in the file."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: one of `FIXED`, or the public id of `field`. `name`: in the header of the file."""

    key: str
    name: str
    field: CustomField | None = None


def every_column(fields: Sequence[CustomField]) -> list[Column]:
    """The fixed columns, and then the custom fields in this order."""
    fixed = [Column(key=key, name=name) for key, name in FIXED.items()]
    return fixed + [
        Column(key=ids.encode(ids.CUSTOM_FIELD, field.id), name=column_of_label(field.label), field=field)
        for field in fields
    ]


def chosen_columns(keys: Sequence[str] | None, fields: Sequence[CustomField]) -> list[Column]:
    """The columns with these keys, in the order of the keys; None: all.

    Raises:
        InvalidRequest: no key, an unknown one, or one that is there twice.
    """
    every = {column.key: column for column in every_column(fields)}
    if keys is None:
        return list(every.values())
    if not keys:
        raise errors.InvalidRequest(
            "columns takes at least one column; leave it out for all of them.", field="columns"
        )
    columns: dict[str, Column] = {}
    for position, key in enumerate(keys):
        if key not in every:
            raise errors.InvalidRequest(
                f"A column is one of {', '.join(FIXED)}, or the id of a custom field of the workspace.",
                field=f"columns[{position}]",
                reason="column_not_found",
            )
        if key in columns:
            raise errors.InvalidRequest(
                "columns has this column twice; name each once.", field=f"columns[{position}]"
            )
        columns[key] = every[key]
    return list(columns.values())
