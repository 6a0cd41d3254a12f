"""From process start to the first 200, on a data directory that is there already."""

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.service import serving

ROUNDS = 9


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with serving(Path(folder) / "data"):
            pass
        pairs = [(_ready(Path(folder) / "data"), _floor()) for _ in range(ROUNDS)]
    ratio = statistics.median(seconds / floor for seconds, floor in pairs)
    seconds, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"ready after {ratio:.2f} x `python -c 'import aiohttp'` (at most 2)"
        f"   {seconds:.2f} s against {floor:.2f} s"
    )


def _ready(data_dir: Path) -> float:
    began = time.perf_counter()
    with serving(data_dir) as service:
        connection = service.connect()
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == http.client.OK
        seconds = time.perf_counter() - began
        connection.close()
    return seconds


def _floor() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import aiohttp"], check=True)
    return time.perf_counter() - began
