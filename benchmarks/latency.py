"""GETs of a job and small writes while an import runs; the GETs compared with the same service when it is idle."""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from benchmarks import rows
from benchmarks.load import CONNECTIONS, load, load_for, p99
from benchmarks.result import print_result
from benchmarks.service import UNLIMITED, Service, serving
from benchmarks.speed import ROWS, field_ids

IDLE_SECONDS = 4.0
WRITE_PAUSE = 0.02  # seconds between two small writes
SMALL_WRITE = 50.0  # milliseconds
PATH = "/v1/jobs/subscriber-imports"
PROGRAMS = 2
"""An import takes up to two processors: the statements of SQLite, and the process that reads the file."""


def measure() -> None:
    """In an import of its own for the GETs, and one for the writes: neither changes the times of the other."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data", **UNLIMITED) as service:
        _, small_job = service.run_job("import", rows.import_body(rows.csv_text(100), field_ids(service)))
        ids = [field["id"] for field in service.request("GET", "/v1/custom-fields")["data"][::-1]]
        bodies = [rows.import_body(rows.csv_text(ROWS, seed), ids) for seed in (1, 2)]
        idle, busy = asyncio.run(_compare(service, small_job["self"], bodies[0]))
        with _computing(PROGRAMS):
            crowded = asyncio.run(load_for(f"{service.address}{small_job['self']}", IDLE_SECONDS))
        writes = asyncio.run(_write_beside(service, bodies[1]))
    print_latency("GET of a job during an import", busy, idle, limit=2)
    print(
        f"GET of a job beside {PROGRAMS} programs that only compute, p99:"
        f" {p99(crowded) / p99(idle):.3g} times the idle service; an import cannot do better on few processors"
    )
    print_result(
        "small write during an import, p99",
        p99(writes),
        "ms",
        limit=SMALL_WRITE,
        details=f"median {statistics.median(writes):.1f} ms, {len(writes):,} writes, one after another",
    )


def print_latency(what: str, busy: list[float], idle: list[float], *, limit: float = 5) -> None:
    """Milliseconds of each request while the service is busy, and while it is idle."""
    print_result(
        f"{what}, p99",
        p99(busy) / p99(idle),
        "times the idle service",
        limit=limit,
        details=f"p99 {p99(busy):.1f} ms and {p99(idle):.1f} ms,"
        f" median {statistics.median(busy):.1f} ms and {statistics.median(idle):.1f} ms,"
        f" {CONNECTIONS} connections",
    )


async def _compare(service: Service, small_job: str, body: bytes) -> tuple[list[float], list[float]]:
    """Milliseconds of each GET of a job while the service is idle, and while an import runs."""
    idle = await load_for(f"{service.address}{small_job}", IDLE_SECONDS)
    async with aiohttp.ClientSession(headers=service.headers()) as session:
        stop, job = asyncio.Event(), await _start(session, service, body)
        watch = asyncio.create_task(_watch(session, job, stop))
        busy = await load(job, stop)
        await watch
    return idle, busy


async def _write_beside(service: Service, body: bytes) -> list[float]:
    """Milliseconds of each change of a tag while an import runs."""
    tag = service.request("POST", "/v1/tags", b'{"name": "Changed"}')["data"]["self"]
    times: list[float] = []
    async with aiohttp.ClientSession(headers=service.headers()) as session:
        stop, job = asyncio.Event(), await _start(session, service, body)
        watch = asyncio.create_task(_watch(session, job, stop))
        while not stop.is_set():
            began = time.perf_counter()
            change = {"description": f"Change {len(times)}"}
            async with session.put(f"{service.address}{tag}", json=change) as answer:
                assert answer.status == 200, await answer.text()
            times.append((time.perf_counter() - began) * 1_000)
            await asyncio.sleep(WRITE_PAUSE)
        await watch
    return times


@contextlib.contextmanager
def _computing(programs: int) -> Iterator[None]:
    """Runs so many programs that take a processor each, and nothing else of the service."""
    with contextlib.ExitStack() as running:
        for _ in range(programs):
            program = running.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            running.callback(program.kill)
        yield


async def _start(session: aiohttp.ClientSession, service: Service, body: bytes) -> str:
    """The address of the new import job."""
    async with session.post(f"{service.address}{PATH}", data=body) as answer:
        return f"{service.address}{(await answer.json())['data']['self']}"


async def _watch(session: aiohttp.ClientSession, address: str, stop: asyncio.Event) -> None:
    try:
        while True:
            async with session.get(address) as answer:
                if (await answer.json())["data"]["completed_at"] is not None:
                    return
            await asyncio.sleep(0.1)
    finally:
        stop.set()
