"""The table `custom_fields`."""

import re
from typing import Any

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import list_page
from mailrith_lite.audience.input_checks import check_label
from mailrith_lite.audience.values import CHOICE_TYPES, FieldType
from mailrith_lite.database import Connection, Reader, Row, by_name
from mailrith_lite.unicode_forms import compose, fold

MAX_LABEL = 100
MAX_OPTIONS = 500
MAX_OPTION = 200
HAVING_VALUE = """SELECT id FROM subscribers
    WHERE workspace_id = :workspace_id AND json_type(custom_fields, :path) IS NOT NULL"""
"""Selects the integer ids of the subscribers who have a value of the field; `:path` is its `json_path`."""
_BUILT_IN_LABELS = {"subscriber name", "subscriber email"}

_COLUMNS = "id, label, type, options, created_at, updated_at"
_options_decoder = msgspec.json.Decoder(list[str])


class CustomField(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    label: str
    type: FieldType
    options: list[str]
    created_at: int
    updated_at: int

    @property
    def personalization_token(self) -> str:
        """Made of the letters and digits of the label, in any script, or of the id when the label has none."""
        name = re.sub(r"\W+", "_", self.label).strip("_")
        return f'[{name or ids.encode(ids.CUSTOM_FIELD, self.id)}, fallback=""]'


def _from_row(row: Row) -> CustomField:
    columns: dict[str, Any] = by_name(row)
    columns["options"] = _options_decoder.decode(row["options"])
    return CustomField(**columns)


async def create_custom_field(
    connection: Connection, workspace_id: int, *, label: str, field_type: FieldType, options: list[str], now: int
) -> CustomField:
    """
    Raises:
        InvalidRequest: label or options break a rule, or another field, or a built-in one, has the label, in any
            case: labels are the column names of exports.
    """
    label = clean_label(label)
    options = clean_options(field_type, options)
    await check_label_is_free(connection, workspace_id, label, None)
    row = await connection.execute_insert(
        """INSERT INTO custom_fields (workspace_id, label, label_key, type, options, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (workspace_id, label, fold(label), field_type, msgspec.json.encode(options).decode(), now, now),
    )
    assert row is not None
    return CustomField(id=row[0], label=label, type=field_type, options=options, created_at=now, updated_at=now)


async def select_custom_fields(
    connection: Reader, workspace_id: int, *, search: str | None, before_id: int | None, limit: int
) -> list[CustomField]:
    """Newest first, with integer ids below `before_id`. `search`: part of the label or type, any case."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM custom_fields WHERE workspace_id = :workspace_id AND id < :before_id
            AND (:search IS NULL OR instr(label_key, :search) OR instr(lower(type), :search))
        ORDER BY id DESC LIMIT :limit""",
        list_page.parameters(workspace_id, search, before_id, limit),
    )
    return [_from_row(row) for row in rows]


async def select_custom_field(connection: Reader, workspace_id: int, field_id: int) -> CustomField | None:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM custom_fields WHERE workspace_id = ? AND id = ?", (workspace_id, field_id)
    )
    return next(map(_from_row, rows), None)


async def update_custom_field(connection: Connection, workspace_id: int, field: CustomField) -> None:
    await connection.execute(
        """UPDATE custom_fields SET label = ?, label_key = ?, type = ?, options = ?, updated_at = ?
        WHERE workspace_id = ? AND id = ?""",
        (
            field.label,
            fold(field.label),
            field.type,
            msgspec.json.encode(field.options).decode(),
            field.updated_at,
            workspace_id,
            field.id,
        ),
    )


async def select_any_with_value(connection: Connection, workspace_id: int, field_id: int) -> bool:
    """Whether a subscriber has a value of the field."""
    rows = await connection.execute_fetchall(
        f"SELECT EXISTS ({HAVING_VALUE})", {"workspace_id": workspace_id, "path": json_path(field_id)}
    )
    return bool(next(iter(rows))[0])


async def delete_custom_field(connection: Connection, workspace_id: int, field_id: int, now: int) -> None:
    """Deletes the field and its values."""
    await connection.execute(
        """UPDATE subscribers SET custom_fields = json_remove(custom_fields, :path), updated_at = :now
        WHERE workspace_id = :workspace_id AND json_type(custom_fields, :path) IS NOT NULL""",
        {"workspace_id": workspace_id, "path": json_path(field_id), "now": now},
    )
    await connection.execute(
        "DELETE FROM custom_fields WHERE workspace_id = ? AND id = ?", (workspace_id, field_id)
    )


def json_path(field_id: int) -> str:
    """The path of the field's value in `subscribers.custom_fields`."""
    return f'$."{field_id}"'


async def select_all_custom_fields(connection: Connection, workspace_id: int) -> list[CustomField]:
    """Oldest first, like the columns of an export."""
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM custom_fields WHERE workspace_id = ? ORDER BY id",
        (workspace_id,),
    )
    return [_from_row(row) for row in rows]


async def check_label_is_free(connection: Connection, workspace_id: int, label: str, own_id: int | None) -> None:
    """
    Raises:
        InvalidRequest: a new field cannot have this label: another one or a built-in one has it, ignoring case.
        Conflict: the same of the field `own_id`.
    """
    if fold(label) in _BUILT_IN_LABELS:
        raise label_taken(label, new=own_id is None, built_in=True)
    rows = await connection.execute_fetchall(
        "SELECT id FROM custom_fields WHERE workspace_id = ? AND label_key = ? AND id IS NOT ?",
        (workspace_id, fold(label), own_id),
    )
    if list(rows):
        raise label_taken(label, new=own_id is None)


def label_taken(label: str, *, new: bool, built_in: bool = False) -> errors.InvalidRequest | errors.Conflict:
    """The contract answers a new field with 400, and a change with 409."""
    kind = errors.InvalidRequest if new else errors.Conflict
    what = f"{label} is a built-in field" if built_in else "A custom field with this label exists already"
    return kind(
        f"{what}; choose another label.",
        code="custom_field_label_conflict",
        field="label",
        reason="built_in_label" if built_in else "label_taken",
    )


def clean_label(label: str) -> str:
    """The label in the normal form NFC, with single spaces.

    Raises:
        InvalidRequest: the label breaks a rule.
    """
    trimmed = compose(" ".join(label.split()))
    check_label(trimmed, "label", MAX_LABEL)
    return trimmed


def clean_options(field_type: FieldType, options: list[str]) -> list[str]:
    """The trimmed options, in the normal form NFC.

    Raises:
        InvalidRequest: the type takes no options, or the options break a rule.
    """
    field = "settings.options"
    if field_type not in CHOICE_TYPES:
        if options:
            raise errors.InvalidRequest(f"{field_type} takes no options; leave {field} out.", field=field)
        return []
    if not 1 <= len(options) <= MAX_OPTIONS:
        raise errors.InvalidRequest(f"{field_type} takes 1 to {MAX_OPTIONS} options.", field=field)
    cleaned = [compose(option.strip()) for option in options]
    for index, option in enumerate(cleaned):
        check_label(option, f"{field}[{index}]", MAX_OPTION)
    if len(set(cleaned)) < len(cleaned):
        raise errors.InvalidRequest("Give each option once.", field=field)
    return cleaned
