"""The definition of a new segment: from a file, or from options."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from mailrith_lite.cli.client_command import parse_status
from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.remote_catalog import TAG, find_ids
from mailrith_lite.errors import StartError

STDIN = Path("-")


def read_definition(file: Path) -> Any:
    """
    Raises:
        StartError: the file cannot be read, or is not JSON.
    """
    try:
        return msgspec.json.decode(sys.stdin.buffer.read() if file == STDIN else file.read_bytes())
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise StartError(f"{file} is not JSON: {error}") from error


async def simple_definition(
    client: ApiClient, *, statuses: tuple[str, ...], countries: tuple[str, ...], tag_names: tuple[str, ...]
) -> dict[str, Any]:
    """Subscribers with one of the statuses, one of the countries and one of the tags, as far as there are any.

    Raises:
        Unreachable, Refused
        UsageError: this is not a status.
        StartError: there is no such tag.
    """
    values = {
        "subscriber_status": [parse_status(status) for status in statuses],
        "country": list(countries),
        "tag": await find_ids(client, TAG, tag_names),
    }
    conditions = [
        {"id": f"condition_{number}", "field": field, "operator": "has_any_of", "value": chosen}
        for number, (field, chosen) in enumerate(values.items(), 1)
        if chosen
    ]
    return {"match": "all", "groups": [{"id": "group_1", "match": "all", "conditions": conditions}]}
