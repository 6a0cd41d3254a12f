"""Copies of a database file: a copy has its name only when it is whole."""

import errno
import itertools
import os
import sqlite3
from pathlib import Path

from mailrith_lite import clock, disk, errors
from mailrith_lite.database.failures import translated
from mailrith_lite.database.opening import connect_to_read


async def copy_database(source: Path, target: Path) -> None:
    """Writes a consistent copy of a database of any version; others can use the database meanwhile.

    Raises:
        OSError: the target cannot be written, or its disk is full; the error names the target.
        sqlite3.DatabaseError: the source cannot be read.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        disk.create_private(part).close()
        with translated(part):
            async with connect_to_read(source) as connection:
                await connection.execute("VACUUM INTO ?", (str(part),))
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.rename(target)
        disk.sync_directory(target.parent)
    except errors.StorageFull as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        part.unlink(missing_ok=True)


def dated_path(folder: Path, name: str) -> Path:
    """A new path such as `mailrith-2026-04-11T12-00-00Z.db`; the next within the second ends with `Z_2.db`.

    Those of one name sort by time.
    """
    moment = clock.rfc3339(clock.now()).partition(".")[0].replace(":", "-")
    endings = itertools.chain([""], (f"_{number}" for number in itertools.count(2)))
    paths = (folder / f"{name}-{moment}Z{ending}.db" for ending in endings)
    return next(path for path in paths if not path.exists())


async def check_database(path: Path) -> list[str]:
    """The problems of the file, in SQLite's words; an empty list if it has none. Changes nothing.

    Raises:
        StartError: the directory cannot be written, and the last changes are in the WAL file only.
    """
    try:
        async with connect_to_read(path) as connection:
            rows = await connection.execute_fetchall("PRAGMA integrity_check(10)")
            problems = [str(row[0]) for row in rows if row[0] != "ok"]
            if list(await connection.execute_fetchall("PRAGMA foreign_key_check")):
                problems.append("a row refers to another row that does not exist")
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return problems
