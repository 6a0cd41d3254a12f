"""A service for a whole test module, and requests that no HTTP client sends."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import KEY, Reply, Server

from mailrith_lite import clock
from mailrith_lite.access import keys
from mailrith_lite.http.signed_links import sign_path
from mailrith_lite.links import Links
from mailrith_lite.settings import Settings

IMPORTS = "/v1/jobs/subscriber-imports"
EXPORTS = "/v1/jobs/subscriber-exports"
EMAIL = {"csv_column": "Email", "field": {"type": "email"}}
AUTHORIZATION = f"Authorization: Bearer {KEY}\r\n".encode()
HOST = b"Host: localhost\r\nConnection: close\r\n"


def signed(server: Server, links: Links, path: str, expires: int) -> str:
    """The path with a valid signature for the first key. `expires`: in seconds."""
    key = server.wait(keys.select_active(server.services.database.lookup, KEY, clock.now()))
    return sign_path(links, path, keys.principal(key), expires * clock.SECOND)


@contextlib.contextmanager
def running_service(factory: pytest.TempPathFactory, **settings: Any) -> Iterator[Server]:
    """One service for many cases that do not affect each other. It sends no webhooks."""
    values = {"port": 0, "data_dir": factory.mktemp("standing") / "data", "bootstrap_key": KEY, **settings}
    with Server(Settings(**values)).serving() as server:
        server.wait(server.services.dispatcher.stop())
        yield server


def connect(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def exchange(server: Server, sent: bytes) -> Reply:
    """Sends the bytes as they are, and reads one response."""
    with connect(server) as connection:
        connection.sendall(sent)
        return read_reply(connection)


def read_reply(connection: socket.socket) -> Reply:
    """Reads a response with a Content-Length; only a streamed report has none."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _received(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += _received(connection)
    return Reply(int(first.split()[1]), headers, body)


def _received(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    assert piece, "the service closed the connection in the middle of an answer"
    return piece


def post(path: str, *headers: bytes, body: bytes = b"") -> bytes:
    """A POST as bytes, with only these headers and the Authorization."""
    lines = b"".join(line + b"\r\n" for line in headers)
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + AUTHORIZATION + lines + b"\r\n" + body


def sources(server: Server) -> list[Path]:
    """The files that wait in imports/."""
    return sorted(server.services.imports_directory.iterdir())


def unused(server: Server) -> bool:
    """Whether the service has no job, no idempotency record and no file, and answers."""
    made = server.rows("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM idempotency_records)")
    return made == [(0,)] and not sources(server) and server.call("GET", "/healthz", key=None).status == 200


def envelope(reply: Reply) -> tuple[int, str, str]:
    """Status, type and code of an error. Asserts that the envelope has the form of the contract."""
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-mailrith-request-id"]
    assert list(reply.json) == ["error"]
    error = reply.error
    assert isinstance(error["message"], str)
    assert error["message"].endswith(".")
    assert set(error) <= {
        "type",
        "code",
        "message",
        "details",
        "retry",
        "required_scopes",
        "missing_scopes",
        "replacement_scopes",
        "credential_type",
        "recovery",
    }
    assert set(error.get("details", {})) <= {"field", "reason", "resource"}
    return reply.status, error["type"], error["code"]
