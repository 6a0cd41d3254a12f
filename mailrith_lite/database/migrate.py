"""Numbered `.sql` files, each applied once in one transaction with its `PRAGMA user_version`.

Only `upgrade` changes the version of a database that has tables; everything else refuses another version. A new
database gets the tables of `schema/NNNN.sql`, which are those after migration NNNN, and the migrations after it.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

import aiosqlite
import msgspec

from mailrith_lite import clock, disk, errors
from mailrith_lite.database.copies import copy_database
from mailrith_lite.database.opening import connect, refusing_unusable

KEPT_COPIES = 3
_COPY_NAME = "before-version-"
_OF_LITESTREAM = "_litestream_"  # Litestream may make its tables in a new file before the service makes its own


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """`copy`: of the database before the change; None if nothing had to change."""

    before: int
    after: int
    copy: Path | None


def migrations() -> dict[int, str]:
    """Number -> SQL, in order."""
    return _numbered("migrations")


def _steps_to_create(known: Mapping[int, str]) -> dict[int, str]:
    """The steps for a new database: version -> SQL. The first makes all tables; the others are later migrations.

    `known`: as `migrations()` returns them.
    """
    version, schema = max(_numbered("schema").items())
    if version not in known:
        return dict(known)
    return {version: schema} | {number: sql for number, sql in known.items() if number > version}


def _numbered(name: str) -> dict[int, str]:
    folder = resources.files("mailrith_lite.database") / name
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return {int(name[:4]): (folder / name).read_text(encoding="utf-8") for name in files}


async def create_or_check(connection: aiosqlite.Connection, path: Path) -> None:
    """Makes the tables of a new database. Changes no other.

    Raises:
        StartError: the database is of another version, or another program's.
    """
    known = migrations()
    async with _transaction(connection):  # two processes may start on the same new directory
        version = await check_known(connection, known, path)
        if version == 0:
            for number, sql in _steps_to_create(known).items():
                await _run(connection, number, sql)
    _refuse_older(version, max(known), path)


async def check_version(connection: aiosqlite.Connection, path: Path) -> None:
    """
    Raises:
        StartError: the database is of another version, or another program's.
    """
    known = migrations()
    _refuse_older(await check_known(connection, known, path), max(known), path)


def _refuse_older(version: int, newest: int, path: Path) -> None:
    if 0 < version < newest:
        raise errors.StartError(
            f"the database {path} is of version {version} and this program needs version {newest}; "
            "run `mailrith-lite migrate`, or start the service, which migrates it"
        )


async def upgrade(path: Path, copies: Path) -> Upgrade:
    """Migrates an existing database after it has made a copy in the directory `copies`, which keeps the last three.

    Call it under the lock of the data directory, because other processes may use the old version.

    Raises:
        StartError: the database is from a newer version of the service or another program's, or a migration fails.
        OSError: the copy cannot be written; the database is unchanged.
    """
    known = migrations()
    if not path.exists():
        return Upgrade(before=0, after=0, copy=None)
    with refusing_unusable(path):
        async with connect(path, ("PRAGMA secure_delete = ON",)) as connection:
            version = await check_known(connection, known, path)
            if version in (0, max(known)):
                return Upgrade(before=version, after=version, copy=None)
            for part in disk.private_directory(copies).glob(f"{_COPY_NAME}*.part"):
                part.unlink()  # left by a process that was killed
            target = copies / f"{_COPY_NAME}{max(known)}-{clock.now()}.db"
            await copy_database(path, target)
            try:
                await migrate(connection, known)
            except BaseException:
                if await read_version(connection) == version:  # nothing changed: a restart would add one copy more
                    target.unlink()
                raise
    for old in sorted(copies.glob(f"{_COPY_NAME}*.db"), key=lambda copy: copy.stat().st_mtime)[:-KEPT_COPIES]:
        old.unlink()
    return Upgrade(before=version, after=max(known), copy=target)


async def migrate(connection: aiosqlite.Connection, known: Mapping[int, str]) -> None:
    """Applies the migrations that the database lacks. `known`: as `migrations()` returns them.

    Foreign keys are off meanwhile, and checked before each commit: to change a constraint, a migration copies a
    table and drops the old one, and the drop would delete every row that refers to it.

    Raises:
        StartError: a row refers to one that does not exist.
    """
    await connection.execute("PRAGMA foreign_keys = OFF")  # has no effect within a transaction
    try:
        for number, sql in known.items():
            async with _transaction(connection):
                if await read_version(connection) < number:
                    await _run(connection, number, sql)
    finally:
        await connection.execute("PRAGMA foreign_keys = ON")


@contextlib.asynccontextmanager
async def _transaction(connection: aiosqlite.Connection) -> AsyncIterator[None]:
    await connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
        await connection.execute("COMMIT")
    except BaseException:
        await connection.rollback()  # on a full disk, SQLite may have rolled back already
        raise


async def read_version(connection: aiosqlite.Connection) -> int:
    """0 if no migration ran yet."""
    rows = list(await connection.execute_fetchall("PRAGMA user_version"))
    return int(rows[0][0])


async def check_known(connection: aiosqlite.Connection, known: Mapping[int, str], path: Path) -> int:
    """Returns the version.

    Raises:
        StartError: the database is from a newer version of the service, or another program's.
    """
    version, newest = await read_version(connection), max(known)
    rows = await connection.execute_fetchall("SELECT name FROM sqlite_schema WHERE type = 'table'")
    tables = {row[0] for row in rows if not row[0].startswith(_OF_LITESTREAM)}
    if tables and (version == 0 or not {"workspaces", "jobs"} <= tables):
        raise errors.StartError(f"{path} is the database of another program; name another data directory")
    if version > newest:
        raise errors.StartError(
            f"the database is of version {version}, newer than this program knows ({newest}); "
            "install a newer mailrith-lite"
        )
    if version and not tables:
        raise errors.StartError(f"the database {path} has lost its tables; restore a backup")
    return version


async def _run(connection: aiosqlite.Connection, number: int, sql: str) -> None:
    for statement in _statements(sql):  # one by one, because executescript() commits first
        await connection.execute(statement)
    for row in await connection.execute_fetchall("PRAGMA foreign_key_check"):
        raise errors.StartError(
            f"the database cannot be brought to version {number}: a row of the table {row[0]} refers to a row of "
            f"{row[2]} that does not exist; restore a backup"
        )
    await connection.execute(f"PRAGMA user_version = {number}")


def _statements(sql: str) -> Sequence[str]:
    from sqlite3 import complete_statement

    statements, pending = [], ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
