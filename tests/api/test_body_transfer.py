"""How bodies arrive: in pieces, interrupted, and larger than memory allows."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Server
from wire import EMAIL, EXPORTS, IMPORTS, connect, post, sources, unused

JSON = {"Content-Type": "application/json"}


def text(csv_text: Any) -> dict[str, Any]:
    return {"csv_text": csv_text, "mappings": [EMAIL]}


def test_a_connection_that_closes_in_the_middle_of_a_body_leaves_nothing(serve: Callable[..., Server]) -> None:
    server = serve(max_body_bytes=8 << 20)
    for size in (100, 3 << 20):
        head = post(IMPORTS, b"Content-Length: %d" % (7 << 20), b"Idempotency-Key: k")
        with connect(server) as connection:
            connection.sendall(head + b'{"csv_text": "' + b"x" * size)
            # a reset arrives at once, unlike an orderly end
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for size in (100, 3 << 20):
        with connect(server) as connection:
            connection.sendall(post(IMPORTS, b"Transfer-Encoding: chunked") + b"%x\r\n" % (7 << 20) + b" " * size)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    assert server.call("POST", "/v1/tags", {"name": "still here"}).status == 201
    server.wait(idle(server))
    assert unused(server)


async def idle(server: Server) -> None:
    """Waits until all other tasks of the loop are done."""
    others = {task for task in asyncio.all_tasks() if "_handle_request" in repr(task.get_coro())}
    await asyncio.gather(*others, return_exceptions=True)


def test_a_body_in_many_small_pieces_is_complete(server: Server) -> None:
    body = json.dumps(text("Email\n" + "".join(f"user{n}@example.com\n" for n in range(200)))).encode()
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(post(IMPORTS, b"Transfer-Encoding: chunked"))
        for start in range(0, len(body), 7):
            piece = body[start : start + 7]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 202"
    server.drain()
    assert server.rows("SELECT created_count FROM jobs") == [(200,)]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 1, 5 << 20])
def test_a_body_around_the_memory_limit_is_complete(server: Server, size: int) -> None:
    empty = len(json.dumps(text("Email,Note\n")))
    row = "user{:05}@example.com,{}\\n"
    count, rest = divmod(size - empty, 10_000)
    notes = [10_000 - len(row.format(0, "")) + (rest if number == 0 else 0) for number in range(count)]
    rows = "".join(row.format(number, "x" * length) for number, length in enumerate(notes))
    sent = json.dumps(text("Email,Note\n")).replace("Note\\n", f"Note\\n{rows}").encode()
    assert len(sent) == size
    assert server.call("POST", IMPORTS, sent, headers=JSON).status == 202
    server.drain()
    assert server.rows("SELECT created_count FROM jobs") == [(count,)]
    assert not sources(server)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tags", {"name": "x", "description": "x" * (1 << 20)}),
        ("/v1/custom-fields", {"label": "x", "type": "Single Select", "settings": {"options": ["x"] * 400_000}}),
        (EXPORTS, {"query": "x" * (1 << 20)}),
        (IMPORTS, text("Email\n") | {"existing_tag_ids": ["x"] * 400_000}),
        (IMPORTS, text("Email\n" * 200_000) | {"mappings": [EMAIL] * 40_000}),
    ],
)
def test_only_csv_text_can_exceed_the_memory_limit(server: Server, path: str, body: dict[str, Any]) -> None:
    reply = server.call("POST", path, body)
    assert (reply.status, reply.error["code"]) == (413, "request_body_too_large")
    assert "1,048,576" in reply.error["message"]
    assert not sources(server)
