"""The peak of the service's resident memory: after a `csv_text` of 45 MB, and after twice as many rows more."""

import tempfile
from pathlib import Path

from benchmarks import rows
from benchmarks.result import print_result
from benchmarks.service import serving
from benchmarks.speed import field_ids

SIZE = 45_000_000
LIMIT = 150.0  # MiB


def measure() -> None:
    text = _text_of(SIZE)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as service:
        idle = service.memory("VmRSS")
        ids = field_ids(service)
        body = rows.import_body(text, ids)
        _, job = service.run_job("import", body)
        first = service.memory("VmHWM")
        print_result(
            f"memory after an import of {job['imported_count']:,} rows in {len(body) / 1e6:.0f} MB",
            first,
            "MiB",
            limit=LIMIT,
            details=f"{first / idle:.2f} times the {idle:.0f} MiB of an idle service",
        )
        for number in (2, 3):
            more = rows.import_body(_text_of(SIZE, number), ids)
            service.run_job("import", more)
        after = service.memory("VmHWM")
        print(f"memory after three times as many rows: {after / first:.2f} times the first import; {after:.0f} MiB")
        service.run_job("export", b"{}")
        print(f"memory after the export of all rows: {service.memory('VmHWM'):.0f} MiB")


def _text_of(size: int, seed: int = 1) -> str:
    """CSV of about `size` bytes; each seed has other emails."""
    sample = rows.csv_text(1_000, seed)
    return rows.csv_text(size * 1_000 // len(sample), seed)
