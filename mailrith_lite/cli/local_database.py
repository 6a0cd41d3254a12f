"""Opens the data directory for commands that work without HTTP, also while the service runs."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from mailrith_lite import disk, settings
from mailrith_lite.errors import StartError

if TYPE_CHECKING:
    from mailrith_lite.database import Connection, Database

T = TypeVar("T")

data_dir_option = click.option("--data-dir", metavar="DIRECTORY", help="the service's data directory  [data]")


def existing_directory(data_dir: str | None) -> Path:
    """The data directory that `--data-dir` or the environment names.

    Raises:
        StartError: it has no database.
    """
    from mailrith_lite.data_directory import DATABASE_FILE

    directory = _directory(data_dir)
    if not (directory / DATABASE_FILE).is_file():
        raise StartError(f"there is no database in {directory}; name the data directory with --data-dir")
    return directory


@contextlib.asynccontextmanager
async def open_database(data_dir: str | None) -> "AsyncIterator[Database]":
    """Opens the directory's database; says so on stderr when it makes a new one.

    Raises:
        StartError: the directory cannot be used.
    """
    from mailrith_lite.data_directory import DATABASE_FILE
    from mailrith_lite.database import Database

    directory = _directory(data_dir)
    try:
        disk.private_directory(directory)
    except OSError as error:
        raise StartError(f"cannot use the data directory {directory}: {error.strerror}") from error
    if not (directory / DATABASE_FILE).exists():
        from mailrith_lite.cli.printing import print_note

        print_note(f"made a new database in {directory}; name another data directory with --data-dir")
    async with Database.open(directory / DATABASE_FILE) as database:
        yield database


def read(data_dir: str | None, select: "Callable[[Connection], Awaitable[T]]") -> T:
    """Runs `select` without a lock, and returns its result."""

    async def run() -> T:
        async with open_database(data_dir) as database, database.read() as connection:
            return await select(connection)

    return asyncio.run(run())


def write(data_dir: str | None, work: "Callable[[Connection], Awaitable[T]]") -> T:
    """Runs `work` in one transaction, and returns its result after the commit."""

    async def run() -> T:
        async with open_database(data_dir) as database, database.write(durable=True) as connection:
            return await work(connection)

    return asyncio.run(run())


def read_pages(data_dir: str | None, select: "Callable[[Connection, T | None], Awaitable[list[T]]]") -> Iterator[T]:
    """All items of a list that is selected page by page, without a lock.

    `select` gets the last item of the page before, and None for the first page.
    """
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        try:
            database = runner.run(stack.enter_async_context(open_database(data_dir)))

            async def select_page(last: T | None) -> list[T]:
                async with database.read() as connection:
                    return await select(connection, last)

            page = runner.run(select_page(None))
            while page:
                yield from page
                page = runner.run(select_page(page[-1]))
        finally:
            runner.run(stack.aclose())


def _directory(data_dir: str | None) -> Path:
    return settings.load(os.environ, data_dir=data_dir).data_dir
