"""Uploads of one workspace do not delay those of another, and end when their client leaves."""

import gzip
import select
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from conftest import Server
from uploading import CSV, address, files, look, put, start

PATIENCE = 30  # seconds; much more than needed
SLOW = b"Email\n" + b"a\n" * 20_000_000
"""Its rows take many seconds to count, in a process of its own."""


def send(server: Server, file: bytes) -> tuple[socket.socket, dict[str, str]]:
    """A PUT of the whole file, whose answer nobody has read yet, and its upload."""
    upload = start(server)
    parts = urlsplit(server.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
    head = f"PUT {address(server, upload)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(file)}\r\n\r\n"
    connection.sendall(head.encode() + file)
    return connection, upload


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline


def test_small_file_of_another_workspace_does_not_wait_for_large_ones(server: Server) -> None:
    key = server.new_key(workspace="Other")
    (first, _), (second, _) = send(server, SLOW), send(server, SLOW)
    with first, second:
        wait_for(lambda: sum(file.stat().st_size for file in files(server)) == 2 * len(SLOW))
        assert put(server, start(server, key)).status == 200
        assert put(server, start(server)).status == 200
        assert not select.select([first, second], [], [], 0)[0]
    wait_for(lambda: len(files(server)) == 2)


def test_analysis_ends_when_the_client_leaves(server: Server) -> None:
    connection, upload = send(server, SLOW)
    wait_for(lambda: sum(file.stat().st_size for file in files(server)) == len(SLOW))
    connection.close()
    wait_for(lambda: files(server) == [])
    assert look(server, upload)["status"] == "Pending"
    assert put(server, upload, CSV).status == 200


@pytest.mark.slow
def test_gzip_file_that_unpacks_to_much_more_than_its_size_is_refused(server: Server) -> None:
    reply = put(server, start(server), gzip.compress(b"Email\n" + b"\n" * (64 << 20), mtime=0))
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert "200 times its size; send it uncompressed" in reply.error["message"]
    assert files(server) == []


def test_small_gzip_file_may_unpack_to_a_few_mebibytes_at_any_ratio(server: Server) -> None:
    row = b"a" * 9_999 + b"\n"
    reply = put(server, start(server), gzip.compress(b"Email\n" + row * 1_500, mtime=0))
    assert (reply.status, reply.json["data"]["row_count"]) == (200, 1_500)
