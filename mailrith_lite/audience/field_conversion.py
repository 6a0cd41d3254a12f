"""Changes the label, type or options of a custom field, if no subscriber loses a value.

From one select type to another, the chosen options stay. In all other cases the saved value, as the text of an
export, has to be a value of the new type with the same text. If one subscriber would lose a value, nothing changes.
"""

import asyncio
import functools
from decimal import Decimal

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import custom_fields, values
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import CHOICE_TYPES, CellReader, FieldType
from mailrith_lite.database import Connection, by_name

BATCH_ROWS = 5_000
BATCH_CHARACTERS = 1 << 20

_MULTI_SELECT = "Multi Select"
_SINGLE_CHOICE_TYPES = CHOICE_TYPES - {_MULTI_SELECT}
_TRIMMED_TEXT_TYPES = frozenset(["Text", "Date", *_SINGLE_CHOICE_TYPES])
_rows_decoder = msgspec.json.Decoder(list[tuple[int, msgspec.Raw]])
_value_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class _Batch(msgspec.Struct, frozen=True, kw_only=True):
    """`rows`: a JSON list of [subscriber's integer id, value]. `last_id`: the last id of them; None for no rows."""

    rows: str
    last_id: int | None


class _Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """`rows`: the changed values, as in a `_Batch`, or empty. `lost`: the number of values that the target has no
    equal value for."""

    rows: str
    lost: int


async def prepare(
    connection: Connection,
    workspace_id: int,
    field: CustomField,
    *,
    label: str,
    field_type: FieldType,
    options: list[str],
) -> CustomField:
    """The field after the change. Nothing is written.

    Raises:
        InvalidRequest: label or options break a rule.
        Conflict: another field, or a built-in one, has the label.
    """
    target = msgspec.structs.replace(
        field,
        label=custom_fields.clean_label(label),
        type=field_type,
        options=custom_fields.clean_options(field_type, options),
    )
    await custom_fields.check_label_is_free(connection, workspace_id, target.label, field.id)
    return target


def narrows(field: CustomField, target: CustomField) -> bool:
    """Whether a segment or an import that uses the field could get another meaning."""
    return target.type != field.type or not set(target.options).issuperset(field.options)


async def apply(
    connection: Connection, workspace_id: int, field: CustomField, target: CustomField, now: int
) -> CustomField:
    """
    Raises:
        Conflict: saved values do not fit the new type or options. Roll the transaction back.
    """
    if target == field:
        return field
    if not _keeps_every_value(field, target):
        await _convert_values(connection, workspace_id, field, target, now)
    changed = msgspec.structs.replace(target, updated_at=now)
    await custom_fields.update_custom_field(connection, workspace_id, changed)
    return changed


def _keeps_every_value(field: CustomField, target: CustomField) -> bool:
    """Whether each possible value of the field is a value of the target, in the same form."""
    if target.type == field.type or {target.type, field.type} <= _SINGLE_CHOICE_TYPES:
        return set(target.options).issuperset(field.options)
    return target.type in ("Text", "Text Area") and field.type in _TRIMMED_TEXT_TYPES


async def _convert_values(
    connection: Connection, workspace_id: int, field: CustomField, target: CustomField, now: int
) -> None:
    """Works in batches, so that memory does not grow with the number of values. Writes only changed values."""
    lost, after_id = 0, 0
    convert = functools.partial(_convert, field, target)
    while True:
        batch = await _select_batch(connection, workspace_id, field.id, after_id)
        if batch.last_id is None:
            break
        conversion = await asyncio.to_thread(convert, batch.rows)
        lost += conversion.lost
        if conversion.rows and not lost:
            await _update_values(connection, workspace_id, field.id, conversion.rows, now)
        after_id = batch.last_id
    if lost:
        raise values_would_be_lost(field.id, lost, type_changes=target.type != field.type)


def _convert(field: CustomField, target: CustomField, rows: str) -> _Conversion:
    read = values.field_reader(target.type, target.options)
    known: dict[bytes, bytes | None] = {}  # saved value -> new value: many subscribers have the same
    changed: list[tuple[int, msgspec.Raw]] = []
    lost = 0
    for subscriber_id, raw in _rows_decoder.decode(rows):
        saved = bytes(raw)
        if saved not in known:
            known[saved] = _convert_value(field, target, read, saved)
        new = known[saved]
        if new is None:
            lost += 1
        elif new != saved:
            changed.append((subscriber_id, msgspec.Raw(new)))
    return _Conversion(rows=_encoder.encode(changed).decode() if changed else "", lost=lost)


def _convert_value(field: CustomField, target: CustomField, read: CellReader, saved: bytes) -> bytes | None:
    """Takes and returns JSON; None when the target has no equal value."""
    value = _value_decoder.decode(saved)
    if {field.type, target.type} <= CHOICE_TYPES:
        options = value if isinstance(value, list) else [value]
        if not set(target.options).issuperset(options):
            return None
        if target.type == _MULTI_SELECT:
            return _encoder.encode(options)
        return _encoder.encode(options[0]) if len(options) == 1 else None
    text = values.field_text(value)
    try:
        new = read(text)
    except values.Refused:
        return None
    return _encoder.encode(new) if new is not None and values.field_text(new) == text else None


def values_would_be_lost(field_id: int, lost: int, *, type_changes: bool) -> errors.Conflict:
    """`type_changes`: False if only options are removed."""
    return errors.Conflict(
        f"{lost:,} {'subscriber has' if lost == 1 else 'subscribers have'} a value that would be lost; "
        "change these values first, or create another custom field.",
        code="custom_field_type_locked" if type_changes else "custom_field_in_use",
        reason="values_would_be_lost",
        resource=("custom_field", ids.encode(ids.CUSTOM_FIELD, field_id)),
    )


async def _select_batch(connection: Connection, workspace_id: int, field_id: int, after_id: int) -> _Batch:
    """At most BATCH_ROWS values of subscribers above `after_id`, and fewer when they are long."""
    has_value = """workspace_id = :workspace_id AND id > :after_id
        AND json_type(custom_fields, :path) IS NOT NULL"""
    rows = await connection.execute_fetchall(
        f"""WITH sizes AS (
            SELECT id, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - size AS before
            FROM (SELECT id, length(custom_fields -> :path) AS size FROM subscribers
                WHERE {has_value} ORDER BY id LIMIT :rows)
        )
        SELECT json_group_array(json_array(id, custom_fields -> :path)) AS rows, max(id) AS last_id
        FROM subscribers
        WHERE {has_value} AND id <= (SELECT max(id) FROM sizes WHERE before < :characters)""",
        {
            "workspace_id": workspace_id,
            "after_id": after_id,
            "path": custom_fields.json_path(field_id),
            "rows": BATCH_ROWS,
            "characters": BATCH_CHARACTERS,
        },
    )
    return _Batch(**by_name(next(iter(rows))))


async def _update_values(connection: Connection, workspace_id: int, field_id: int, changed: str, now: int) -> None:
    await connection.execute(
        """UPDATE subscribers
        SET custom_fields = json_set(custom_fields, :path, json(row.value -> 1)), updated_at = :now,
            changed_by_job = NULL
        FROM json_each(:changed) AS row
        WHERE subscribers.id = row.value ->> 0 AND +workspace_id = :workspace_id""",
        {
            "workspace_id": workspace_id,
            "path": custom_fields.json_path(field_id),
            "changed": changed,
            "now": now,
        },
    )
