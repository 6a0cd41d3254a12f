"""What webhooks cost an import, how fast one subscription gets its events, and what they cost other requests."""

import asyncio
import contextlib
import http.server
import json
import queue
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import rows
from benchmarks.load import load_for, p99
from benchmarks.result import print_result
from benchmarks.service import Service, serving
from benchmarks.speed import ROWS, field_ids
from mailrith_lite.data_directory import DATABASE_FILE

SECONDS = 8.0
WAITING = 1_000_000
"""Events that wait while the deliveries are measured."""
CHANGES = 200
_RECEIVER = """
import asyncio, sys
class Receiver(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.received = transport, b""
    def data_received(self, data):
        self.received += data
        while b"\\r\\n\\r\\n" in self.received:
            head, _, rest = self.received.partition(b"\\r\\n\\r\\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\\r\\n")[0])
            if len(rest) < size:
                return
            self.received = rest[size:]
            self.transport.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
async def main():
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def measure() -> None:
    text = rows.csv_text(ROWS)
    without = min(_import(text, subscribed=False) for _ in range(2))
    again = _import(text, subscribed=False)
    print_result(
        "import without a subscription, compared with another one",
        again / without,
        "times",
        limit=1.15,
        details=f"{again:.2f} s and {without:.2f} s",
    )
    with_one = min(_import(text, subscribed=True) for _ in range(2))
    print_result(
        f"import of {ROWS:,} rows with a subscription to subscriber.*",
        with_one / without,
        "times the import without one",
        limit=1.4,
        details=f"{with_one:.2f} s and {without:.2f} s",
    )
    _measure_delivery(rows.csv_text(WAITING))
    _measure_neighbour()


def _import(text: str, *, subscribed: bool) -> float:
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder)) as (service, url):
        body = rows.import_body(text, field_ids(service))
        if subscribed:
            _subscribe(service, url)
        seconds, _ = service.run_job("import", body)
        return seconds


def _measure_delivery(text: str) -> None:
    """Once the search index has the people of the import. Most of its events still wait then."""
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder)) as (service, url):
        subscription = _subscribe(service, url)
        _, job = service.run_job("import", rows.import_body(text, field_ids(service)))
        _wait_for_index(Path(folder) / DATABASE_FILE)
        before, memory = _attempts(service, subscription), service.memory("VmRSS")
        began = time.perf_counter()
        time.sleep(SECONDS)
        sent, took = _attempts(service, subscription) - before, time.perf_counter() - began
        print_result(
            "deliveries to one subscription",
            sent / took,
            "a second",
            limit=1_000,
            least=True,
            details=f"memory {memory:.0f} MiB, then {service.memory('VmRSS'):.0f} MiB",
        )
        busy = asyncio.run(load_for(f"{service.address}{job['self']}", SECONDS / 2))
        service.request("PUT", subscription, json.dumps({"status": "disabled"}).encode())
        idle = asyncio.run(load_for(f"{service.address}{job['self']}", SECONDS / 2))
        print_result(
            "GET of a job during deliveries, p99",
            p99(busy) / p99(idle),
            "times the idle service",
            limit=3,
            details=f"p99 {p99(busy):.1f} ms and {p99(idle):.1f} ms",
        )


def _wait_for_index(database: Path) -> None:
    """It follows the imports, and takes about half of the processor until then."""
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        query = "SELECT (SELECT max(id) FROM subscribers) <= (SELECT up_to_id FROM search_state)"
        while connection.execute(query).fetchone() != (1,):
            time.sleep(0.5)


def _measure_neighbour() -> None:
    """How long a change takes to its receiver, alone and beside a receiver that never answers."""
    with (
        _Arrivals() as arrivals,
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as dead,  # the kernel connects, and nobody reads
        serving(Path(folder) / "data", allow_private_webhooks="on") as service,
    ):
        _subscribe(service, arrivals.address)
        person = service.request("POST", "/v1/subscribers", b'{"email": "ada@example.com"}')["data"]["self"]
        arrivals.wait()
        alone = [_delay(service, arrivals, person, number) for number in range(CHANGES)]
        _subscribe(service, f"http://127.0.0.1:{dead.getsockname()[1]}/", name="Dead")
        beside = [_delay(service, arrivals, person, number) for number in range(CHANGES)]
    print_result(
        "delay of an event, beside a receiver that never answers, median",
        statistics.median(beside) / statistics.median(alone),
        "times the delay without it",
        limit=1.25,
        details=f"median {statistics.median(beside):.1f} ms and {statistics.median(alone):.1f} ms",
    )


def _delay(service: Service, arrivals: "_Arrivals", person: str, number: int) -> float:
    """Milliseconds from a change of the person to its event."""
    began = time.perf_counter()
    service.request("PATCH", person, json.dumps({"name": f"Ada {began} {number}"}).encode())
    return (arrivals.wait() - began) * 1_000


class _Arrivals:
    """A receiver that notes when each event arrives."""

    def __init__(self) -> None:
        self._times: queue.Queue[float] = queue.Queue()
        times = self._times

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                times.put(time.perf_counter())
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Prints nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> "_Arrivals":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self) -> float:
        """The time of the next event."""
        return self._times.get(timeout=60)


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[tuple[Service, str]]:
    """A new service on this data directory, and the address of a receiver."""
    with (
        _receiver() as url,
        serving(folder, allow_private_webhooks="on", max_body_bytes=str(256 << 20)) as service,
    ):
        yield service, url


def _subscribe(service: Service, url: str, name: str = "Receiver") -> str:
    """The path of the subscription."""
    body = json.dumps({"name": name, "url": url, "event_patterns": ["subscriber.*"]}).encode()
    path: str = service.request("POST", "/v1/webhook-subscriptions", body)["data"]["subscription"]["self"]
    return path


def _attempts(service: Service, subscription: str) -> int:
    return int(service.request("GET", subscription)["data"]["delivery_attempts"])


@contextlib.contextmanager
def _receiver() -> Iterator[str]:
    """The address of a receiver in a process of its own, which does as little as possible."""
    with subprocess.Popen([sys.executable, "-c", _RECEIVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
        finally:
            process.terminate()
