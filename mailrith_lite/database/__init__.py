"""The only room that opens SQLite."""

from mailrith_lite.database.connection import MAX_ID, Changes, Connection, Database, Row, can_compile
from mailrith_lite.database.requester import ClientLeft, Requester

__all__ = ["MAX_ID", "Changes", "ClientLeft", "Connection", "Database", "Requester", "Row", "can_compile"]
