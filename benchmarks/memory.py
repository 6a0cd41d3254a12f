"""The service's peak resident memory: after a 45 MB `csv_text`, and after twice as many rows again."""

import tempfile
from pathlib import Path

from benchmarks import rows
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
        print(
            f"import of {job['imported_count']:,} rows in {len(body) / 1e6:.0f} MB: peak {first:.0f} MiB"
            f" (at most {LIMIT:.0f}), idle {idle:.0f} MiB, {first / idle:.2f} x idle"
        )
        for number in (2, 3):
            more = rows.import_body(_text_of(SIZE, number), ids)
            service.run_job("import", more)
        after = service.memory("VmHWM")
        print(f"after three times as many rows: {after:.0f} MiB, {after / first:.2f} x (flat is 1)")
        service.run_job("export", b"{}")
        print(f"after their export: {service.memory('VmHWM'):.0f} MiB")


def _text_of(size: int, seed: int = 1) -> str:
    """Different emails for each seed."""
    sample = rows.csv_text(1_000, seed)
    return rows.csv_text(size * 1_000 // len(sample), seed)
