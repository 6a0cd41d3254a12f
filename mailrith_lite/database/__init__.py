"""The only room that opens SQLite."""

from mailrith_lite.database.connection import MAX_ID, Changes, Connection, Database
from mailrith_lite.database.copies import check_database, copy_database, dated_path
from mailrith_lite.database.lookup import Reader
from mailrith_lite.database.migrate import Upgrade, check_version, upgrade
from mailrith_lite.database.opening import connect_to_read, refusing_unusable, sqlite_problem
from mailrith_lite.database.readers import too_many_reads
from mailrith_lite.database.requester import ClientLeft, Requester
from mailrith_lite.database.restoring import ReplacedUnreadable, Restored, restore
from mailrith_lite.database.row_values import Row, by_name
from mailrith_lite.database.statements import can_compile

__all__ = [
    "MAX_ID",
    "Changes",
    "ClientLeft",
    "Connection",
    "Database",
    "Reader",
    "ReplacedUnreadable",
    "Requester",
    "Restored",
    "Row",
    "Upgrade",
    "by_name",
    "can_compile",
    "check_database",
    "check_version",
    "connect_to_read",
    "copy_database",
    "dated_path",
    "refusing_unusable",
    "restore",
    "sqlite_problem",
    "too_many_reads",
    "upgrade",
]
