"""Commands for workspaces. They work on the data directory, also while the service runs."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from mailrith_lite import clock
from mailrith_lite.cli.local_database import data_dir_option, existing_directory, write
from mailrith_lite.errors import StartError

if TYPE_CHECKING:
    from mailrith_lite.access.workspaces import Workspace
    from mailrith_lite.database import Connection

_MAX_TEXT = 500


@click.group()
def workspaces() -> None:
    """Create, list and update workspaces. A workspace has no access to another one.

    \b
    Example:
      mailrith-lite workspaces create "Second shop"
    """


@workspaces.command("create")
@click.argument("name")
@data_dir_option
def create_workspace(name: str, data_dir: str | None) -> None:
    """Create a workspace and print its id.

    \b
    Example:
      mailrith-lite workspaces create "Second shop"
    """
    from mailrith_lite.access import audit
    from mailrith_lite.access import workspaces as table
    from mailrith_lite.cli.printing import print_value

    async def create(connection: "Connection") -> "Workspace":
        if await table.select_workspace(connection, checked_name(name)) is not None:
            raise StartError(f"there is a workspace {name} already")
        workspace = await table.insert_workspace(connection, checked_name(name), clock.now())
        await audit.record(connection, audit.command_line(workspace.id), "workspace.created", workspace.public_id)
        return workspace

    workspace = write(data_dir, create)
    print_value(workspace.public_id, _document(workspace))


@workspaces.command("list")
@data_dir_option
def list_workspaces(data_dir: str | None) -> None:
    """List all workspaces.

    \b
    Example:
      mailrith-lite workspaces list
    """
    from mailrith_lite.access import workspaces as table
    from mailrith_lite.cli.printing import print_items

    existing_directory(data_dir)
    print_items(
        ("id", "name", "created"),
        map(_document, write(data_dir, table.select_workspaces)),
        lambda workspace: (workspace["id"], workspace["name"], workspace["created_at"]),
    )


@workspaces.command("update")
@click.argument("workspace", metavar="NAME_OR_ID")
@click.option("--name", help="a new name")
@click.option("--time-zone", metavar="ZONE", help="IANA name, such as Europe/Berlin: the days of subscribed_on")
@click.option("--logo", metavar="URL")
@click.option("--address")
@click.option("--city")
@click.option("--state")
@click.option("--postal-code")
@click.option("--country", help="for the address")
@data_dir_option
def update_workspace(workspace: str, data_dir: str | None, **texts: str | None) -> None:
    """Change the name, address, logo or time zone. An empty text removes a value.

    \b
    Example:
      mailrith-lite workspaces update Default --time-zone Europe/Berlin --city Berlin
    """
    from mailrith_lite.access import audit
    from mailrith_lite.access import workspaces as table
    from mailrith_lite.cli.printing import print_result

    existing_directory(data_dir)
    changes = {field: text.strip() or None for field, text in texts.items() if text is not None}
    if not changes:
        raise click.UsageError("give at least one option; --help lists them")
    if "name" in changes:
        changes["name"] = checked_name(changes["name"] or "")
    _check(changes)

    async def update(connection: "Connection") -> "Workspace":
        target = await find_workspace(connection, workspace)
        other = await table.select_workspace(connection, changes.get("name") or "")
        if other is not None and other.id != target.id:
            raise StartError(f"there is a workspace {other.name} already")
        await table.update_workspace(connection, target.id, changes, clock.now())
        details = {"changed": sorted(changes)}
        await audit.record(
            connection, audit.command_line(target.id), "workspace.updated", target.public_id, details=details
        )
        return await table.select_own(connection, target.id)

    updated = write(data_dir, update)
    print_result(f"updated {updated.public_id}", _document(updated))


async def find_workspace(connection: "Connection", name_or_id: str) -> "Workspace":
    """
    Raises:
        StartError: there is no such workspace.
    """
    from mailrith_lite.access import workspaces as table

    workspace = await table.select_workspace(connection, name_or_id)
    if workspace is None:
        raise StartError(f"there is no workspace {name_or_id}; `mailrith-lite workspaces list` shows them")
    return workspace


async def only_workspace(connection: "Connection") -> "Workspace":
    """The one workspace of the service; a new database gets the workspace Default.

    Raises:
        StartError: there are several.
    """
    from mailrith_lite.access import workspaces as table

    existing = await table.select_workspaces(connection)
    if not existing:
        return await table.insert_workspace(connection, "Default", clock.now())
    if len(existing) > 1:
        names = ", ".join(workspace.name for workspace in existing)
        raise StartError(f"there are several workspaces ({names}); name one with --workspace")
    return existing[0]


def _document(workspace: "Workspace") -> dict[str, Any]:
    times = {"created_at": clock.rfc3339(workspace.created_at), "updated_at": clock.rfc3339(workspace.updated_at)}
    return msgspec.structs.asdict(workspace) | {"id": workspace.public_id} | times


def checked_name(text: str) -> str:
    """The name of a key or a workspace, with single spaces between its words.

    Raises:
        StartError: it is empty or too long.
    """
    name = " ".join(text.split())
    if not 1 <= len(name) <= 100:
        raise StartError("a name takes 1 to 100 characters")
    return name


def _check(changes: dict[str, str | None]) -> None:
    """
    Raises:
        StartError: naming the option whose text is refused.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    for field, text in changes.items():
        if text is not None and (len(text) > _MAX_TEXT or not text.isprintable()):
            raise StartError(f"--{field.replace('_', '-')} takes at most {_MAX_TEXT} printable characters")
    zone = changes.get("time_zone")
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise StartError(f"{zone} is not a time zone; give an IANA name such as Europe/Berlin") from None


COMMANDS = (workspaces,)
