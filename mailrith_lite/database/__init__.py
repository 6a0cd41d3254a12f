"""The only room that opens SQLite."""

from mailrith_lite.database.connection import MAX_ID, Connection, Database, Row

__all__ = ["MAX_ID", "Connection", "Database", "Row"]
