"""Numbered `.sql` files, each applied once in one transaction with its `PRAGMA user_version`."""

from collections.abc import Mapping
from importlib import resources

import aiosqlite

from mailrith_lite import errors


def migrations() -> dict[int, str]:
    """Number -> SQL, in order."""
    folder = resources.files("mailrith_lite.database") / "migrations"
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return {int(name.split("_", 1)[0]): (folder / name).read_text(encoding="utf-8") for name in files}


async def migrate(connection: aiosqlite.Connection, known: Mapping[int, str]) -> None:
    """Applies the migrations that the database lacks. `known`: as `migrations()` returns them.

    Foreign keys are off meanwhile, and checked before each commit: to change a constraint, a migration copies a
    table and drops the old one, and the drop would delete every row that refers to it.

    Raises:
        StartError: the database is from a newer version of the service, or a row refers to one that does not exist.
    """
    newest = max(known)
    if await _version(connection) == newest:
        return
    await connection.execute("PRAGMA foreign_keys = OFF")  # has no effect within a transaction
    try:
        for number, sql in known.items():
            await _apply(connection, number, sql, newest)
    finally:
        await connection.execute("PRAGMA foreign_keys = ON")


async def _apply(connection: aiosqlite.Connection, number: int, sql: str, newest: int) -> None:
    # The version is read after the lock is taken: two processes may start on the same new directory.
    await connection.execute("BEGIN EXCLUSIVE")
    try:
        version = await _version(connection)
        if version > newest:
            raise errors.StartError(
                f"the database is of version {version}, newer than this program knows ({newest}); "
                "install a newer mailrith-lite"
            )
        if version < number:
            # one by one, because executescript() commits first
            for statement in _statements(sql):
                await connection.execute(statement)
            await _check_foreign_keys(connection, number)
            await connection.execute(f"PRAGMA user_version = {number}")
        await connection.execute("COMMIT")
    except BaseException:
        await connection.rollback()  # on a full disk, SQLite may have rolled back already
        raise


async def _check_foreign_keys(connection: aiosqlite.Connection, number: int) -> None:
    for row in await connection.execute_fetchall("PRAGMA foreign_key_check"):
        raise errors.StartError(
            f"the database cannot be brought to version {number}: a row of the table {row[0]} refers to a row of "
            f"{row[2]} that does not exist; restore a backup"
        )


async def _version(connection: aiosqlite.Connection) -> int:
    rows = list(await connection.execute_fetchall("PRAGMA user_version"))
    return int(rows[0][0])


def _statements(sql: str) -> list[str]:
    from sqlite3 import complete_statement

    statements, pending = [], ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
