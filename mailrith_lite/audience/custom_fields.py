"""The table `custom_fields`."""

import re
from typing import Any

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience.values import CHOICE_TYPES, FieldType, has_control
from mailrith_lite.database import MAX_ID, Connection, Row

MAX_LABEL = 100
MAX_OPTIONS = 500
MAX_OPTION = 200

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
        """From the letters and digits of the label, in any script; from the id where it has none."""
        name = re.sub(r"\W+", "_", self.label).strip("_")
        return f'[{name or ids.encode(ids.CUSTOM_FIELD, self.id)}, fallback=""]'


def _from_row(row: Row) -> CustomField:
    values: dict[str, Any] = dict(row)
    values["options"] = _options_decoder.decode(row["options"])
    return CustomField(**values)


async def create_custom_field(
    connection: Connection, workspace_id: int, *, label: str, field_type: FieldType, options: list[str], now: int
) -> CustomField:
    """
    Raises:
        InvalidBody: label or options break a rule, or the label is taken (in any case): it names a column in
            every export.
    """
    label = clean_label(label)
    options = clean_options(field_type, options)
    await check_free(connection, workspace_id, label, None)
    row = await connection.execute_insert(
        """INSERT INTO custom_fields (workspace_id, label, label_key, type, options, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (workspace_id, label, label.casefold(), field_type, msgspec.json.encode(options).decode(), now, now),
    )
    assert row is not None
    return CustomField(id=row[0], label=label, type=field_type, options=options, created_at=now, updated_at=now)


async def select_custom_fields(
    connection: Connection, workspace_id: int, *, search: str | None, before_id: int | None, limit: int
) -> list[CustomField]:
    """Newest first, those with an integer id below `before_id`. `search`: in the label or type, any case."""
    rows = await connection.execute_fetchall(
        f"""SELECT {_COLUMNS} FROM custom_fields WHERE workspace_id = :workspace_id AND id < :before_id
            AND (:search IS NULL OR instr(label_key, :search) OR instr(lower(type), :search))
        ORDER BY id DESC LIMIT :limit""",
        {
            "workspace_id": workspace_id,
            "before_id": before_id or MAX_ID,
            "search": search and search.strip().casefold(),
            "limit": limit,
        },
    )
    return [_from_row(row) for row in rows]


async def select_custom_field(connection: Connection, workspace_id: int, field_id: int) -> CustomField | None:
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
            field.label.casefold(),
            field.type,
            msgspec.json.encode(field.options).decode(),
            field.updated_at,
            workspace_id,
            field.id,
        ),
    )


async def delete_custom_field(connection: Connection, workspace_id: int, field_id: int, now: int) -> None:
    """With the values that subscribers have for it."""
    await connection.execute(
        """UPDATE subscribers SET custom_fields = json_remove(custom_fields, :path), updated_at = :now
        WHERE workspace_id = :workspace_id AND json_type(custom_fields, :path) IS NOT NULL""",
        {"workspace_id": workspace_id, "path": json_path(field_id), "now": now},
    )
    await connection.execute(
        "DELETE FROM custom_fields WHERE workspace_id = ? AND id = ?", (workspace_id, field_id)
    )


def json_path(field_id: int) -> str:
    """Where the field's value stands in `subscribers.custom_fields`."""
    return f'$."{field_id}"'


async def select_all_custom_fields(connection: Connection, workspace_id: int) -> list[CustomField]:
    """Oldest first: the order of an export's columns."""
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM custom_fields WHERE workspace_id = ? ORDER BY id",
        (workspace_id,),
    )
    return [_from_row(row) for row in rows]


async def check_free(connection: Connection, workspace_id: int, label: str, own_id: int | None) -> None:
    """
    Raises:
        InvalidBody: another field has this label, in any case.
    """
    rows = await connection.execute_fetchall(
        "SELECT id FROM custom_fields WHERE workspace_id = ? AND label_key = ? AND id IS NOT ?",
        (workspace_id, label.casefold(), own_id),
    )
    if list(rows):
        raise errors.InvalidBody(
            "A custom field with this label exists already; choose another label.",
            field="label",
            reason="label_taken",
        )


def clean_label(label: str) -> str:
    trimmed = " ".join(label.split())
    if not 1 <= len(trimmed) <= MAX_LABEL or has_control(trimmed):
        raise errors.InvalidBody(
            f"label takes 1 to {MAX_LABEL} characters, none a control character.", field="label"
        )
    return trimmed


def clean_options(field_type: FieldType, options: list[str]) -> list[str]:
    field = "settings.options"
    if field_type not in CHOICE_TYPES:
        if options:
            raise errors.InvalidBody(f"{field_type} takes no options; leave {field} out.", field=field)
        return []
    if not 1 <= len(options) <= MAX_OPTIONS:
        raise errors.InvalidBody(f"{field_type} takes 1 to {MAX_OPTIONS} options.", field=field)
    cleaned = [option.strip() for option in options]
    for index, option in enumerate(cleaned):
        if not 1 <= len(option) <= MAX_OPTION or has_control(option):
            raise errors.InvalidBody(
                f"An option takes 1 to {MAX_OPTION} characters, none a control character.",
                field=f"{field}[{index}]",
            )
    if len(set(cleaned)) < len(cleaned):
        raise errors.InvalidBody("Each option stands once in the list.", field=field)
    return cleaned
