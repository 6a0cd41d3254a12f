"""Transfers that stop halfway, and transfers at the same moment."""

import contextlib
import gzip
import http.client
import json
import select
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import Server
from uploading import CSV, PATIENCE, address, files, look, put, start, wait_for

from mailrith_lite.settings import Settings


def half_sent(server: Server, upload: Any, file: bytes) -> socket.socket:
    """A PUT that has sent half of its file."""
    parts = urlsplit(server.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
    head = f"PUT {address(server, upload)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(file)}\r\n\r\n"
    connection.sendall(head.encode() + file[: len(file) // 2])
    return connection


@pytest.mark.slow
def test_an_interrupted_transfer_can_be_repeated(server: Server) -> None:
    upload = start(server)
    large = b"Email,Name\n" + b"ada@example.com,Ada\n" * 200_000
    with half_sent(server, upload, large):
        wait_for(lambda: files(server) != [])
        assert look(server, upload)["status"] == "Pending"
    wait_for(lambda: files(server) == [])
    assert look(server, upload)["status"] == "Pending"
    assert put(server, upload, large).json["data"]["row_count"] == 200_000


def answer_of(connection: socket.socket) -> tuple[int, Any]:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, json.loads(answer.read())


LARGE = b"Email,Name\n" + b"ada@example.com,Ada\n" * 200_000


def test_a_newer_transfer_ends_a_stalled_one(server: Server) -> None:
    upload = start(server)
    with half_sent(server, upload, LARGE) as connection:
        wait_for(lambda: files(server) != [])
        assert put(server, upload, name="quick.csv").status == 200
        status, body = answer_of(connection)
        assert (status, body["error"]["code"]) == (409, "upload_superseded")
    assert look(server, upload)["file_name"] == "quick.csv"
    assert [path.read_bytes() for path in files(server)] == [CSV]


def test_of_stalled_transfers_to_one_upload_only_the_newest_stays(server: Server) -> None:
    upload = start(server)
    with contextlib.ExitStack() as stack:
        sent = [stack.enter_context(half_sent(server, upload, LARGE)) for _ in range(12)]
        wait_for(lambda: len(select.select(sent, [], [], 0)[0]) == len(sent) - 1)  # the others are answered
        assert len(files(server)) == 1
        assert put(server, upload).status == 200
        assert [path.read_bytes() for path in files(server)] == [CSV]


def test_transfers_at_once_leave_one_complete_file(server: Server) -> None:
    upload = start(server)
    sent = [b"Email,Name\n" + b"ada@example.com,Ada\n" * (1_000 * number) for number in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        statuses = {reply.status for reply in pool.map(lambda file: put(server, upload, file), sent)}
    assert 200 in statuses <= {200, 409}
    (path,) = files(server)
    assert path.read_bytes() in sent
    assert look(server, upload)["size_bytes"] == path.stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, Settings().max_transfers])
def test_the_transfers_of_a_workspace_are_limited(serve: Callable[..., Server], most: int) -> None:
    server = serve(max_transfers=most)
    started = [start(server) for _ in range(most + 1)]
    other = start(server, key=server.new_key(workspace="Other"))
    with contextlib.ExitStack() as stack:
        for upload in started[:-1]:
            stack.enter_context(half_sent(server, upload, LARGE))
        wait_for(lambda: len(files(server)) == most)
        reply = put(server, started[-1])
        assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (429, "queue_full", "5")
        assert put(server, other).status == 200
        assert put(server, started[0]).status == 200  # it replaces the earlier transfer
        assert put(server, started[-1]).status == 200
    assert look(server, started[-1])["status"] == "Ready"


@pytest.mark.slow
def test_a_newer_transfer_stops_the_conversion_of_an_earlier_file(server: Server) -> None:
    upload = start(server)
    legacy = gzip.compress(b"Email,Name\n" + b"zoe@example.com,Zo\xeb M\xfcller\n" * 3_000_000, 1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(put, server, upload, legacy)
        wait_for(lambda: any(path.suffix == ".utf8" for path in files(server)))
        assert put(server, upload).status == 200
        assert first.result().error["code"] == "upload_superseded"
    assert [path.read_bytes() for path in files(server)] == [CSV]
