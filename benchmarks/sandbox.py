"""The fixture's times, and the sandbox beside Stoplight Prism, which mocks the same OpenAPI document."""

import asyncio
import contextlib
import http.client
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp

from mailrith_lite.testing.server import Server

ROUNDS = 9
CONNECTIONS = 16
SECONDS = 3.0
PRISM = Path("build/prism")
KEY = "mrk_example_secret_key"


def measure() -> None:
    _fixture()
    prism = _installed_prism()
    if prism is None:
        print("sandbox beside Prism: not measured, because npm cannot install @stoplight/prism-cli")
        return
    document = PRISM / "openapi.json"
    document.write_bytes(subprocess.check_output([sys.executable, "-m", "mailrith_lite", "openapi"]))
    _start_and_requests(prism, document)


def _fixture() -> None:
    ready, workspace, end = [], [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with Server.running() as server:
            ready.append(time.perf_counter() - began)
            workspace.append(_seconds(server.new_workspace))
            ending = time.perf_counter()
        end.append(time.perf_counter() - ending)
    for name, times, most in (("ready", ready, 150), ("a fresh workspace", workspace, 5), ("end", end, 200)):
        took = 1_000 * statistics.median(times)
        print(f"fixture: {name} after {took:.1f} ms (at most {most}), {took / most:.2f} of it")


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _installed_prism() -> Path | None:
    """Where its program is; installed by npm the first time."""
    program = PRISM / "node_modules/.bin/prism"
    if not program.exists():
        if shutil.which("npm") is None:
            return None
        PRISM.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "@stoplight/prism-cli@5"]
        if subprocess.run(install, cwd=PRISM, check=False).returncode != 0:
            return None
    return program


def _start_and_requests(prism: Path, document: Path) -> None:
    ours = [sys.executable, "-m", "mailrith_lite", "sandbox", "--port"]
    theirs = [str(prism), "mock", str(document), "--host", "127.0.0.1", "--port"]
    starts = []
    for _ in range(3):
        with _begun(ours, "/healthz") as (_, mine), _begun(theirs, "/v1") as (_, prisms):
            starts.append((mine, prisms))
    mine, prisms = (statistics.median(column) for column in zip(*starts, strict=True))
    print(
        f"sandbox: first 200 after {mine / prisms:.2f} x Prism (at most 0.5)   {mine:.2f} s against {prisms:.2f} s"
    )
    with _begun(ours, "/healthz") as (port, _):
        served = asyncio.run(_requests(port))
    with _begun(theirs, "/v1") as (port, _):
        mocked = asyncio.run(_requests(port))
    print(
        f"sandbox: {served / mocked:.2f} x the requests of Prism (at least 1)"
        f"   {served:,.0f} a second against {mocked:,.0f}, {CONNECTIONS} connections"
    )


@contextlib.contextmanager
def _begun(command: list[str], path: str) -> Iterator[tuple[int, float]]:
    """The port, and the seconds from the process's start to its first 200."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*command, str(port)], stdout=quiet, stderr=quiet) as process:
        try:
            while not _answers(port, path):
                time.sleep(0.005)
            yield port, time.perf_counter() - began
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


async def _requests(port: int) -> float:
    """GETs of a list a second."""
    address = f"http://127.0.0.1:{port}/v1/tags"
    stop = time.monotonic() + SECONDS

    async def ask(session: aiohttp.ClientSession) -> int:
        count = 0
        while time.monotonic() < stop:
            async with session.get(address) as answer:
                await answer.read()
                assert answer.status == 200, answer.status
            count += 1
        return count

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        counts = await asyncio.gather(*(ask(session) for _ in range(CONNECTIONS)))
    return sum(counts) / SECONDS
