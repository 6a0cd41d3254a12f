"""Commands that maintain the data directory: migrate, compact."""

import asyncio

import click

from mailrith_lite.cli.local_database import data_dir_option, existing_directory, open_database


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
    from mailrith_lite import data_directory
    from mailrith_lite.cli.printing import print_result

    with data_directory.lock(existing_directory(data_dir)) as directory:
        result = asyncio.run(data_directory.upgrade_database(directory))
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
    from mailrith_lite.audience import search_index
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.data_directory import DATABASE_FILE

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


COMMANDS = (migrate, compact)
