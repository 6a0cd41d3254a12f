"""The time of a GET of a job while an import runs, compared with the same service when it is idle."""

import asyncio
import statistics
import tempfile
from pathlib import Path

import aiohttp

from benchmarks import rows
from benchmarks.load import CONNECTIONS, load, load_for, p99
from benchmarks.result import print_result
from benchmarks.service import UNLIMITED, Service, serving
from benchmarks.speed import ROWS, field_ids

IDLE_SECONDS = 4.0
PATH = "/v1/jobs/subscriber-imports"


def measure() -> None:
    text = rows.csv_text(ROWS)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data", **UNLIMITED) as service:
        _, small_job = service.run_job("import", rows.import_body(rows.csv_text(100), field_ids(service)))
        ids = [field["id"] for field in service.request("GET", "/v1/custom-fields")["data"][::-1]]
        idle, busy = asyncio.run(_compare(service, small_job["id"], rows.import_body(text, ids)))
    print_latency("GET of a job during an import", busy, idle)


def print_latency(what: str, busy: list[float], idle: list[float]) -> None:
    """Milliseconds of each request while the service is busy, and while it is idle."""
    print_result(
        f"{what}, p99",
        p99(busy) / p99(idle),
        "times the idle service",
        limit=5,
        details=f"p99 {p99(busy):.1f} ms and {p99(idle):.1f} ms,"
        f" median {statistics.median(busy):.1f} ms and {statistics.median(idle):.1f} ms,"
        f" {CONNECTIONS} connections",
    )


async def _compare(service: Service, job_id: str, body: bytes) -> tuple[list[float], list[float]]:
    """Milliseconds of each request while the service is idle, and while an import runs."""
    address = f"{service.address}{PATH}"
    async with aiohttp.ClientSession(headers=service.headers()) as session:
        idle = await load_for(f"{address}/{job_id}", IDLE_SECONDS)
        stop = asyncio.Event()
        async with session.post(address, data=body) as answer:
            job = (await answer.json())["data"]
        watch = asyncio.create_task(_watch(session, f"{address}/{job['id']}", stop))
        busy = await load(f"{address}/{job['id']}", stop)
        await watch
    return idle, busy


async def _watch(session: aiohttp.ClientSession, address: str, stop: asyncio.Event) -> None:
    try:
        while True:
            async with session.get(address) as answer:
                if (await answer.json())["data"]["completed_at"] is not None:
                    return
            await asyncio.sleep(0.1)
    finally:
        stop.set()
