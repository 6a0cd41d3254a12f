"""Commands for API keys. They work on the data directory, also while the service runs."""

from typing import TYPE_CHECKING, Any

import click

from mailrith_lite import clock, setting_values
from mailrith_lite.cli.client_command import confirm, yes_option
from mailrith_lite.cli.local_database import data_dir_option, existing_directory, read, write
from mailrith_lite.cli.workspaces import checked_name, find_workspace, only_workspace
from mailrith_lite.errors import StartError

if TYPE_CHECKING:
    from mailrith_lite.access.key_changes import NewKey
    from mailrith_lite.access.key_table import ApiKey
    from mailrith_lite.database import Connection


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke API keys.

    \b
    Example:
      mailrith-lite keys create --name "Nightly export" --scope subscribers:export --expires-in 90d
    """


class _Create(click.Command):
    """Its help ends with all scopes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from mailrith_lite.access import scopes

        with formatter.section("Scopes"):
            formatter.write_text(", ".join(scopes.ALL))


@keys.command("create", cls=_Create)
@click.option("--name", required=True, help="what the key is for")
@click.option("--workspace", metavar="NAME_OR_ID", help="required when there are several")
@click.option(
    "--scope",
    "chosen_scopes",
    multiple=True,
    metavar="SCOPE",
    help="of those below; may be repeated  [all]",
)
@click.option("--expires-in", metavar="DURATION", help="such as 90d  [never]")
@data_dir_option
def create_key(
    name: str, workspace: str | None, chosen_scopes: tuple[str, ...], expires_in: str | None, data_dir: str | None
) -> None:
    """Create a key and print it, alone, on stdout. It is shown only once.

    \b
    Example:
      mailrith-lite keys create --name Import --scope subscribers:import --scope live_actions:write
    """
    from mailrith_lite.access import audit, key_changes, scopes

    if unknown := [scope for scope in chosen_scopes if scope not in scopes.ALL]:
        raise click.UsageError(f"unknown scope {unknown[0]}; scopes are {', '.join(scopes.ALL)}")
    lifetime = _duration(expires_in)

    async def create(connection: "Connection") -> "NewKey":
        now = clock.now()
        if workspace is None:
            owner = await only_workspace(connection)
        else:
            owner = await find_workspace(connection, workspace)
        return await key_changes.create(
            connection,
            audit.command_line(owner.id),
            workspace_id=owner.id,
            name=checked_name(name),
            scopes=chosen_scopes or scopes.ALL,
            expires_at=None if lifetime is None else now + lifetime * clock.SECOND,
            now=now,
        )

    _print(write(data_dir, create))


@keys.command("list")
@click.option("--workspace", metavar="NAME_OR_ID", help="only keys of this workspace")
@data_dir_option
def list_keys(workspace: str | None, data_dir: str | None) -> None:
    """List all keys with their first and last characters.

    \b
    Example:
      mailrith-lite keys list --workspace Default
    """
    from mailrith_lite.access import key_table, scopes
    from mailrith_lite.cli.printing import print_items

    existing_directory(data_dir)

    async def select(connection: "Connection") -> "list[ApiKey]":
        owner = await find_workspace(connection, workspace) if workspace is not None else None
        return await key_table.select_keys(connection, owner.id if owner else None)

    print_items(
        ("id", "name", "workspace", "key", "status", "scopes", "expires", "last used"),
        map(_document, write(data_dir, select)),
        lambda key: (
            key["id"],
            key["name"],
            key["workspace"],
            key["preview"],
            key["status"],
            "all" if len(key["scopes"]) == len(scopes.ALL) else " ".join(key["scopes"]),
            key["expires_at"] or "never",
            key["last_used_at"] or "never",
        ),
    )


@keys.command("rotate")
@click.argument("key_id", metavar="ID")
@data_dir_option
def rotate_key(key_id: str, data_dir: str | None) -> None:
    """Replace a key with a new one of the same name and scopes. The old key stops working at once.

    \b
    Example:
      mailrith-lite keys rotate api_key_9wdvsq5zmmz0n
    """
    from mailrith_lite.access import audit, key_changes
    from mailrith_lite.access import keys as access_keys

    existing_directory(data_dir)

    async def rotate(connection: "Connection") -> "NewKey":
        old = await access_keys.find(connection, key_id)
        now = clock.now()
        if old.status(now) != "active":
            raise StartError(f"the key {key_id} is {old.status(now)}; create a new one instead")
        return await key_changes.rotate(connection, audit.command_line(old.workspace_id), old, now)

    _print(write(data_dir, rotate))


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
@yes_option
@data_dir_option
def revoke_key(key_id: str, yes: bool, data_dir: str | None) -> None:
    """Revoke a key. It stops working at once.

    \b
    Example:
      mailrith-lite keys revoke api_key_9wdvsq5zmmz0n --yes
    """
    from mailrith_lite.access import audit, key_changes
    from mailrith_lite.access import keys as access_keys
    from mailrith_lite.cli.printing import print_result

    existing_directory(data_dir)
    name = read(data_dir, lambda connection: access_keys.find(connection, key_id)).name
    confirm(f"Revoke the key {name}? It stops working at once.", yes=yes)

    async def revoke(connection: "Connection") -> "ApiKey":
        key = await access_keys.find(connection, key_id)
        return await key_changes.revoke(connection, audit.command_line(key.workspace_id), key, clock.now())

    key = write(data_dir, revoke)
    print_result(f"revoked {key_id} ({key.name})", _document(key))


def _print(new: "NewKey") -> None:
    from mailrith_lite.cli.printing import print_value

    print_value(new.key, {"key": new.key, **_document(new.stored)})


def _document(key: "ApiKey") -> dict[str, Any]:
    return {
        "id": key.public_id,
        "name": key.name,
        "workspace": key.workspace_name,
        "preview": key.preview,
        "status": key.status(clock.now()),
        "scopes": key.scopes,
        "created_at": clock.rfc3339(key.created_at),
        "expires_at": clock.optional_rfc3339(key.expires_at),
        "last_used_at": clock.optional_rfc3339(key.last_used_at),
    }


def _duration(text: str | None) -> int | None:
    try:
        return None if text is None else setting_values.duration(text)
    except ValueError as error:
        raise click.UsageError(f"--expires-in takes {error}") from error


COMMANDS = (keys,)
