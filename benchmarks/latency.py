"""How long a GET of a job takes while an import runs, against the same service at rest."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from benchmarks import rows
from benchmarks.service import Service, serving
from benchmarks.speed import ROWS, field_ids

CONNECTIONS = 16
IDLE_SECONDS = 4.0
PATH = "/v1/jobs/subscriber-imports"


def measure() -> None:
    text = rows.csv_text(ROWS)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as service:
        _, warm = service.run_job("import", rows.import_body(rows.csv_text(100), field_ids(service)))
        ids = [field["id"] for field in service.request("GET", "/v1/custom-fields")["data"][::-1]]
        idle, busy = asyncio.run(_compare(service, warm["id"], rows.import_body(text, ids)))
    ratio = p99(busy) / p99(idle)
    print(
        f"GET of a job beside an import: p99 {ratio:.2f} x idle (at most 5)"
        f"   p99 {p99(busy):.1f} ms against {p99(idle):.1f} ms,"
        f" median {statistics.median(busy):.1f} ms against {statistics.median(idle):.1f} ms,"
        f" {CONNECTIONS} connections"
    )


async def _compare(service: Service, job_id: str, body: bytes) -> tuple[list[float], list[float]]:
    """Milliseconds of each request, idle and while an import runs."""
    address = f"{service.address}{PATH}"
    async with aiohttp.ClientSession(headers=service.headers()) as session:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(IDLE_SECONDS, stop.set)
        idle = await load(session, f"{address}/{job_id}", stop)
        stop = asyncio.Event()
        async with session.post(address, data=body) as answer:
            job = (await answer.json())["data"]
        watch = asyncio.create_task(_watch(session, f"{address}/{job['id']}", stop))
        busy = await load(session, f"{address}/{job['id']}", stop)
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


async def load(session: aiohttp.ClientSession, address: str, stop: asyncio.Event) -> list[float]:
    times: list[float] = []

    async def client() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            async with session.get(address) as answer:
                await answer.read()
            times.append((time.perf_counter() - began) * 1_000)

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return times


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]
