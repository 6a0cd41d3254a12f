"""Commands that work on the data directory, also while the service runs: keys, backup, doctor."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mailrith_lite import clock, disk, settings
from mailrith_lite.errors import StartError

T = TypeVar("T")

_LEAST_FREE = 1 << 30  # bytes: below that, doctor warns
_EARLIEST = 1_767_225_600_000  # 2026-01-01: a clock before this is wrong

data_dir_option = click.option("--data-dir", metavar="DIRECTORY", help="the service's data directory  [data]")


def with_database(data_dir: str | None, work: Callable[[Any], Awaitable[T]]) -> T:
    """Runs `work` with a writing connection in one transaction."""

    async def run() -> T:
        async with _open(data_dir) as database, database.write(durable=True) as connection:
            return await work(connection)

    return asyncio.run(run())


def _directory(data_dir: str | None) -> Path:
    return settings.load(os.environ, data_dir=data_dir).data_dir


@contextlib.asynccontextmanager
async def _open(data_dir: str | None) -> AsyncIterator[Any]:
    from mailrith_lite.app import DATABASE_FILE
    from mailrith_lite.database import Database

    directory = _directory(data_dir)
    try:
        disk.private_directory(directory)
    except OSError as error:
        raise StartError(f"cannot use the data directory {directory}: {error.strerror}") from error
    if not (directory / DATABASE_FILE).exists():
        click.echo(f"made a new database in {directory}; name another data directory with --data-dir", err=True)
    async with Database.open(directory / DATABASE_FILE) as database:
        yield database


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke API keys.

    \b
    Example:
      mailrith-lite keys create --name "Nightly export" --scope subscribers:export --expires-in 90d
    """


@keys.command("create")
@click.option("--name", required=True, help="what the key is for")
@click.option("--workspace", metavar="NAME_OR_ID", help="needed when there are several")
@click.option("--scope", "held", multiple=True, help="may be given several times  [all scopes]")
@click.option("--expires-in", metavar="DURATION", help="such as 90d  [never]")
@data_dir_option
def create_key(
    name: str, workspace: str | None, held: tuple[str, ...], expires_in: str | None, data_dir: str | None
) -> None:
    """Make a key and print it, alone, on stdout. It is shown this once.

    \b
    Example:
      mailrith-lite keys create --name Import --scope subscribers:import --scope live_actions:write
    """
    from mailrith_lite.access import keys as rules
    from mailrith_lite.access import scopes

    if unknown := [scope for scope in held if scope not in scopes.ALL]:
        raise click.UsageError(f"unknown scope {unknown[0]}; scopes are {', '.join(scopes.ALL)}")
    lifetime = _duration(expires_in)
    key = rules.new_key()

    async def work(connection: Any) -> None:
        now = clock.now()
        owner = await _workspace(connection, workspace)
        await rules.create(
            connection,
            workspace_id=owner.id,
            name=clean_name(name),
            key=key,
            held=held or scopes.ALL,
            expires_at=None if lifetime is None else now + lifetime * clock.SECOND,
            now=now,
        )

    with_database(data_dir, work)
    click.echo(key)


@keys.command("list")
@click.option("--workspace", metavar="NAME_OR_ID", help="of this workspace only")
@data_dir_option
def list_keys(workspace: str | None, data_dir: str | None) -> None:
    """Show every key: never the key itself, only how it begins and ends.

    \b
    Example:
      mailrith-lite keys list --workspace Default
    """
    from mailrith_lite.access import key_table, scopes
    from mailrith_lite.cli.printing import print_table

    existing(data_dir)

    async def work(connection: Any) -> list[key_table.ApiKey]:
        owner = await _workspace(connection, workspace) if workspace is not None else None
        return await key_table.select_keys(connection, owner.id if owner else None)

    now = clock.now()
    print_table(
        ("id", "name", "workspace", "key", "status", "scopes", "expires", "last used"),
        [
            (
                key.public_id,
                key.name,
                key.workspace_name,
                key.preview,
                key.status(now),
                "all" if len(key.scopes) == len(scopes.ALL) else " ".join(key.scopes),
                clock.optional_rfc3339(key.expires_at) or "never",
                clock.optional_rfc3339(key.last_used_at) or "never",
            )
            for key in with_database(data_dir, work)
        ],
    )


@keys.command("rotate")
@click.argument("key_id", metavar="ID")
@data_dir_option
def rotate_key(key_id: str, data_dir: str | None) -> None:
    """Replace a key by a new one of the same name and scopes. The old one stops working at once.

    \b
    Example:
      mailrith-lite keys rotate api_key_9wdvsq5zmmz0n
    """
    from mailrith_lite.access import keys as rules

    existing(data_dir)
    key = rules.new_key()

    async def work(connection: Any) -> None:
        old = await rules.find(connection, key_id)
        now = clock.now()
        if old.status(now) != "active":
            raise StartError(f"the key {key_id} is {old.status(now)}; create a new one instead")
        await rules.rotate(connection, old, key, now)

    with_database(data_dir, work)
    click.echo(key)


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
@data_dir_option
def revoke_key(key_id: str, data_dir: str | None) -> None:
    """Make a key stop working at once.

    \b
    Example:
      mailrith-lite keys revoke api_key_9wdvsq5zmmz0n
    """
    from mailrith_lite.access import key_table
    from mailrith_lite.access import keys as rules

    existing(data_dir)

    async def work(connection: Any) -> str:
        key = await rules.find(connection, key_id)
        if key.revoked_at is None:
            await key_table.update_key_revoked(connection, key.id, clock.now())
        return key.name

    click.echo(f"revoked {key_id} ({with_database(data_dir, work)})")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@data_dir_option
def backup(file: Path, data_dir: str | None) -> None:
    """Write a consistent copy of the database, also while the service runs.

    \b
    Example:
      mailrith-lite backup /backups/mailrith-2026-04-11.db
    """
    existing(data_dir)
    if file.exists():
        raise StartError(f"{file} exists already; give a new name")

    async def run() -> None:
        async with _open(data_dir) as database:
            await database.copy_to(file)

    try:
        disk.create_private(file).close()
        asyncio.run(run())
    except OSError as error:
        raise StartError(f"cannot write {file}: {error.strerror}") from error
    except BaseException:
        file.unlink()
        raise
    click.echo(f"wrote {file} ({file.stat().st_size:,} bytes)")


@click.command()
@data_dir_option
def doctor(data_dir: str | None) -> None:
    """Check data directory, database, disk space and clock; exit 1 when something is wrong.

    \b
    Example:
      mailrith-lite doctor --data-dir data
    """
    from mailrith_lite.audience.blocks import select_miscounts

    directory = existing(data_dir)

    async def inspect() -> list[str]:
        async with _open(data_dir) as database:
            found: list[str] = await database.check()
            async with database.read() as connection:
                return found or await select_miscounts(connection)

    modes = [path for path in (directory, *directory.iterdir()) if _too_open(directory, path)]
    free = shutil.disk_usage(directory).free
    problems = {
        "data directory": f"others may read {modes[0]}; chmod go-rwx {modes[0]}" if modes else None,
        "database": "; ".join(asyncio.run(inspect())) or None,
        "disk space": f"only {free / (1 << 20):,.0f} MiB are free" if free < _LEAST_FREE else None,
        "clock": "it is before 2026; links and keys would expire wrongly" if clock.now() < _EARLIEST else None,
    }
    for subject, problem in problems.items():
        click.echo(f"{'bad ' if problem else 'good'}  {subject}{': ' + problem if problem else ''}")
    if any(problems.values()):
        raise StartError("something is wrong; see above")


def existing(data_dir: str | None) -> Path:
    """The data directory of a service that has been started before."""
    from mailrith_lite.app import DATABASE_FILE

    directory = _directory(data_dir)
    if not (directory / DATABASE_FILE).is_file():
        raise StartError(f"there is no database in {directory}; name the data directory with --data-dir")
    return directory


def _too_open(directory: Path, path: Path) -> bool:
    """The sample files that come with the source are for everybody."""
    ours = path == directory or path.is_dir() or path.name.startswith(("mailrith.db", "secret", "lock"))
    return ours and bool(path.stat().st_mode & 0o077)


async def _workspace(connection: Any, name_or_id: str | None) -> Any:
    from mailrith_lite.access import workspaces as table

    if name_or_id is not None:
        found = await table.select_workspace(connection, name_or_id)
        if found is None:
            raise StartError(f"there is no workspace {name_or_id}; `mailrith-lite workspaces list` shows them")
        return found
    known = await table.select_workspaces(connection)
    if not known:
        return await table.insert_workspace(connection, "Default", clock.now())
    if len(known) > 1:
        names = ", ".join(one.name for one in known)
        raise StartError(f"there are several workspaces ({names}); name one with --workspace")
    return known[0]


def clean_name(text: str) -> str:
    trimmed = " ".join(text.split())
    if not 1 <= len(trimmed) <= 100:
        raise StartError("a name takes 1 to 100 characters")
    return trimmed


def _duration(text: str | None) -> int | None:
    try:
        return None if text is None else settings.duration(text)
    except ValueError as error:
        raise click.UsageError(f"--expires-in takes {error}") from error


COMMANDS = (keys, backup, doctor)
