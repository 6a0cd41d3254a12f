"""An export of many subscribers with tags and two custom fields, compared with SQLite's shell.

The shell (`sqlite3`) reads the same file, has one thread, and writes the same columns. MAILRITH_LITE_BENCHMARK_ROWS
sets how many subscribers there are.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.people import insert_people
from benchmarks.result import print_result
from benchmarks.service import Service, serving
from benchmarks.speed import field_ids
from mailrith_lite.data_directory import DATABASE_FILE

ROWS = int(os.environ.get("MAILRITH_LITE_BENCHMARK_ROWS", "1_000_000"))
ROUNDS = 3
MEMORY = 150.0  # MiB
_TAGS = ("Benchmark", "Customers", "Newsletter")
_SELECT = """SELECT email, name, status, country,
    strftime('%Y-%m-%dT%H:%M:%fZ', subscribed_at / 1000.0, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%fZ', last_opened_at / 1000.0, 'unixepoch'),
    (SELECT group_concat(name, ', ') FROM subscriber_tags JOIN tags ON tags.id = tag_id
        WHERE subscriber_id = subscribers.id),
    (SELECT group_concat(name, ', ') FROM subscriber_sequences AS member
        JOIN sequences ON sequences.id = sequence_id
        WHERE subscriber_id = subscribers.id AND member.status = 'active'),
    custom_fields ->> '$."1"', custom_fields ->> '$."2"'
FROM subscribers WHERE workspace_id = 1 ORDER BY id;"""


def measure() -> None:
    shell = shutil.which("sqlite3")
    if shell is None:
        raise RuntimeError("install SQLite's shell, sqlite3, to measure exports")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "data"
        with serving(home) as service:
            field_ids(service)
            for name in _TAGS:
                service.request("POST", "/v1/tags", f'{{"name": "{name}"}}'.encode())
        insert_people(home, ROWS)
        with serving(home) as service:
            pairs = [(_export(service), _export_with_shell(shell, home)) for _ in range(ROUNDS)]
            memory = service.memory("VmHWM")
    seconds, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    print_result(
        f"export of {ROWS:,} subscribers with tags and two fields",
        statistics.median(ours / theirs for ours, theirs in pairs),
        "times SQLite's shell",
        limit=2,
        details=f"{seconds:.2f} s and {floor:.2f} s, {ROWS / seconds:,.0f} rows a second",
    )
    print_result(
        f"memory after {ROUNDS} exports of {ROWS:,} subscribers",
        memory,
        "MiB",
        limit=MEMORY,
        details="resident, peak",
    )


def _export(service: Service) -> float:
    seconds, job = service.run_job("export", b"{}")
    assert job["exported_count"] == ROWS
    return seconds


def _export_with_shell(shell: str, home: Path) -> float:
    script = f".mode csv\n.output {home / 'shell.csv'}\n{_SELECT}"
    began = time.perf_counter()
    subprocess.run([shell, "-readonly", home / DATABASE_FILE], input=script.encode(), check=True)
    return time.perf_counter() - began
