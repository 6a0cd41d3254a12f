"""Changes a custom field, with the events of the subscribers whose value changes with it."""

from collections.abc import Sequence

from mailrith_lite import clock
from mailrith_lite.audience import changes, custom_fields, field_conversion
from mailrith_lite.audience.alterations import field_member
from mailrith_lite.audience.changes import Details
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import CHOICE_TYPES, FieldType
from mailrith_lite.catalog import in_use, recording
from mailrith_lite.catalog.door import Door
from mailrith_lite.database import Connection
from mailrith_lite.webhooks.outbox import Members


async def change_custom_field(
    connection: Connection,
    door: Door,
    field: CustomField,
    *,
    label: str,
    field_type: FieldType,
    options: Sequence[str] | None,
) -> CustomField:
    """`options`: None keeps those of a select type. Returns the changed field.

    Raises:
        InvalidRequest: label or options break a rule.
        Conflict: another field has the label, a value would be lost, or a segment or an unfinished job names the
            field and its type changes or an option goes.
    """
    saved = field.options if field_type in CHOICE_TYPES else []
    target = await field_conversion.prepare(
        connection,
        door.workspace_id,
        field,
        label=label,
        field_type=field_type,
        options=saved if options is None else list(options),
    )
    if field_conversion.narrows(field, target):
        type_changes = target.type != field.type
        await in_use.check_custom_field(connection, door.workspace_id, field.id, type_changes=type_changes)
    now = clock.now()
    changed = await field_conversion.apply(connection, door.workspace_id, field, target, now)
    await record_members(connection, door, field, f"{custom_fields.HAVING_VALUE} AND updated_at = :now", now)
    return changed


async def record_members(connection: Connection, door: Door, field: CustomField, sql: str, now: int) -> None:
    """History and events of the subscribers whose value of the field changes. `sql` selects them."""
    parameters = {"workspace_id": door.workspace_id, "path": custom_fields.json_path(field.id), "now": now}
    members = Members(sql=sql, parameters=parameters, changed=field_member(field.id))
    details = Details(members=[changes.field_name(field.id)])
    await recording.record_members(connection, door, members, details, now)
