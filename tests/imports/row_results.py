"""What an import has done: its subscribers, and the rows that it reports."""

import csv
import io
from typing import Any

from conftest import MAPPINGS, Server

FULL = [
    *MAPPINGS,
    {"csv_column": "Status", "field": {"type": "subscriber-status"}},
    {"csv_column": "Country", "field": {"type": "country"}},
]


def subscribers(server: Server) -> dict[str, Any]:
    """By email."""
    listed = server.call("GET", "/v1/subscribers?limit=100").json["data"]
    return {subscriber["email"]: subscriber for subscriber in listed}


def errors(server: Server, job: Any) -> list[tuple[int, str, str]]:
    """(line, column, code) of every row of the report."""
    if job["error_report_url"] is None:
        return []
    rows = csv.DictReader(io.StringIO(server.report(job), newline=""))
    return [(int(row["error_line"]), row["error_column"], row["error_code"]) for row in rows]
