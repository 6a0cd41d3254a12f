"""The only room that opens SQLite."""

from mailrith_lite.database.connection import Connection, Database, Row

__all__ = ["Connection", "Database", "Row"]
