"""Change a custom field: no value that a subscriber has is ever lost on the way.

Between the select types the options that are chosen stay chosen. Else a saved value is taken as the text that an
export would show, and has to be a value of the new field that still reads the same. What does not fit is refused
with how many subscribers stand against it.
"""

import asyncio
import functools
from decimal import Decimal
from typing import Any

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import custom_fields, values
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import CHOICE_TYPES, FieldType
from mailrith_lite.database import Connection

BATCH_ROWS = 5_000
BATCH_CHARACTERS = 1 << 20

_LISTS = frozenset(["Multi Select"])
_ONE_OF = CHOICE_TYPES - _LISTS
_SAVED_AS_TRIMMED_TEXT = frozenset(["Text", "Date", *_ONE_OF])
_batch_decoder = msgspec.json.Decoder(list[tuple[int, msgspec.Raw]])
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class _Batch(msgspec.Struct, frozen=True):
    """`rows`: a JSON list of [subscriber's integer id, value]. `last_id`: of the last of them, if there is any."""

    rows: str
    last_id: int | None


async def prepare(
    connection: Connection,
    workspace_id: int,
    field: CustomField,
    *,
    label: str,
    field_type: FieldType,
    options: list[str],
) -> CustomField:
    """The field as it is to be.

    Raises:
        InvalidBody: label or options break a rule, or the label is taken.
    """
    wanted = msgspec.structs.replace(
        field,
        label=custom_fields.clean_label(label),
        type=field_type,
        options=custom_fields.clean_options(field_type, options),
    )
    await custom_fields.check_free(connection, workspace_id, wanted.label, field.id)
    return wanted


def narrows(field: CustomField, wanted: CustomField) -> bool:
    """Can what is said of the field in a segment or an import mean something else afterwards?"""
    return wanted.type != field.type or not set(wanted.options).issuperset(field.options)


async def apply(
    connection: Connection, workspace_id: int, field: CustomField, wanted: CustomField, now: int
) -> CustomField:
    """
    Raises:
        Conflict: saved values do not fit the new type or options; the transaction has to be rolled back.
    """
    if wanted == field:
        return field
    if not _all_stay(field, wanted):
        await _convert_values(connection, workspace_id, field, wanted, now)
    changed = msgspec.structs.replace(wanted, updated_at=now)
    await custom_fields.update_custom_field(connection, workspace_id, changed)
    return changed


def _all_stay(field: CustomField, wanted: CustomField) -> bool:
    """Is every value that the field can have one of the new field, as it is saved?"""
    if wanted.type == field.type or {wanted.type, field.type} <= _ONE_OF:
        return set(wanted.options).issuperset(field.options)
    return wanted.type in ("Text", "Text Area") and field.type in _SAVED_AS_TRIMMED_TEXT


async def _convert_values(
    connection: Connection, workspace_id: int, field: CustomField, wanted: CustomField, now: int
) -> None:
    """A batch at a time, so that memory does not grow with the values; who keeps the same is not written."""
    lost, after_id = 0, 0
    convert = functools.partial(_convert, field, wanted, values.field_reader(wanted.type, wanted.options))
    while True:
        batch = await _select_batch(connection, workspace_id, field.id, after_id)
        if batch.last_id is None:
            break
        converted, lost_here = await asyncio.to_thread(convert, batch.rows)
        lost += lost_here
        if converted and not lost:
            await _update_values(connection, workspace_id, field.id, converted, now)
        after_id = batch.last_id
    if lost:
        raise _would_be_lost(field, lost)


def _convert(field: CustomField, wanted: CustomField, read: Any, rows: str) -> tuple[str, int]:
    """(a JSON list of those to be written anew, or nothing; how many have a value that does not fit)"""
    found: dict[bytes, bytes | None] = {}
    converted: list[tuple[int, msgspec.Raw]] = []
    lost = 0
    for subscriber_id, raw in _batch_decoder.decode(rows):
        saved = bytes(raw)
        if saved not in found:
            found[saved] = _carried(field, wanted, read, saved)
        new = found[saved]
        if new is None:
            lost += 1
        elif new != saved:
            converted.append((subscriber_id, msgspec.Raw(new)))
    return _encoder.encode(converted).decode() if converted else "", lost


def _carried(field: CustomField, wanted: CustomField, read: Any, saved: bytes) -> bytes | None:
    """The value in the new field; None when there is none. Both as JSON."""
    value = _decoder.decode(saved)
    if {field.type, wanted.type} <= CHOICE_TYPES:
        chosen = value if isinstance(value, list) else [value]
        if not set(wanted.options).issuperset(chosen):
            return None
        if wanted.type in _LISTS:
            return _encoder.encode(chosen)
        return _encoder.encode(chosen[0]) if len(chosen) == 1 else None
    written = values.field_text(value)
    try:
        new = read(written)
    except values.Refused:
        return None
    return _encoder.encode(new) if values.field_text(new) == written else None


def _would_be_lost(field: CustomField, lost: int) -> errors.Conflict:
    return errors.Conflict(
        f"{lost:,} {'subscriber has' if lost == 1 else 'subscribers have'} a value that would be lost; "
        "change these values first, or make another custom field.",
        code="custom_field_in_use",
        reason="values_would_be_lost",
        resource=("custom_field", ids.encode(ids.CUSTOM_FIELD, field.id)),
    )


async def _select_batch(connection: Connection, workspace_id: int, field_id: int, after_id: int) -> _Batch:
    """The next values: many, or few when they are long."""
    having = """workspace_id = :workspace_id AND id > :after_id
        AND json_type(custom_fields, :path) IS NOT NULL"""
    rows = await connection.execute_fetchall(
        f"""WITH sizes AS (
            SELECT id, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - size AS before
            FROM (SELECT id, length(custom_fields -> :path) AS size FROM subscribers
                WHERE {having} ORDER BY id LIMIT :rows)
        )
        SELECT json_group_array(json_array(id, custom_fields -> :path)), max(id) FROM subscribers
        WHERE {having} AND id <= (SELECT max(id) FROM sizes WHERE before < :characters)""",
        {
            "workspace_id": workspace_id,
            "after_id": after_id,
            "path": custom_fields.json_path(field_id),
            "rows": BATCH_ROWS,
            "characters": BATCH_CHARACTERS,
        },
    )
    row = next(iter(rows))
    return _Batch(row[0], row[1])


async def _update_values(
    connection: Connection, workspace_id: int, field_id: int, converted: str, now: int
) -> None:
    await connection.execute(
        """UPDATE subscribers
        SET custom_fields = json_set(custom_fields, :path, json(row.value -> 1)), updated_at = :now
        FROM json_each(:converted) AS row
        WHERE subscribers.id = row.value ->> 0 AND +workspace_id = :workspace_id""",
        {
            "workspace_id": workspace_id,
            "path": custom_fields.json_path(field_id),
            "converted": converted,
            "now": now,
        },
    )
