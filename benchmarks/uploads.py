"""An upload of 500 MB: the memory of the service, and the time of a GET of a job meanwhile."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import rows
from benchmarks.latency import IDLE_SECONDS, PATH, print_latency
from benchmarks.load import load, load_for
from benchmarks.result import print_result
from benchmarks.service import Service, serving
from benchmarks.speed import field_ids

SIZE = 500_000_000
MEMORY = 150.0  # MiB
_SENDER = """
import http.client, sys
from urllib.parse import urlsplit

parts = urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600, blocksize=1 << 20)
with open(sys.argv[2], "rb") as file:
    connection.request("PUT", f"{parts.path}?{parts.query}", file)
sys.exit(connection.getresponse().status != 200)
"""


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as service:
        _, small_job = service.run_job("import", rows.import_body(rows.csv_text(100), field_ids(service)))
        upload = service.request("POST", "/v1/jobs/subscriber-import-uploads")["data"]
        file = Path(folder) / "list.csv"
        _write(file)
        idle, busy, seconds = asyncio.run(_compare(service, small_job["id"], upload["upload_url"], file))
        analyzed = service.request("GET", upload["self"])["data"]
        peak = service.memory("VmHWM")
    print_result(
        f"memory during an upload of {analyzed['size_bytes'] / 1e6:.0f} MB",
        peak,
        "MiB",
        limit=MEMORY,
        details=f"{analyzed['row_count']:,} rows in {seconds:.1f} s",
    )
    print_latency("GET of a job during an upload", busy, idle)


def _write(path: Path) -> None:
    header, _, body = rows.csv_text(20_000).partition("\n")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\n")
        for _ in range(SIZE // len(body.encode())):
            file.write(body)


async def _compare(service: Service, job_id: str, link: str, file: Path) -> tuple[list[float], list[float], float]:
    """Milliseconds of each request while idle, and during the upload; seconds of the upload."""
    address = f"{service.address}{PATH}/{job_id}"
    idle = await load_for(address, IDLE_SECONDS)
    stop = asyncio.Event()
    sending = asyncio.create_task(_put(link, file))
    sending.add_done_callback(lambda _: stop.set())
    busy = await load(address, stop)
    return idle, busy, await sending


async def _put(link: str, file: Path) -> float:
    """Seconds of the upload, which another process sends: this one measures the GETs meanwhile."""
    began = time.perf_counter()
    sender = await asyncio.create_subprocess_exec(sys.executable, "-c", _SENDER, link, str(file))
    if await sender.wait():
        raise RuntimeError("the upload was refused")
    return time.perf_counter() - began
