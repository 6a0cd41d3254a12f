"""Many subscribers at once, in the database of a service that does not run."""

import csv
import sqlite3
from pathlib import Path

from benchmarks import rows
from mailrith_lite.data_directory import DATABASE_FILE


def insert_people(home: Path, count: int) -> None:
    """Their addresses are random. With tags in the workspace, everybody has the first, and some have more."""
    sample = list(csv.reader(rows.csv_text(1_000).splitlines()))[1:]
    connection = sqlite3.connect(home / DATABASE_FILE)
    connection.create_function("fold", 1, str.casefold, deterministic=True)
    with connection:
        connection.execute("CREATE TEMP TABLE sample (number INTEGER PRIMARY KEY, country, city, visits)")
        connection.executemany(
            "INSERT INTO sample VALUES (?, ?, ?, ?)",
            [(number, country, city, int(visits)) for number, (_, _, country, city, visits) in enumerate(sample)],
        )
        connection.execute(
            """WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
            INSERT INTO subscribers (workspace_id, email, name, status, country, custom_fields, subscribed_at,
                created_at, updated_at)
            SELECT 1, 'reader' || abs(random() % 1000000000) || '.' || n || '@example.com', 'Reader Number ' || n,
                'Active', substr(country, 1, 2), json_object('1', city, '2', visits),
                1790000000000 + n / 6000 * 50, 1, 1
            FROM numbers JOIN sample ON number = n % 1000""",
            (count,),
        )
        connection.execute(
            """INSERT INTO subscriber_tags SELECT subscribers.id, tags.id
            FROM subscribers JOIN tags ON subscribers.id % (3 * tags.id - 2) = 0"""
        )
        connection.execute("UPDATE search_state SET up_to_id = ?", (count,))  # as if the search index had them
    connection.close()
