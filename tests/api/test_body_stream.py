"""Bodies that arrive slowly, or not to their end."""

import asyncio
import gc
import select
import socket
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from conftest import Server
from uploading import address, start
from wire import HOST, IMPORTS, connect, envelope, post, read_reply

from mailrith_lite.http import body_stream


@pytest.fixture
def impatient(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> Server:
    """A service that counts the speed of a body from its first fifth of a second on."""
    monkeypatch.setattr(body_stream, "SILENCE", 0.2)
    return serve(min_body_speed=1_000)


def drip(connection: socket.socket) -> Iterator[bytes]:
    """Sends a byte every 20 ms until the service answers."""
    while not select.select([connection], [], [], 0.02)[0]:
        connection.sendall(b"x")
        yield b"x"


def put_head(server: Server) -> bytes:
    return f"PUT {address(server, start(server))} HTTP/1.1\r\n".encode() + HOST + b"Content-Length: 1000000\r\n\r\n"


def form_head(server: Server) -> bytes:
    lines = b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
    return f"POST {address(server, start(server))} HTTP/1.1\r\n".encode() + HOST + lines


def json_head(server: Server) -> bytes:
    return post(IMPORTS, b"Content-Length: 1000000")


@pytest.mark.parametrize("head", [put_head, form_head, json_head])
def test_body_that_arrives_too_slowly_is_refused(impatient: Server, head: Callable[[Server], bytes]) -> None:
    with connect(impatient) as connection:
        connection.sendall(head(impatient))
        assert sum(1 for _ in drip(connection)) > 1
        reply = read_reply(connection)
    assert envelope(reply) == (400, "invalid_request", "invalid_http")
    assert "too slowly" in reply.error["message"]


def test_body_above_the_lowest_speed_is_received(impatient: Server) -> None:
    body = b" " * 5_000 + b"{}"
    with connect(impatient) as connection:
        connection.sendall(post(IMPORTS, b"Content-Length: %d" % len(body)) + body[:4_000])
        for byte in body[4_000:4_020]:  # for twice as long as the service may wait without a pause
            assert not select.select([connection], [], [], 0.02)[0]
            connection.sendall(bytes([byte]))
        connection.sendall(body[4_020:])
        assert "arrives too slowly" not in read_reply(connection).error["message"]


@pytest.mark.own_service
@pytest.mark.parametrize("framing", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"])
def test_body_is_freed_when_the_client_hangs_up(server: Server, framing: bytes) -> None:
    """Without the garbage collector, which runs rarely in the service."""

    def hang_up() -> None:
        with connect(server) as connection:
            prefix = b"f4000\r\n" if b"chunked" in framing else b""
            connection.sendall(post(IMPORTS, framing) + prefix + b" " * 900_000)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
        server.wait(_idle())

    hang_up()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(10):
            hang_up()
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
        gc.enable()


async def _idle() -> None:
    """Until every request is done."""
    while others := [task for task in asyncio.all_tasks() if "RequestHandler" in repr(task.get_coro())]:
        await asyncio.wait(others)
