"""The only room that opens SQLite."""

from mailrith_lite.database.connection import MAX_ID, Changes, Connection, Database, Row, can_compile
from mailrith_lite.database.copies import check_database, copy_database
from mailrith_lite.database.migrate import Upgrade, check_version, upgrade
from mailrith_lite.database.opening import connect_to_read, refusing_unusable
from mailrith_lite.database.requester import ClientLeft, Requester

__all__ = [
    "MAX_ID",
    "Changes",
    "ClientLeft",
    "Connection",
    "Database",
    "Requester",
    "Row",
    "Upgrade",
    "can_compile",
    "check_database",
    "check_version",
    "connect_to_read",
    "copy_database",
    "refusing_unusable",
    "upgrade",
]
