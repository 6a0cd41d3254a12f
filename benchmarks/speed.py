"""Import and export of 200,000 subscribers, from the POST to Completed, compared with the floors."""

import json
import statistics
import tempfile
from pathlib import Path

from benchmarks import floors, rows
from benchmarks.result import print_result
from benchmarks.service import Service, serving

ROWS = 200_000
ROUNDS = 3


def field_ids(service: Service) -> list[str]:
    bodies = [json.dumps({"label": label, "type": kind}).encode() for label, kind in rows.FIELDS]
    return [service.request("POST", "/v1/custom-fields", body)["data"]["id"] for body in bodies]


def measure() -> None:
    text = rows.csv_text(ROWS)
    imports: list[tuple[float, float]] = []
    exports: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            (home / "rows.csv").write_text(text, encoding="utf-8", newline="")
            floor_import = floors.import_file(home / "rows.csv", home / "floor.db")
            with serving(home / "data") as service:
                body = rows.import_body(text, field_ids(service))
                seconds, job = service.run_job("import", body)
                assert job["imported_count"] == ROWS
                imports.append((seconds, floor_import))
                floor_export = floors.export_file(home / "floor.db", home / "floor.csv")
                seconds, job = service.run_job("export", b"{}")
                assert job["exported_count"] == ROWS
                exports.append((seconds, floor_export))
    _print("import", imports)
    _print("export", exports)


def _print(what: str, pairs: list[tuple[float, float]]) -> None:
    """`pairs`: seconds of the service and of the floor."""
    service, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    print_result(
        f"{what} of {ROWS:,} rows",
        statistics.median(seconds / base for seconds, base in pairs),
        "times the floor",
        limit=1.5,
        details=f"{service:.2f} s and {floor:.2f} s, {ROWS / service:,.0f} rows a second",
    )
