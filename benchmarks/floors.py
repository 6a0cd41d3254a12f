"""The floors: plain synchronous scripts with one thread that do the same work on the same tables, no more."""

import csv
import json
import sqlite3
import time
from importlib import resources
from pathlib import Path

_CHUNK = 10_000


def new_database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "cache_size = -32768"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA wal_autocheckpoint = 8000")
    folder = resources.files("mailrith_lite.database") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        connection.executescript(file.read_text(encoding="utf-8"))
    connection.execute("INSERT INTO workspaces (name, created_at, updated_at) VALUES ('Default', 1, 1)")
    connection.execute(
        "INSERT INTO tags (workspace_id, name, name_key, created_at, updated_at) VALUES (1, 'B', 'b', 1, 1)"
    )
    return connection


def import_file(path: Path, database: Path) -> float:
    """Seconds to read the CSV file and upsert its rows with one tag each, in chunks of 10,000."""
    connection = new_database(database)
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


def export_file(database: Path, path: Path) -> float:
    """Seconds to write the same columns, tags included, with a cursor and a csv.writer."""
    connection = sqlite3.connect(database)
    began = time.perf_counter()
    cursor = connection.execute(
        """SELECT email, name, status, country,
            strftime('%Y-%m-%dT%H:%M:%fZ', subscribed_at / 1000.0, 'unixepoch'), last_opened_at,
            (SELECT group_concat(name, ', ') FROM subscriber_tags JOIN tags ON tags.id = tag_id
                WHERE subscriber_id = subscribers.id),
            (SELECT group_concat(name, ', ') FROM subscriber_sequences
                JOIN sequences ON sequences.id = sequence_id WHERE subscriber_id = subscribers.id),
            json_extract(custom_fields, '$."1"'), json_extract(custom_fields, '$."2"')
        FROM subscribers WHERE workspace_id = 1 ORDER BY id"""
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        while rows := cursor.fetchmany(2_000):
            writer.writerows(rows)
    seconds = time.perf_counter() - began
    connection.close()
    return seconds
