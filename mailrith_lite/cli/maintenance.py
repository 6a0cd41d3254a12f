"""Commands that look after the data directory: backup, doctor."""

import asyncio
import shutil
from pathlib import Path

import click

from mailrith_lite import clock, disk
from mailrith_lite.cli.data_directory import data_dir_option, existing_directory, open_database
from mailrith_lite.errors import StartError

_LEAST_FREE = 1 << 30  # bytes: below that, doctor warns
_EARLIEST = 1_767_225_600_000  # 2026-01-01: a clock before this is wrong


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@data_dir_option
def backup(file: Path, data_dir: str | None) -> None:
    """Write a consistent copy of the database, also while the service runs.

    \b
    Example:
      mailrith-lite backup /backups/mailrith-2026-04-11.db
    """
    existing_directory(data_dir)
    if file.exists():
        raise StartError(f"{file} exists already; give a new name")

    async def run() -> None:
        async with open_database(data_dir) as database:
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
    directory = existing_directory(data_dir)
    problems = {
        "data directory": _permission_problem(directory),
        "database": _database_problem(data_dir),
        "disk space": _space_problem(directory),
        "clock": "it is before 2026; links and keys would expire wrongly" if clock.now() < _EARLIEST else None,
    }
    for subject, problem in problems.items():
        click.echo(f"{'bad ' if problem else 'good'}  {subject}{': ' + problem if problem else ''}")
    if any(problems.values()):
        raise StartError("something is wrong; see above")


def _permission_problem(directory: Path) -> str | None:
    """Sample files that come with the source may be readable for everybody; what the service writes may not."""
    for path in (directory, *directory.iterdir()):
        private = path == directory or path.is_dir() or path.name.startswith(("mailrith.db", "secret", "lock"))
        if private and path.stat().st_mode & 0o077:
            return f"others may read {path}; chmod go-rwx {path}"
    return None


def _database_problem(data_dir: str | None) -> str | None:
    from mailrith_lite.audience.blocks import select_miscounts

    async def check() -> list[str]:
        async with open_database(data_dir) as database:
            problems = await database.check()
            if problems:
                return problems
            async with database.read() as connection:
                return await select_miscounts(connection)

    return "; ".join(asyncio.run(check())) or None


def _space_problem(directory: Path) -> str | None:
    free = shutil.disk_usage(directory).free
    return f"only {free / (1 << 20):,.0f} MiB are free" if free < _LEAST_FREE else None


COMMANDS = (backup, doctor)
