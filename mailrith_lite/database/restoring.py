"""Replaces a database with a backup. Call it under the lock of the data directory."""

import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec

from mailrith_lite import disk, errors
from mailrith_lite.database.connection import Connection
from mailrith_lite.database.copies import check_database, copy_database, dated_path
from mailrith_lite.database.migrate import check_known, migrate, migrations
from mailrith_lite.database.opening import connect, connect_to_read, refusing_unusable

Reconcile = Callable[[Connection], Awaitable[None]]
_SIDE_FILES = ("-wal", "-shm")


class ReplacedUnreadable(errors.StartError):
    """The database that is to be replaced cannot be read, so nothing can be taken over from it."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """`before`, `after`: versions of the backup. `aside`: where the replaced database is, if there was one."""

    before: int
    after: int
    aside: Path | None


async def restore(source: Path, path: Path, aside: Path, *, reconcile: Reconcile, reads_replaced: bool) -> Restored:
    """Replaces the database at `path` by a copy of `source`, which is migrated.

    `aside`: the folder for the old database. `reconcile` changes the copy before it takes the place. With
    `reads_replaced`, the old database is then attached as `replaced`.

    Raises:
        StartError: the source is no usable backup.
        ReplacedUnreadable: the old database cannot be read for `reconcile`.
        OSError: a file cannot be written. The database is unchanged.
    """
    copy = path.with_name(f"{path.name}.restored")
    _delete(copy)  # left by a process that was killed
    try:
        before = await _copy_checked(source, copy)
        async with connect(copy, ()) as connection:
            await migrate(connection, migrations())
        await _reconcile(copy, path if reads_replaced else None, reconcile)
        target = await _set_aside(path, aside) if path.exists() else None
        copy.rename(path)
        disk.sync_directory(path.parent)
    finally:
        _delete(copy)
    return Restored(before=before, after=max(migrations()), aside=target)


def _delete(copy: Path) -> None:
    """Deletes the file with its journal, which SQLite would apply to the next file of this name."""
    for path in (copy, copy.with_name(f"{copy.name}-journal")):
        path.unlink(missing_ok=True)


async def _copy_checked(source: Path, copy: Path) -> int:
    """Returns the version of the source."""
    if not source.is_file():
        raise errors.StartError(f"there is no file {source}")
    with refusing_unusable(source), _without_new_side_files(source):
        async with connect_to_read(source) as connection:
            version = await check_known(connection, migrations(), source)
        if version == 0:
            raise errors.StartError(f"{source} has no data; name a file that `mailrith-lite backup` has written")
        if problems := await check_database(source):
            raise errors.StartError(f"{source} is damaged: {'; '.join(problems)}; use another backup")
        await copy_database(source, copy)
    return version


@contextlib.contextmanager
def _without_new_side_files(path: Path) -> Iterator[None]:
    """Deletes the index and the empty WAL that a reader makes next to a file in WAL mode, such as Litestream's."""
    sides = [path.with_name(path.name + ending) for ending in _SIDE_FILES]
    alone = not any(side.exists() for side in sides)
    try:
        yield
    finally:
        wal = sides[0]
        if alone and not (wal.exists() and wal.stat().st_size):  # nobody else uses the file
            for side in sides:
                side.unlink(missing_ok=True)


async def _reconcile(copy: Path, replaced: Path | None, reconcile: Reconcile) -> None:
    async with connect(copy, ()) as connection:
        try:
            if replaced is not None:
                await connection.execute("ATTACH ? AS replaced", (f"{replaced.absolute().as_uri()}?mode=ro",))
            await connection.execute("BEGIN")
            await reconcile(connection)
            await connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if replaced is None:
                raise
            raise ReplacedUnreadable(f"the database {replaced} cannot be read: {error}") from error


async def _set_aside(path: Path, folder: Path) -> Path:
    """Gives the database a second name in the folder. The first name stays: without it, a start would make a new
    database.

    The WAL must not stay: SQLite would apply it to the restored database.
    """
    target = dated_path(disk.private_directory(folder), "replaced")
    with contextlib.suppress(sqlite3.DatabaseError):  # if the database is damaged, its WAL moves to the folder, too
        async with connect(path, ("PRAGMA wal_checkpoint(TRUNCATE)",)):
            pass  # the last connection deletes the WAL
    os.link(path, target)
    for ending in _SIDE_FILES:
        side = path.with_name(path.name + ending)
        if side.exists():
            side.rename(target.with_name(target.name + ending))
    disk.sync_directory(folder)
    return target
