"""The only room that opens SQLite."""

from mailrith_lite.database.connection import MAX_ID, Changes, Connection, Database, Row, can_compile

__all__ = ["MAX_ID", "Changes", "Connection", "Database", "Row", "can_compile"]
