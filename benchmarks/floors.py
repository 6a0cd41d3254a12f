"""The floor of imports: a plain script with one thread that does the same work on plain tables, and no more."""

import csv
import json
import sqlite3
import time
from pathlib import Path

_CHUNK = 10_000
_TABLES = """
CREATE TABLE subscribers (
    id INTEGER PRIMARY KEY, workspace_id INTEGER NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL,
    status TEXT NOT NULL, country TEXT, custom_fields TEXT NOT NULL, subscribed_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, UNIQUE (workspace_id, email)
);
CREATE TABLE subscriber_tags (
    subscriber_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (subscriber_id, tag_id)
) WITHOUT ROWID;
"""


def import_file(path: Path, database: Path) -> float:
    """Seconds to read the CSV file and upsert its rows with one tag each, in chunks of 10,000."""
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "cache_size = -32768",
        "wal_autocheckpoint = 8000",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_TABLES)
    began = time.perf_counter()
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        chunk: list[list[str]] = []
        for row in reader:
            chunk.append(row)
            if len(chunk) == _CHUNK:
                _upsert(connection, chunk)
                chunk = []
        if chunk:
            _upsert(connection, chunk)
    seconds = time.perf_counter() - began
    connection.close()
    return seconds


def _upsert(connection: sqlite3.Connection, rows: list[list[str]]) -> None:
    now = int(time.time() * 1_000)
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        """INSERT INTO subscribers (workspace_id, email, name, status, country, custom_fields,
            subscribed_at, created_at, updated_at)
        VALUES (1, ?1, ?2, 'Active', ?3, ?4, ?5, ?5, ?5)
        ON CONFLICT (workspace_id, email) DO UPDATE SET name = excluded.name, country = excluded.country,
            custom_fields = excluded.custom_fields, updated_at = excluded.updated_at""",
        [
            (email.lower(), name, country, json.dumps({"1": city, "2": int(visits)}), now)
            for email, name, country, city, visits in rows
        ],
    )
    connection.executemany(
        """INSERT OR IGNORE INTO subscriber_tags
        SELECT id, 1 FROM subscribers WHERE workspace_id = 1 AND email = ?""",
        [(row[0].lower(),) for row in rows],
    )
    connection.execute("COMMIT")
