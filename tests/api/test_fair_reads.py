"""Slow reads of one workspace: they have a deadline, end with their client, and do not delay other workspaces."""

import asyncio
import contextlib
import logging
import queue
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

import pytest
from api_records import data_of, definition, segment
from conftest import KEY, Server
from wire import EMAIL, EXPORTS, IMPORTS

from mailrith_lite import logs
from mailrith_lite.api import protocol
from mailrith_lite.database.connection import SHARE

SEARCH = "/v1/tags?search=a"  # compares every row, so a reader runs it
CSV = {"csv_text": "Email\na@example.com\n", "mappings": [EMAIL]}


@contextlib.contextmanager
def entered(server: Server, make_context: Callable[[], AbstractAsyncContextManager[Any]]) -> Iterator[None]:
    """Enters an asynchronous context on the server's loop, and leaves it at the end."""

    async def run(inside: asyncio.Future[None], left: asyncio.Event) -> None:
        async with make_context():
            inside.set_result(None)
            await left.wait()

    async def start() -> tuple[asyncio.Task[None], asyncio.Event]:
        inside, left = asyncio.get_running_loop().create_future(), asyncio.Event()
        task = asyncio.create_task(run(inside, left))
        await inside
        return task, left

    async def stop(task: asyncio.Task[None], left: asyncio.Event) -> None:
        left.set()
        await task

    started = server.wait(start())
    try:
        yield
    finally:
        server.wait(stop(*started))


@contextlib.contextmanager
def busy_workspace(server: Server, workspace_id: int = 1) -> Iterator[None]:
    """Uses all the readers that the workspace may have."""

    @contextlib.asynccontextmanager
    async def hold() -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(SHARE):
                readers = server.services.database._readers
                await stack.enter_async_context(readers.take(workspace_id, consistent=False))
            yield

    with entered(server, hold):
        yield


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.fields: queue.Queue[dict[str, Any]] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.fields.put(record.fields)  # type: ignore[attr-defined]


@pytest.fixture
def access_log() -> Iterator[queue.Queue[dict[str, Any]]]:
    lines, level = _Lines(), logs.access.level
    logs.access.addHandler(lines)
    logs.access.setLevel(logging.INFO)
    yield lines.fields
    logs.access.removeHandler(lines)
    logs.access.setLevel(level)


def test_read_past_its_deadline_is_refused_and_others_are_answered(serve: Callable[..., Server]) -> None:
    server = serve(query_timeout=1)
    other = server.new_key(workspace="Other")
    with busy_workspace(server):
        reply = server.call("GET", SEARCH)
        assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (503, "query_too_slow", "1")
        assert "Narrow it" in reply.error["message"]
        assert server.call("GET", SEARCH, key=other).status == 200
        assert server.call("GET", "/healthz", key=None).status == 200
    assert server.call("GET", SEARCH).status == 200


def test_job_runs_while_its_workspace_waits_for_readers(server: Server) -> None:
    with busy_workspace(server):
        assert server.call("POST", IMPORTS, CSV).status == 202
        server.drain()
    assert server.rows("SELECT status FROM jobs") == [("Completed",)]


def test_read_ends_when_its_client_hangs_up(server: Server, access_log: "queue.Queue[dict[str, Any]]") -> None:
    address = urlsplit(server.url)
    with busy_workspace(server):
        with socket.create_connection((address.hostname, address.port), timeout=10) as client:
            head = f"GET {SEARCH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
            client.sendall(head.encode())
            while not server.wait(is_waiting(server)):
                pass
        assert access_log.get(timeout=10)["status"] == 499
        assert not server.wait(is_waiting(server))


async def is_waiting(server: Server) -> bool:
    await asyncio.sleep(0)
    return bool(server.services.database._readers._turns._waiting)


CHANGES: dict[str, Callable[[Server], tuple[str, str, Any]]] = {
    "segment": lambda s: ("PUT", segment(s, "Everybody", definition("form", "is_empty"))["self"], {"name": "New"}),
    "canceled export": lambda s: ("POST", f"{queued(s, EXPORTS, {})['self']}/cancel", None),
    "canceled import": lambda s: ("POST", f"{queued(s, IMPORTS, CSV)['self']}/cancel", None),
}


def queued(server: Server, path: str, body: Any) -> Any:
    server.services.runner._concurrency = 0
    return data_of(server.call("POST", path, body))


@pytest.mark.parametrize("prepare", CHANGES.values(), ids=CHANGES)
def test_committed_change_is_answered_while_no_reader_is_free(
    serve: Callable[..., Server], prepare: Callable[[Server], tuple[str, str, Any]]
) -> None:
    server = serve(query_timeout=1)
    method, path, body = prepare(server)
    database = server.services.database

    async def change_is_waiting() -> bool:
        await asyncio.sleep(0)
        return database._contended_at != contended_at  # by a request: housekeeping does not count

    with ThreadPoolExecutor(1) as threads, contextlib.ExitStack() as busy:
        with entered(server, database.write):  # also a change of everybody, after which saved counts are not valid
            contended_at = database._contended_at
            reply = threads.submit(server.call, method, path, body)
            while not server.wait(change_is_waiting()):
                pass
            busy.enter_context(busy_workspace(server))
        assert reply.result(30).status == 200


@pytest.mark.own_service
def test_connections_leave_file_descriptors_for_the_database_and_for_jobs(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "most_connections", lambda: 5)
    address = urlsplit(server.url)
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=30))
            for _ in range(6)
        ]
        assert clients[5].recv(1) == b""
        clients[4].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert clients[4].recv(1) == b"H"


def test_most_connections_is_below_the_limit_of_file_descriptors() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 0 < protocol.most_connections() < soft
