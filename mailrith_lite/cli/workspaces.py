"""Commands for workspaces. They work on the data directory, also while the service runs."""

from typing import Any

import click

from mailrith_lite import clock
from mailrith_lite.cli.operator import clean_name, data_dir_option, existing, with_database
from mailrith_lite.errors import StartError

_MAX_TEXT = 500


@click.group()
def workspaces() -> None:
    """Create, list and update workspaces. Nothing of one is visible to another.

    \b
    Example:
      mailrith-lite workspaces create "Second shop"
    """


@workspaces.command("create")
@click.argument("name")
@data_dir_option
def create_workspace(name: str, data_dir: str | None) -> None:
    """Make a workspace and print its id.

    \b
    Example:
      mailrith-lite workspaces create "Second shop"
    """
    from mailrith_lite.access import workspaces as table

    async def work(connection: Any) -> str:
        if await table.select_workspace(connection, clean_name(name)) is not None:
            raise StartError(f"there is a workspace {name} already")
        return (await table.insert_workspace(connection, clean_name(name), clock.now())).public_id

    click.echo(with_database(data_dir, work))


@workspaces.command("list")
@data_dir_option
def list_workspaces(data_dir: str | None) -> None:
    """Show every workspace.

    \b
    Example:
      mailrith-lite workspaces list
    """
    from mailrith_lite.access import workspaces as table
    from mailrith_lite.cli.printing import print_table

    existing(data_dir)
    found = with_database(data_dir, table.select_workspaces)
    print_table(
        ("id", "name", "created"), [(one.public_id, one.name, clock.rfc3339(one.created_at)) for one in found]
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
def update_workspace(workspace: str, data_dir: str | None, **particulars: str | None) -> None:
    """Change what a workspace says of itself; an empty text takes a particular away.

    \b
    Example:
      mailrith-lite workspaces update Default --time-zone Europe/Berlin --city Berlin
    """
    from mailrith_lite.access import workspaces as table

    existing(data_dir)
    given = {field: text.strip() or None for field, text in particulars.items() if text is not None}
    if not given:
        raise click.UsageError("give at least one option; --help lists them")
    if "name" in given:
        given["name"] = clean_name(given["name"] or "")
    _check(given)

    async def work(connection: Any) -> str:
        found = await table.select_workspace(connection, workspace)
        if found is None:
            raise StartError(f"there is no workspace {workspace}; `mailrith-lite workspaces list` shows them")
        other = await table.select_workspace(connection, given.get("name") or "")
        if other is not None and other.id != found.id:
            raise StartError(f"there is a workspace {other.name} already")
        await table.update_workspace(connection, found.id, given, clock.now())
        return found.public_id

    click.echo(f"updated {with_database(data_dir, work)}")


def _check(given: dict[str, str | None]) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    for field, text in given.items():
        if text is not None and (len(text) > _MAX_TEXT or not text.isprintable()):
            raise StartError(f"--{field.replace('_', '-')} takes at most {_MAX_TEXT} printable characters")
    zone = given.get("time_zone")
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise StartError(f"{zone} is not a time zone; give an IANA name such as Europe/Berlin") from None


COMMANDS = (workspaces,)
