"""A database as the first version of the service wrote it."""

import sqlite3
from pathlib import Path

from mailrith_lite.database.migrate import migrations

NOW = 1_800_000_000_000


def create(path: Path) -> None:
    """Subscribers of two workspaces, memberships, and a name that is not ASCII."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(migrations()[1] + "PRAGMA user_version = 1;")
    connection.executemany("INSERT INTO workspaces VALUES (?, ?, 1, 1)", [(1, "One"), (2, "Two")])
    connection.executemany("INSERT INTO tags VALUES (?, 1, ?, ?, NULL, 1, 1)", [(1, "A", "a"), (2, "B", "b")])
    connection.execute("INSERT INTO sequences VALUES (1, 1, 'S', 'running', '{\"emails\":[]}', 1, 1)")
    for number in (1, 254, 255, 256, 511, 512, 1_000):
        name, key = ("Straße", "strasse") if number == 512 else ("Ada", None)
        status = "Bounced" if number in (1, 512, 1_000) else "Active"
        opened = NOW if number == 254 else None
        connection.execute(
            "INSERT INTO subscribers VALUES (?, ?, ?, ?, ?, ?, NULL, '{}', ?, ?, 1, 1)",
            (number, 2 if number in (255, 1_000) else 1, f"user{number}@x.com", name, key, status, number, opened),
        )
    for number, tag_id in ((1, 1), (254, 1), (256, 1), (256, 2), (512, 2)):
        connection.execute("INSERT INTO subscriber_tags VALUES (?, ?)", (number, tag_id))
    for number, status in ((1, "active"), (254, "completed"), (256, "active"), (512, "removed")):
        connection.execute("INSERT INTO subscriber_sequences VALUES (?, 1, ?)", (number, status))
    connection.close()
