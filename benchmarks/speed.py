"""The speed of imports of 200,000 rows, from the POST to Completed.

It measures three imports: into an empty database, compared with a plain script; of the same file again, which
changes nothing; into many subscribers at random addresses.
MAILRITH_LITE_BENCHMARK_PEOPLE sets the number of those subscribers.
"""

import json
import os
import statistics
import tempfile
from pathlib import Path

import msgspec

from benchmarks import floors, rows
from benchmarks.people import insert_people
from benchmarks.result import print_result
from benchmarks.service import Service, serving

ROWS = 200_000
ROUNDS = 3
PEOPLE = int(os.environ.get("MAILRITH_LITE_BENCHMARK_PEOPLE", "3_000_000"))


class _Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """`again`: of the same file. `floor`: of the plain script."""

    new: float
    again: float
    floor: float


def field_ids(service: Service) -> list[str]:
    bodies = [json.dumps({"label": label, "type": kind}).encode() for label, kind in rows.FIELDS]
    return [service.request("POST", "/v1/custom-fields", body)["data"]["id"] for body in bodies]


def measure() -> None:
    text = rows.csv_text(ROWS)
    rounds = [_import_twice(text) for _ in range(ROUNDS)]
    new = statistics.median(one.new for one in rounds)
    _print("into an empty database", "times the plain script", 1.2, [one.new / one.floor for one in rounds], new)
    again = statistics.median(one.again for one in rounds)
    _print("that changes nothing", "times the first import", 0.5, [one.again / one.new for one in rounds], again)
    if PEOPLE:
        with tempfile.TemporaryDirectory() as folder:
            crowded = _import_into_people(Path(folder) / "data", rows.csv_text(ROWS, seed=2))
        print_result(
            f"rate of an import of {ROWS:,} random addresses into {PEOPLE:,} people",
            new / crowded,
            "times the rate into none",
            limit=0.8,
            details=f"{ROWS / crowded:,.0f} and {ROWS / new:,.0f} rows a second",
            least=True,
        )


def _import_twice(text: str) -> _Seconds:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "rows.csv").write_text(text, encoding="utf-8", newline="")
        floor = floors.import_file(home / "rows.csv", home / "floor.db")
        with serving(home / "data") as service:
            body = rows.import_body(text, field_ids(service))
            new, job = service.run_job("import", body)
            assert job["progress"]["created_count"] == ROWS
            again, job = service.run_job("import", body)
            assert job["progress"]["unchanged_count"] == ROWS
            return _Seconds(new=new, again=again, floor=floor)


def _import_into_people(home: Path, text: str) -> float:
    """Seconds of the import."""
    with serving(home) as service:
        ids = field_ids(service)
    insert_people(home, PEOPLE)
    with serving(home) as service:
        seconds, job = service.run_job("import", rows.import_body(text, ids))
        assert job["progress"]["created_count"] == ROWS
        return seconds


def _print(what: str, unit: str, limit: float, ratios: list[float], seconds: float) -> None:
    print_result(
        f"import of {ROWS:,} rows {what}",
        statistics.median(ratios),
        unit,
        limit=limit,
        details=f"{seconds:.2f} s, {ROWS / seconds:,.0f} rows a second",
    )
