"""The command `audit`. It works on the data directory, also while the service runs."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from mailrith_lite import clock, ids, setting_values
from mailrith_lite.cli.local_database import data_dir_option, existing_directory, read_pages
from mailrith_lite.cli.workspaces import find_workspace

if TYPE_CHECKING:
    from mailrith_lite.access.audit import Entry
    from mailrith_lite.database import Connection

_PAGE = 500
_COLUMNS = ("time", "action", "object", "who", "address", "workspace", "request id", "details")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in JSON. `workspace`, `key`, `object`: public ids."""

    time: str
    action: str
    object: str | None
    via: str
    key: str | None
    key_name: str | None
    address: str | None
    workspace: str | None
    workspace_name: str | None
    request_id: str | None
    details: dict[str, Any]


@click.command("audit")
@click.option("--since", metavar="DURATION", default="7d", help="how far back, such as 24h or 365d  [7d]")
@click.option(
    "--action",
    "actions",
    metavar="ACTION",
    multiple=True,
    help="only this, such as key.created, or key for everything about keys; may be repeated",
)
@click.option("--workspace", metavar="NAME_OR_ID", help="only entries of this workspace")
@data_dir_option
def show_audit(since: str, actions: tuple[str, ...], workspace: str | None, data_dir: str | None) -> None:
    """Show who changed, exported or deleted what, and when.

    The newest entry is first. It also lists keys, sign-ins, refused keys, and starts of the service with the
    settings that differ from their defaults.

    \b
    Examples:
      mailrith-lite audit
      mailrith-lite audit --since 90d --action export --action key.created
    """
    from mailrith_lite.access import audit
    from mailrith_lite.cli.printing import print_items

    existing_directory(data_dir)
    _check(actions)
    since_at = clock.now() - _duration(since) * clock.SECOND

    async def select(connection: "Connection", last: "Entry | None") -> "list[Entry]":
        owner = None if workspace is None else await find_workspace(connection, workspace)
        return await audit.select_entries(
            connection,
            None if owner is None else owner.id,
            before_id=None if last is None else last.id,
            since=since_at,
            actions=actions,
            limit=_PAGE,
        )

    print_items(_COLUMNS, map(_line, read_pages(data_dir, select)), _row)


def _check(actions: tuple[str, ...]) -> None:
    from mailrith_lite.access.audit import ACTIONS

    known = {*ACTIONS, *(action.partition(".")[0] for action in ACTIONS)}
    for action in actions:
        if action not in known:
            raise click.UsageError(f"there is no action {action}; actions are {', '.join(ACTIONS)}")


def _duration(text: str) -> int:
    try:
        return setting_values.duration(text)
    except ValueError as error:
        raise click.UsageError(f"--since takes {error}") from error


def _line(entry: "Entry") -> Line:
    return Line(
        time=clock.rfc3339(entry.occurred_at),
        action=entry.action,
        object=entry.object_id,
        via=entry.via,
        key=None if entry.key_id is None else ids.encode(ids.API_KEY, entry.key_id),
        key_name=entry.key_name,
        address=entry.address,
        workspace=None if entry.workspace_id is None else ids.encode(ids.WORKSPACE, entry.workspace_id),
        workspace_name=entry.workspace_name,
        request_id=entry.request_id,
        details=entry.details,
    )


def _row(line: Line) -> tuple[str, ...]:
    """The key and the interface are in one cell. An entry of the command line has no key."""
    details = ", ".join(f"{name}: {_text(value)}" for name, value in line.details.items())
    return (
        line.time,
        line.action,
        line.object or "",
        f"{line.key_name or line.key} ({line.via})" if line.key else line.via,
        line.address or "",
        line.workspace_name or line.workspace or "",
        line.request_id or "",
        details,
    )


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


COMMANDS = (show_audit,)
