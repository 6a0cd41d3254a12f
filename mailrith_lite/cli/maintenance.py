"""Commands that maintain the data directory: migrate, compact, doctor."""

import asyncio
import os
import shutil
from pathlib import Path

import click

from mailrith_lite import clock
from mailrith_lite.cli.data_directory import data_dir_option, existing_directory, open_database
from mailrith_lite.errors import StartError

_LEAST_FREE = 1 << 30  # bytes: below that, doctor warns
_EARLIEST = 1_767_225_600_000  # 2026-01-01: a clock before this is wrong


@click.command()
@data_dir_option
def migrate(data_dir: str | None) -> None:
    """Bring the database to the version of this program. The service must not run.

    A copy goes to the folder backups of the data directory first, which keeps the last three.

    `serve` does the same when it starts.

    \b
    Example:
      mailrith-lite migrate --data-dir data
    """
    from mailrith_lite.app import data_directory, upgrade_database
    from mailrith_lite.cli.printing import print_result

    with data_directory(existing_directory(data_dir)) as directory:
        result = asyncio.run(upgrade_database(directory))
    if result.copy is None:
        text = f"the database is of version {result.after} already"
    else:
        text = f"migrated the database from version {result.before} to {result.after}; copy: {result.copy}"
    copy = None if result.copy is None else str(result.copy)
    print_result(text, {"before": result.before, "after": result.after, "copy": copy})


@click.command()
@data_dir_option
def compact(data_dir: str | None) -> None:
    """Give the space of deleted data back to the disk.

    It needs as much free space as the database file has bytes. It also works while the service runs: a request that
    writes waits, and after ten seconds gets an error that asks to try again.

    \b
    Example:
      mailrith-lite compact --data-dir data
    """
    from mailrith_lite.app import DATABASE_FILE
    from mailrith_lite.audience import search_index
    from mailrith_lite.cli.printing import print_result

    file = existing_directory(data_dir) / DATABASE_FILE
    before = file.stat().st_size

    async def run() -> None:
        async with open_database(data_dir) as database:
            async with database.write(housekeeping=True) as connection:
                await search_index.optimize(connection)
            await database.compact()

    asyncio.run(run())
    after = file.stat().st_size
    print_result(
        f"compacted {file} ({before:,} bytes before, {after:,} bytes now)",
        {"file": str(file), "bytes_before": before, "bytes_after": after},
    )


@click.command()
@data_dir_option
def doctor(data_dir: str | None) -> None:
    """Check data directory, database, disk space and clock.

    The exit code is 1 when something is wrong.

    \b
    Example:
      mailrith-lite doctor --data-dir data
    """
    from mailrith_lite.app import DATABASE_FILE

    directory = existing_directory(data_dir)
    problems = {
        "data directory": _permission_problem(directory),
        "database": _database_problem(directory / DATABASE_FILE),
        "disk space": _space_problem(directory),
        "clock": "it is before 2026; links and keys would expire wrongly" if clock.now() < _EARLIEST else None,
    }
    for subject, problem in problems.items():
        click.echo(f"{'bad ' if problem else 'good'}  {subject}{': ' + problem if problem else ''}")
    if any(problems.values()):
        raise StartError("something is wrong; see above")


def _permission_problem(directory: Path) -> str | None:
    """Sample files that come with the source may be readable for everybody; what the service writes may not.

    The group of a directory with another owner, such as a mounted volume, may read it.
    """
    for path in (directory, *directory.iterdir()):
        private = path == directory or path.is_dir() or path.name.startswith(("mailrith.db", "secret", "lock"))
        status = path.stat()
        others = 0o077 if status.st_uid == os.geteuid() else 0o007
        if private and status.st_mode & others:
            return f"others may read {path}; chmod go-rwx {path}"
    return None


def _database_problem(path: Path) -> str | None:
    from mailrith_lite.audience.blocks import select_miscounts
    from mailrith_lite.database import check_database, check_version, connect_to_read, refusing_unusable

    async def check() -> list[str]:
        if problems := await check_database(path):
            return problems
        async with connect_to_read(path) as connection:
            await check_version(connection, path)
            return await select_miscounts(connection)

    try:
        with refusing_unusable(path):
            return "; ".join(asyncio.run(check())) or None
    except StartError as error:
        return str(error)


def _space_problem(directory: Path) -> str | None:
    free = shutil.disk_usage(directory).free
    return f"only {free / (1 << 20):,.0f} MiB are free" if free < _LEAST_FREE else None


COMMANDS = (migrate, compact, doctor)
