"""A receiver of webhooks: a real HTTP server on loopback. The library of the scheme verifies the signatures."""

import contextlib
import functools
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

PATIENCE = 30.0  # seconds


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes

    @functools.cached_property
    def event(self) -> Any:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        return str(self.event["type"])

    @property
    def data(self) -> Any:
        return self.event["data"]

    def verified(self, secret: str) -> Any:
        """The event, checked by the library. Raises if the signature is not valid."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass(frozen=True)
class Planned:
    """What the receiver answers. `wait`: the answer comes after this event is set."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    wait: threading.Event | None = None


class Receiver:
    def __init__(self) -> None:
        self.received: list[Received] = []
        self.plans: deque[Planned] = deque()
        self.otherwise = Planned()
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @contextlib.contextmanager
    def running(self) -> Iterator["Receiver"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def answer(self, *statuses: int, **more: Any) -> None:
        """The next requests get these statuses, later ones the usual answer."""
        self.plans.extend(Planned(status=status, **more) for status in statuses)

    def note(self, received: Received) -> Planned:
        with self._changed:
            self.received.append(received)
            planned = self.plans.popleft() if self.plans else self.otherwise
            self._changed.notify_all()
        return planned

    def wait_for(self, count: int) -> list[Received]:
        """Waits for `count` requests, and returns them."""
        return self.wait_until(lambda: len(self.received) >= count)[:count]

    def wait_until(self, condition: Callable[[], bool]) -> list[Received]:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), f"{len(self.received)} requests came"
            return list(self.received)

    def types(self) -> list[str]:
        return [one.type for one in self.received]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, *_: object) -> None:
        """Nothing: a service that gives up an attempt resets the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        planned = self.server.receiver.note(Received(self.path, headers, body))
        if planned.wait is not None:
            planned.wait.wait(PATIENCE)
        with contextlib.suppress(ConnectionError):
            self.send_response(planned.status)
            for name, value in planned.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(planned.body)))
            self.end_headers()
            self.wfile.write(planned.body)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at `received`."""
