"""Change a custom field: no value that a subscriber has is ever lost on the way.

A type or a list of options may change as long as every saved value, as the text that an export would show, is a
value of the new field and still reads the same. Else the change is refused, and says how many subscribers stand
against it.
"""

import asyncio
from decimal import Decimal
from typing import Any

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import custom_fields, values
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import FieldType
from mailrith_lite.database import Connection

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


async def change_custom_field(
    connection: Connection,
    workspace_id: int,
    field: CustomField,
    *,
    label: str,
    field_type: FieldType,
    options: list[str],
    now: int,
) -> CustomField:
    """
    Raises:
        InvalidBody: label or options break a rule, or the label is taken.
        Conflict: saved values do not fit the new type or options.
    """
    changed = msgspec.structs.replace(
        field,
        label=custom_fields.clean_label(label),
        type=field_type,
        options=custom_fields.clean_options(field_type, options),
    )
    if changed == field:
        return field
    await custom_fields.check_free(connection, workspace_id, changed.label, field.id)
    if (changed.type, set(changed.options)) != (field.type, set(field.options)):
        await _convert_values(connection, workspace_id, changed)
    changed = msgspec.structs.replace(changed, updated_at=now)
    await custom_fields.update_custom_field(connection, workspace_id, changed)
    return changed


async def _convert_values(connection: Connection, workspace_id: int, field: CustomField) -> None:
    """Each distinct value is looked at once; only those that are written differently are written anew."""
    saved = await _select_values(connection, workspace_id, field.id)
    converted, lost = await asyncio.to_thread(_convert, saved, field)
    if lost:
        raise errors.Conflict(
            f"{lost:,} {'subscriber has' if lost == 1 else 'subscribers have'} a value that would be lost; "
            "change these values first, or make another custom field.",
            code="custom_field_in_use",
            reason="values_would_be_lost",
            resource=("custom_field", ids.encode(ids.CUSTOM_FIELD, field.id)),
        )
    if converted:
        await _update_values(connection, workspace_id, field.id, converted)


def _convert(saved: list[tuple[str, int]], field: CustomField) -> tuple[dict[str, str], int]:
    """(what has to be written anew, how many subscribers have a value that does not fit); values as JSON texts."""
    read = values.field_reader(field.type, field.options)
    converted: dict[str, str] = {}
    lost = 0
    for text, count in saved:
        written = values.field_text(_decoder.decode(text))
        try:
            value = read(written)
        except values.Refused:
            lost += count
            continue
        if values.field_text(value) != written:
            lost += count
        elif (new_text := _encoder.encode(value).decode()) != text:
            converted[text] = new_text
    return converted, lost


async def _select_values(connection: Connection, workspace_id: int, field_id: int) -> list[tuple[str, int]]:
    """Each distinct value, as its JSON text, and how many subscribers have it."""
    rows = await connection.execute_fetchall(
        """SELECT custom_fields -> :path AS value, count(*) FROM subscribers
        WHERE workspace_id = :workspace_id AND json_type(custom_fields, :path) IS NOT NULL GROUP BY value""",
        {"workspace_id": workspace_id, "path": custom_fields.json_path(field_id)},
    )
    return [(row[0], row[1]) for row in rows]


async def _update_values(
    connection: Connection, workspace_id: int, field_id: int, converted: dict[str, str]
) -> None:
    def new_text(text: Any) -> Any:
        return converted.get(text)

    await connection.create_function("converted", 1, new_text, deterministic=True)
    await connection.execute(
        """UPDATE subscribers
        SET custom_fields = json_set(custom_fields, :path, json(converted(custom_fields -> :path)))
        WHERE workspace_id = :workspace_id AND converted(custom_fields -> :path) IS NOT NULL""",
        {"workspace_id": workspace_id, "path": custom_fields.json_path(field_id)},
    )
    converted.clear()  # the connection keeps the function, which need not keep the values
