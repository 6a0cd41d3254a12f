"""Numbered `.sql` files, each applied once in one transaction with its `PRAGMA user_version`."""

from importlib import resources

import aiosqlite

from mailrith_lite import errors


def migrations() -> list[tuple[int, str]]:
    """(number, SQL), in order."""
    folder = resources.files("mailrith_lite.database") / "migrations"
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [(int(name.split("_", 1)[0]), (folder / name).read_text(encoding="utf-8")) for name in files]


async def migrate(connection: aiosqlite.Connection) -> None:
    """
    Raises:
        StartError: the database is from a newer version of the service.
    """
    if await _version(connection) == (known := migrations())[-1][0]:
        return
    for number, sql in known:
        # The lock comes first and the version is read behind it: two processes may start on one new directory.
        await connection.execute("BEGIN EXCLUSIVE")
        try:
            version = await _version(connection)
            if version > known[-1][0]:
                raise errors.StartError(
                    f"the database is of version {version}, newer than this program knows ({known[-1][0]}); "
                    "install a newer mailrith-lite"
                )
            if version < number:
                # executescript() would commit first, which is why the statements run one by one
                for statement in _statements(sql):
                    await connection.execute(statement)
                await connection.execute(f"PRAGMA user_version = {number}")
            await connection.execute("COMMIT")
        except BaseException:
            await connection.execute("ROLLBACK")
            raise


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
