"""Writes `mailrith_lite/database/schema/NNNN.sql`: the tables that all migrations make, for new databases.

Run `.venv/bin/python tools/schema.py` now and then; a new database gets later migrations after it.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mailrith_lite.database import Connection
from mailrith_lite.database.migrate import migrate, migrations
from mailrith_lite.database.opening import connect

_FOLDER = Path(__file__).parents[1] / "mailrith_lite/database/schema"
_OWN = "sqlite_%"  # tables that SQLite makes itself


async def _write() -> None:
    known = migrations()
    with tempfile.TemporaryDirectory() as folder:
        async with connect(Path(folder) / "new.db", ()) as connection:
            await migrate(connection, known)
            statements = [*await _tables(connection), *await _rows(connection)]
    for old in _FOLDER.glob("*.sql"):
        old.unlink()
    text = "".join(f"{statement};\n" for statement in statements)
    (_FOLDER / f"{max(known):04}.sql").write_text(
        f"-- What migrations 1 to {max(known)} make, written by tools/schema.py. Do not edit it.\n\n{text}",
        encoding="utf-8",
    )


async def _tables(connection: Connection) -> list[str]:
    """Tables, indexes, views and triggers in the order in which the migrations made them."""
    rows = await connection.execute_fetchall(
        """SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE ?
            AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY rowid""",
        (_OWN,),
    )
    return [str(row["sql"]) for row in rows]


async def _rows(connection: Connection) -> list[str]:
    """The rows that a new database begins with."""
    tables = await connection.execute_fetchall(
        """SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT IN
            ('sqlite_schema', 'sqlite_sequence') ORDER BY name"""
    )
    return [
        f"INSERT INTO {table['name']} VALUES ({', '.join(_literals(tuple(row)))})"
        for table in tables
        for row in await connection.execute_fetchall(f"SELECT * FROM {table['name']}")
    ]


def _literals(values: tuple[object, ...]) -> Iterator[str]:
    for value in values:
        if value is not None and not isinstance(value, int):
            raise SystemExit(f"a row has {value!r}; teach this script to write it")
        yield "NULL" if value is None else str(value)


asyncio.run(_write())
