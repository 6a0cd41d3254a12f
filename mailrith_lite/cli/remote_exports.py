"""The body of an export, from the names that a person uses."""

from typing import Any

from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.remote_bulk_changes import People
from mailrith_lite.cli.remote_catalog import FIELD, find
from mailrith_lite.exports.file_columns import FIXED
from mailrith_lite.unicode_forms import fold

_KEYS = {fold(name): key for key, name in FIXED.items()} | {key: key for key in FIXED}


async def body_of(
    client: ApiClient, people: People, *, fields: dict[str, str], columns: tuple[str, ...]
) -> dict[str, Any]:
    """`fields`: label or id of a custom field -> the value that it has. `columns`: of the file; empty: all.

    Raises:
        Unreachable, Refused
        StartError: there is no such tag, sequence, segment or custom field.
    """
    body: dict[str, Any] = (await people.members(client))["filter"]
    body["query"] = body.pop("search", None)
    if fields:
        body["custom_fields"] = [
            {"custom_field_id": (await find(client, FIELD, name)).id, "operator": "is", "value": value}
            for name, value in fields.items()
        ]
    if columns:
        body["columns"] = [_KEYS.get(fold(name)) or (await find(client, FIELD, name)).id for name in columns]
    return body
