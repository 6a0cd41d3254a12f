"""`python -m benchmarks.scale [PEOPLE]`: one workspace of ten million people, made by imports of a million each.

Prints a Markdown table of what each import, list, search, count, export, undo and copy takes. docs/scale.md has it.
"""

import contextlib
import http.client
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from benchmarks.service import Service, serving
from mailrith_lite.data_directory import DATABASE_FILE

PEOPLE = 10_000_000
PART = 1_000_000  # people of one import
ROUNDS = 5
_ENOUGH = 20  # seconds after which a call is not repeated
_PATIENCE = 120  # seconds that a query may take, instead of 5, so that each gets its time
_CITIES = ("Berlin", "Lyon", "Austin", "Leeds", "Recife", "Osaka")
_COUNTRIES = ("DE", "FR", "US", "GB", "BR", "JP")
_TAGS = ("Customer", "Newsletter", "Trial", "Customer; Newsletter")
_COLUMNS: dict[str, dict[str, str]] = {
    "Email": {"type": "email"},
    "Name": {"type": "name"},
    "Country": {"type": "country"},
    "Tags": {"type": "tags"},
    "City": {"type": "new-custom-field", "label": "City", "custom_field_type": "Text"},
    "Visits": {"type": "new-custom-field", "label": "Visits", "custom_field_type": "Number"},
}


def measure(people: int = PEOPLE) -> None:
    print("| work | people | time | detail |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "data"
        with serving(home, query_timeout=str(_PATIENCE)) as service:
            last = _import_all(service, Path(folder) / "part.csv", people)
            _print("memory of the service after the imports", people, None, _memory(service))
            _wait_for_index(home, people)
            _print("database with its WAL", people, None, f"{_database_size(home):,.0f} MB")
            _read(service, people)
            _export(service, people)
            _undo(service, last, people)
        _commands(home, Path(folder) / "copy.db", people - PART)


def _import_all(service: Service, file: Path, people: int) -> Any:
    """Returns the last import."""
    job: Any = None
    for first in range(0, people, PART):
        rows = min(PART, people - first)
        _write(file, first, rows)
        upload = service.request("POST", "/v1/jobs/subscriber-import-uploads")["data"]
        began = time.perf_counter()
        _send(upload["upload_url"], file)
        sent = time.perf_counter() - began
        mappings = [{"csv_column": name, "field": field} for name, field in _COLUMNS.items()]
        body = msgspec.json.encode({"upload_id": upload["id"], "mappings": mappings})
        seconds, job = service.follow("/v1/jobs/subscriber-imports", body)
        assert job["progress"]["created_count"] == rows, job
        details = f"{rows / seconds:,.0f} rows a second; upload and survey before it {sent:.1f} s"
        _print(f"import of {rows:,}", first, seconds, details)
    return job


def _write(file: Path, first: int, rows: int) -> None:
    chance = random.Random(first)
    with file.open("w", encoding="utf-8") as text:
        text.write(f"{','.join(_COLUMNS)}\n")
        for number in range(first, first + rows):
            place = chance.randrange(6)
            email = f"reader{chance.randrange(10**9)}.{number}@example.com"
            cells = f"{_COUNTRIES[place]},{_TAGS[number % 4]},{_CITIES[place]},{chance.randrange(1_000)}"
            text.write(f"{email},Reader Number {number},{cells}\n")


def _send(link: str, file: Path) -> None:
    address, _, path = link.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address, timeout=3_600, blocksize=1 << 20)
    with file.open("rb") as body:
        connection.request("PUT", f"/{path}", body)
    response = connection.getresponse()
    if response.status != http.client.OK:
        raise RuntimeError(response.read().decode())
    connection.close()


def _wait_for_index(home: Path, people: int) -> None:
    """The search index follows the imports: until it has everybody, a search reads the others one by one."""
    began = time.perf_counter()
    database = (home / DATABASE_FILE).absolute().as_uri()
    with contextlib.closing(sqlite3.connect(f"{database}?mode=ro", uri=True)) as connection:
        while connection.execute("SELECT up_to_id FROM search_state").fetchone()[0] < people:
            time.sleep(1)
    _print("search index up to date, after the last import", people, time.perf_counter() - began, "")


def _read(service: Service, people: int) -> None:
    middle = service.request("GET", f"/v1/subscribers?search=.{people // 2}%40example.com")["data"][0]
    tag = service.request("GET", "/v1/tags?search=Trial")["data"][0]["id"]
    calls = {
        "list, first page of 100": {"limit": "100"},
        "list, from the middle on": {"limit": "100", "starting_after": middle["id"]},
        "list of Bounced people, when there are none": {"status": "Bounced"},
        "list of a tag that a quarter has": {"tag_ids": tag, "tag_operator": "has_any_of"},
        "search of a whole address": {"search": middle["email"]},
        "search of the end of an address": {"search": f".{people // 3}@example.com"},
        "search of a text that everybody has": {"search": "reader"},
        "search without a match": {"search": "nowhere"},
    }
    for name, query in calls.items():
        _print_calls(name, people, service, f"/v1/subscribers?{urlencode(query)}")
    segment = msgspec.json.encode({"name": "Trial in Germany", "definition": _segment(tag)})
    began = time.perf_counter()
    made = service.request("POST", "/v1/segments", segment)["data"]
    count = f"{made['total_subscriber_count']:,} people"
    _print("segment, made and counted (a tag and a country)", people, time.perf_counter() - began, count)
    _print_calls("segment, counted before", people, service, "/v1/segments")


def _segment(tag: str) -> dict[str, Any]:
    conditions = [
        {"id": "1", "field": "tag", "operator": "has_any_of", "value": [tag]},
        {"id": "2", "field": "country", "operator": "is", "value": "DE"},
    ]
    return {"match": "all", "groups": [{"id": "1", "match": "all", "conditions": conditions}]}


def _print_calls(name: str, people: int, service: Service, path: str) -> None:
    times: list[float] = []
    while len(times) < ROUNDS and sum(times) < _ENOUGH:
        began = time.perf_counter()
        answer = service.request("GET", path)
        times.append(time.perf_counter() - began)
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
    _print(name, people, statistics.median(times), f"slowest of {len(times)}: {max(times):.3f} s")


def _export(service: Service, people: int) -> None:
    seconds, _ = service.run_job("export", b"{}")
    rate = people / seconds
    _print("export of everybody", people, seconds, f"{rate:,.0f} rows a second; {_memory(service)}")


def _undo(service: Service, job: Any, people: int) -> None:
    seconds, undone = service.follow(f"{job['self']}/undo", b"{}")
    deleted = undone["progress"]["deleted_count"]
    _print(f"undo of the last import of {deleted:,}", people, seconds, _memory(service))


def _commands(home: Path, copy: Path, people: int) -> None:
    for name, arguments in _calls(home, copy):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mailrith_lite", *arguments], check=True, stdout=subprocess.DEVNULL)
        _print(name, people, time.perf_counter() - began, "")
    _print("size of the copy", people, None, f"{_size(copy):,.0f} MB")
    began = time.perf_counter()
    with serving(home) as service:
        service.request("GET", "/v1/workspace")
        _print("start, to the first answer", people, time.perf_counter() - began, "")


def _calls(home: Path, copy: Path) -> Iterator[tuple[str, Sequence[str]]]:
    yield "`backup`", ("backup", str(copy), "--data-dir", str(home))
    yield "`compact`", ("compact", "--data-dir", str(home))


def _memory(service: Service) -> str:
    return f"{service.memory('VmHWM'):.0f} MiB at most so far"


def _database_size(home: Path) -> float:
    return sum(_size(path) for path in home.glob("mailrith.db*"))


def _size(path: Path) -> float:
    return path.stat().st_size / 1e6


def _print(work: str, people: int, seconds: float | None, details: str) -> None:
    taken = "" if seconds is None else f"{seconds:.3g} s" if seconds < 100 else f"{seconds:,.0f} s"
    print(f"| {work} | {people:,} | {taken} | {details} |", flush=True)


if __name__ == "__main__":
    if shutil.disk_usage(tempfile.gettempdir()).free < 40e9:
        sys.exit("ten million people need 40 GB in the directory of temporary files")
    measure(*map(int, sys.argv[1:]))
