"""A stop ends in time, whatever the service does at this moment."""

import contextlib
import signal
import socket
import sqlite3
import time
from pathlib import Path
from urllib.parse import urlsplit

from cli.command_line import line_with, start_process

KEY = "mrk_example_secret_key"
PEOPLE = 150_000
LIMIT = 10.0  # seconds


def insert_people(database: Path) -> None:
    """People for a search with a text of two letters, which no index can answer."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            """WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            INSERT INTO subscribers (workspace_id, email, name, status, custom_fields, subscribed_at, created_at,
                updated_at) SELECT 1, 'reader.' || i || '@example.com', 'Reader', 'Active', '{}', 1, 1, 1 FROM n""",
            (PEOPLE,),
        )


def test_stop_ends_in_time_during_abandoned_and_waiting_searches(tmp_path: Path) -> None:
    env = {"MAILRITH_LITE_BOOTSTRAP_KEY": KEY, "MAILRITH_LITE_QUERY_TIMEOUT": "10m"}
    command = ("serve", "--port", "0", "--data-dir", "store")
    with start_process(*command, env=env, cwd=tmp_path) as process, contextlib.ExitStack() as stack:
        address = urlsplit(line_with(process.stdout, "serving").split("serving ")[1].split(" ")[0])
        insert_people(tmp_path / "store" / "mailrith.db")
        head = f"GET /v1/subscribers?search=%7E%7E HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        clients = []
        for _ in range(150):
            client = socket.create_connection((address.hostname, address.port), timeout=60)
            stack.callback(client.close)
            client.sendall(head.encode())
            clients.append(client)
        for client in clients[:75]:
            client.close()
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        process.communicate(timeout=60)
        assert time.monotonic() - began < LIMIT
        assert process.returncode == 0
