"""A 500 MB file is handed over: the process's memory, and how long a GET of a job takes meanwhile."""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from benchmarks import rows
from benchmarks.latency import CONNECTIONS, IDLE_SECONDS, PATH, load, p99
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
        _, warm = service.run_job("import", rows.import_body(rows.csv_text(100), field_ids(service)))
        upload = service.request("POST", "/v1/jobs/subscriber-import-uploads")["data"]
        file = Path(folder) / "list.csv"
        _write(file)
        idle, busy, seconds = asyncio.run(_compare(service, warm["id"], upload["upload_url"], file))
        shown = service.request("GET", upload["self"])["data"]
        peak = service.memory("VmHWM")
    ratio = p99(busy) / p99(idle)
    print(
        f"upload of {shown['size_bytes'] / 1e6:.0f} MB, {shown['row_count']:,} rows: {seconds:.1f} s, all told"
        f"   peak {peak:.0f} MiB (at most {MEMORY:.0f})"
    )
    print(
        f"GET of a job beside it: p99 {ratio:.2f} x idle (at most 5)"
        f"   p99 {p99(busy):.1f} ms against {p99(idle):.1f} ms,"
        f" median {statistics.median(busy):.1f} ms against {statistics.median(idle):.1f} ms,"
        f" {CONNECTIONS} connections"
    )


def _write(path: Path) -> None:
    header, _, body = rows.csv_text(20_000).partition("\n")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\n")
        for _ in range(SIZE // len(body.encode())):
            file.write(body)


async def _compare(service: Service, job_id: str, link: str, file: Path) -> tuple[list[float], list[float], float]:
    """Milliseconds of each request, idle and during the upload; seconds of the upload."""
    address = f"{service.address}{PATH}/{job_id}"
    async with aiohttp.ClientSession(headers=service.headers()) as session:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(IDLE_SECONDS, stop.set)
        idle = await load(session, address, stop)
        stop = asyncio.Event()
        sending = asyncio.create_task(_put(link, file))
        sending.add_done_callback(lambda _: stop.set())
        busy = await load(session, address, stop)
        return idle, busy, await sending


async def _put(link: str, file: Path) -> float:
    """Seconds. Sent by a process of its own: this one asks meanwhile."""
    began = time.perf_counter()
    sender = await asyncio.create_subprocess_exec(sys.executable, "-c", _SENDER, link, str(file))
    if await sender.wait():
        raise RuntimeError("the upload was refused")
    return time.perf_counter() - began
