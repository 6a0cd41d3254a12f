"""An import with tags, dates and translations compared with a plain one, and a survey compared with csv.reader."""

import csv
import io
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.result import print_result
from benchmarks.service import Service, serving
from mailrith_lite.imports.uploads.survey import FileSurvey

ROWS = 200_000
ROUNDS = 3
SURVEYED_ROWS = 2_000_000
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


def _survey(path: Path) -> float:
    """Seconds of processor time."""
    with FileSurvey(path) as survey:
        survey.start()
        start = time.process_time()
        while survey.read():
            pass
        survey.facts()
        return time.process_time() - start


def _count(path: Path) -> float:
    """Seconds of processor time that a plain script takes to count the rows."""
    start = time.process_time()
    with path.open(newline="", encoding="utf-8") as file:
        rows = sum(1 for cells in csv.reader(file) if any(cells))
    assert rows == SURVEYED_ROWS + 1
    return time.process_time() - start


def measure_survey() -> None:
    """Whether the survey of an upload takes at most 1.5 times as long as a plain script that counts its rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        with path.open("w") as file:
            file.write("Email,Name,Country,Status\n")
            for number in range(SURVEYED_ROWS):
                country = ("DE", "FR", "US", "")[number % 4]
                file.write(
                    f"person{number}@mail{number % 977}.example.com,Ada Last{number % 50_021},{country},Active\n"
                )
        pairs = [(_survey(path), _count(path)) for _ in range(ROUNDS)]
    print_result(
        f"survey of {SURVEYED_ROWS:,} rows",
        statistics.median(survey / count for survey, count in pairs),
        "times counting them with csv.reader",
        limit=1.5,
        details=", ".join(f"{survey:.2f} s and {count:.2f} s" for survey, count in pairs),
    )


def measure() -> None:
    measure_survey()
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
