"""What SQLite says about a statement before it runs."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from aiosqlite import Connection


async def can_compile(connection: Connection, sql: str, parameters: Mapping[str, Any]) -> bool:
    """Whether SQLite can compile the statement; not if it is too deep or too large. The statement does not run."""
    try:
        async with connection.execute(f"EXPLAIN {sql}", parameters):
            return True
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        return False
