"""Import of a file with tags, dates and translations, beside the same people in a plain file."""

import csv
import io
import json
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.result import print_result
from benchmarks.service import Service, serving

ROWS = 200_000
ROUNDS = 3
_TAGS = ("VIP", "Blog", "Spring fair", "Customers, old", "Trial", "Press")
_MAPPINGS: list[dict[str, Any]] = [
    {"csv_column": "Email", "field": {"type": "email"}},
    {"csv_column": "Name", "field": {"type": "name"}},
    {"csv_column": "Country", "field": {"type": "country"}},
    {"csv_column": "Tags", "field": {"type": "tags"}},
    {"csv_column": "Joined", "field": {"type": "subscribed-at"}},
    {
        "csv_column": "Opted out",
        "field": {"type": "subscriber-status"},
        "values": {"yes": "Unsubscribed", "no": None},
    },
]


def rich_text(plain: str) -> str:
    """The people of `rows.csv_text` with tags, a day and a consent in place of the city and the visits."""
    generator = random.Random(2)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(column["csv_column"] for column in _MAPPINGS)
    for email, name, country, *_ in list(csv.reader(io.StringIO(plain)))[1:]:
        names = generator.sample(_TAGS, generator.randrange(3))
        tags = ", ".join(f'"{tag}"' if "," in tag else tag for tag in names)
        day = f"{generator.randint(1, 28)}/{generator.randint(1, 12)}/{generator.randint(2015, 2024)}"
        writer.writerow((email, name, country, tags, day, "yes" if generator.random() < 0.05 else "no"))
    return text.getvalue()


def measure() -> None:
    plain = rows.csv_text(ROWS)
    rich = json.dumps({"csv_text": rich_text(plain), "mappings": _MAPPINGS, "new_tag_name": "Benchmark"}).encode()
    pairs = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as service:
            body = rows.import_body(plain, [_field(service, *field) for field in rows.FIELDS])
            plain_seconds, _job = service.run_job("import", body)
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as service:
            seconds, job = service.run_job("import", rich)
            assert job["imported_count"] == ROWS
            pairs.append((seconds, plain_seconds))
    rich_seconds, plain_seconds = (statistics.median(column) for column in zip(*pairs, strict=True))
    print_result(
        f"import of {ROWS:,} rows with tags, dates and translations",
        statistics.median(seconds / base for seconds, base in pairs),
        "times a plain file",
        limit=1.5,
        details=f"{rich_seconds:.2f} s and {plain_seconds:.2f} s",
    )


def _field(service: Service, label: str, kind: str) -> str:
    body = json.dumps({"label": label, "type": kind}).encode()
    return str(service.request("POST", "/v1/custom-fields", body)["data"]["id"])
