"""The settings of each kind of connection."""

from typing import Final

WRITER: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32768",
    "PRAGMA wal_autocheckpoint = 16000",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = ON",  # overwrites deleted rows with zeros
)

READER: Final = ("PRAGMA query_only = ON", "PRAGMA foreign_keys = ON", "PRAGMA busy_timeout = 1000")

SNAPSHOT: Final = ("PRAGMA temp_store = MEMORY",)

UPKEEP: Final = ("PRAGMA busy_timeout = 0",)

SCRATCH: Final = (  # the scratch database is deleted with its connection, so it needs no protection
    "PRAGMA scratch.journal_mode = OFF",
    "PRAGMA scratch.synchronous = OFF",
    "PRAGMA scratch.cache_size = -16384",
)
