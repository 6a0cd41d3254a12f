"""The time from the start of the process to its first 200, with an existing data directory."""

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.result import print_result
from benchmarks.service import serving

ROUNDS = 9


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        with serving(data_dir):
            pass
        pairs = [(_start(data_dir), _import_aiohttp()) for _ in range(ROUNDS)]
    service, yardstick = (statistics.median(column) for column in zip(*pairs, strict=True))
    print_result(
        "start of the service",
        statistics.median(seconds / base for seconds, base in pairs),
        "times `python -c 'import aiohttp'`",
        limit=1.25,
        details=f"{service:.2f} s and {yardstick:.2f} s",
    )


def _start(data_dir: Path) -> float:
    began = time.perf_counter()
    with serving(data_dir) as service:
        connection = service.connect()
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == http.client.OK
        seconds = time.perf_counter() - began
        connection.close()
    return seconds


def _import_aiohttp() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import aiohttp"], check=True)
    return time.perf_counter() - began
