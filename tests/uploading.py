"""Shared by the tests of uploads: start an upload, send its file, import it, list the files."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from conftest import KEY, MAPPINGS, Reply, Server

UPLOADS = "/v1/jobs/subscriber-import-uploads"
IMPORTS = "/v1/jobs/subscriber-imports"
PATIENCE = 30  # seconds; much more than needed
CSV = b"Email,Name\nada@example.com,Ada Lovelace\nbob@example.com,Bob\n"


def start(server: Server, key: str = KEY) -> Any:
    reply = server.call("POST", UPLOADS, key=key)
    assert reply.status == 201, reply.body
    return reply.json["data"]


def address(server: Server, upload: Any) -> str:
    """The path and the query of the upload link."""
    return str(upload["upload_url"]).removeprefix(server.url)


def put(
    server: Server,
    upload: Any,
    file: bytes = CSV,
    *,
    name: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    path = address(server, upload) + ("" if name is None else f"&file_name={quote(name)}")
    return server.call("PUT", path, file, key=None, headers=headers)


def look(server: Server, upload: Any, key: str = KEY) -> Any:
    reply = server.call("GET", upload["self"], key=key)
    assert reply.status == 200, reply.body
    return reply.json["data"]


def ready(server: Server, file: bytes = CSV, *, name: str | None = None) -> Any:
    """An upload with the file."""
    upload = start(server)
    reply = put(server, upload, file, name=name)
    assert reply.status == 200, reply.body
    return upload


def submit(server: Server, upload: Any, *, headers: Mapping[str, str] | None = None, **body: Any) -> Reply:
    return server.call("POST", IMPORTS, {"upload_id": upload["id"], "mappings": MAPPINGS, **body}, headers=headers)


def finished(server: Server, reply: Reply) -> Any:
    assert reply.status == 202, reply.body
    server.drain()
    return server.call("GET", reply.json["data"]["self"]).json["data"]


def files(server: Server, directory: str = "uploads") -> list[Path]:
    return sorted((server.settings.data_dir / directory).iterdir())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
