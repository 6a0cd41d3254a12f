"""The times of the fixture, and the sandbox compared with Stoplight Prism, a mock server of the same OpenAPI
document."""

import asyncio
import contextlib
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp

from benchmarks.result import print_result
from benchmarks.service import UNLIMITED
from mailrith_lite.testing.sandbox import EXAMPLE_KEY
from mailrith_lite.testing.server import Server

ROUNDS = 9
WORKSPACES = 20
CONNECTIONS = 16
SECONDS = 3.0
PRISM = Path("build/prism")
START, WORKSPACE, STOP = 150, 2, 200  # milliseconds


def measure() -> None:
    _measure_fixture()
    prism = _installed_prism()
    if prism is None:
        print("sandbox and Prism: not measured, because npm cannot install @stoplight/prism-cli")
        return
    document = PRISM / "openapi.json"
    document.write_bytes(subprocess.check_output([sys.executable, "-m", "mailrith_lite", "openapi"]))
    _compare(prism, document)


def _measure_fixture() -> None:
    starts, workspaces, stops = [], [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with Server.running() as server:
            starts.append(time.perf_counter() - began)
            # a median, because the first ones also load what the others use
            workspaces.append(statistics.median(_seconds(server.new_workspace) for _ in range(WORKSPACES)))
            stopping = time.perf_counter()
        stops.append(time.perf_counter() - stopping)
    for what, times, limit in (
        ("start of the fixture's server", starts, START),
        ("new workspace of the fixture", workspaces, WORKSPACE),
        ("stop of the fixture's server", stops, STOP),
    ):
        details = f"median of {ROUNDS}"
        print_result(what, 1_000 * statistics.median(times), "ms", limit=limit, details=details)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _installed_prism() -> Path | None:
    """The program, which npm installs the first time; None when npm cannot."""
    program = PRISM / "node_modules/.bin/prism"
    if not program.exists():
        if shutil.which("npm") is None:
            return None
        PRISM.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "@stoplight/prism-cli@5"]
        if subprocess.run(install, cwd=PRISM, check=False).returncode != 0:
            return None
    return program


def _compare(prism: Path, document: Path) -> None:
    sandbox_command = [sys.executable, "-m", "mailrith_lite", "sandbox", "--port"]
    prism_command = [str(prism), "mock", str(document), "--host", "127.0.0.1", "--port"]
    starts = []
    for _ in range(3):
        with _running(sandbox_command, "/healthz") as sandbox, _running(prism_command, "/v1") as mock:
            starts.append((sandbox.start, mock.start))
    sandbox_start, prism_start = (statistics.median(column) for column in zip(*starts, strict=True))
    print_result(
        "start of the sandbox",
        sandbox_start / prism_start,
        "times Prism",
        limit=0.5,
        details=f"{sandbox_start:.2f} s and {prism_start:.2f} s",
    )
    with _running(sandbox_command, "/healthz") as sandbox:
        sandbox_rate = asyncio.run(_requests_per_second(sandbox.port))
    with _running(prism_command, "/v1") as mock:
        prism_rate = asyncio.run(_requests_per_second(mock.port))
    print_result(
        "requests per second of the sandbox",
        sandbox_rate / prism_rate,
        "times Prism",
        limit=1,
        least=True,
        details=f"{sandbox_rate:,.0f} and {prism_rate:,.0f}, {CONNECTIONS} connections",
    )


class _Running(NamedTuple):
    """`start`: seconds from the start of the process to its first 200."""

    port: int
    start: float


@contextlib.contextmanager
def _running(command: list[str], path: str) -> Iterator[_Running]:
    """The command with a free port as last argument, once it answers a GET of the path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, **{f"MAILRITH_LITE_{name.upper()}": value for name, value in UNLIMITED.items()}}
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*command, str(port)], stdout=quiet, stderr=quiet, env=environment) as process:
        try:
            while not _answers(port, path):
                time.sleep(0.005)
            yield _Running(port, time.perf_counter() - began)
        finally:
            process.terminate()
            process.wait()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


async def _requests_per_second(port: int) -> float:
    """GETs of a list, on all connections together."""
    address = f"http://127.0.0.1:{port}/v1/tags"
    stop = time.monotonic() + SECONDS

    async def send(session: aiohttp.ClientSession) -> int:
        count = 0
        while time.monotonic() < stop:
            async with session.get(address) as answer:
                await answer.read()
                assert answer.status == 200, answer.status
            count += 1
        return count

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {EXAMPLE_KEY}"}) as session:
        counts = await asyncio.gather(*(send(session) for _ in range(CONNECTIONS)))
    return sum(counts) / SECONDS
