"""Progress as it happens: the events of a stream, and how a stream ends."""

import contextlib
import http.client
import time
from collections.abc import Callable, Generator
from urllib.parse import urlsplit

import pytest
from conftest import Server

from mailrith_lite.console import live

from .staged import waiting_export, wake
from .visitor import Visitor, signed_in

Stream = Generator[tuple[str, str], None, None]
_PATIENCE = 10  # seconds; less than it takes until a ping fails


class Refused(Exception):
    """There is no stream."""


def events(visitor: Visitor, path: str) -> Stream:
    """(event, data) of a stream, until it ends."""
    connection = http.client.HTTPConnection(urlsplit(visitor.server.url).netloc, timeout=30)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in visitor.cookies.items())
    connection.request("GET", path, headers={"Cookie": cookie, "Accept": "text/event-stream"})
    answer = connection.getresponse()
    if answer.status != 200:
        connection.close()
        raise Refused(answer.status)
    assert answer.headers["Content-Type"] == "text/event-stream"
    with contextlib.closing(connection):
        name, data = "", []
        for line in answer:
            field, _, value = line.decode().rstrip("\r\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif not field and data:
                yield name, "\n".join(data)
                name, data = "", []


@pytest.mark.parametrize("path", ["/console/exports/{job}/live", "/console/live"])
def test_a_stream_tells_what_changes_until_the_end(serve: Callable[..., Server], path: str) -> None:
    server = serve()
    job = waiting_export(server)
    stream = events(signed_in(server), path.format(job=job))
    name, data = next(stream)
    assert name == "part"
    assert "Queued" in data
    wake(server)
    *parts, end = stream
    assert "Completed" in parts[-1][1]
    assert end == ("end", "final")


def test_a_part_is_what_the_stream_would_tell(serve: Callable[..., Server]) -> None:
    server = serve()
    job = waiting_export(server)
    visitor = signed_in(server)
    stream = events(visitor, f"/console/exports/{job}/live")
    part = visitor.get(f"/console/exports/{job}/part")
    assert next(stream) == ("part", part.body.decode())
    assert "x-final" not in part.headers
    wake(server)
    server.drain()
    assert visitor.get(f"/console/exports/{job}/part").headers["x-final"] == "true"
    assert list(stream)[-1] == ("end", "final")


def test_a_stream_ends_when_the_session_does(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    stream = events(visitor, f"/console/exports/{waiting_export(server)}/live")
    next(stream)
    assert visitor.post("/console/sign-out").status == 303
    assert list(stream) == [("end", "over")]


def test_the_service_stops_while_streams_are_open(serve: Callable[..., Server]) -> None:
    server = serve()
    stream = events(signed_in(server), f"/console/exports/{waiting_export(server)}/live")
    next(stream)
    server.services.stopping = True
    assert list(stream) == [("end", "over")]


def begun(visitor: Visitor, path: str, count: int) -> list[Stream]:
    """So many streams, each of which has told its first event."""
    streams = [events(visitor, path) for _ in range(count)]
    for stream in streams:
        next(stream)
    return streams


def test_a_page_that_gets_no_stream_is_told(serve: Callable[..., Server]) -> None:
    server = serve()
    job, visitors = (
        waiting_export(server),
        [signed_in(server) for _ in range(live.MAX_STREAMS // live.MAX_STREAMS_PER_SESSION + 1)],
    )
    path = f"/console/exports/{job}/live"
    streams = [stream for visitor in visitors[:-1] for stream in begun(visitor, path, live.MAX_STREAMS_PER_SESSION)]
    visitor = visitors[-1]
    refused = visitor.get(path)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert visitor.get(f"/console/exports/{job}/part").status == 200
    wake(server)
    for stream in streams:
        assert list(stream)[-1] == ("end", "final")
    assert [name for name, _ in events(visitor, f"/console/exports/{job}/live")] == ["part", "end"]


def test_one_visitor_keeps_no_stream_from_another(serve: Callable[..., Server]) -> None:
    server = serve()
    path = f"/console/exports/{waiting_export(server)}/live"
    greedy, other = signed_in(server), signed_in(server)
    streams = begun(greedy, path, live.MAX_STREAMS_PER_SESSION)
    assert greedy.get(path).status == 429
    streams += begun(other, path, 1)
    wake(server)
    for stream in streams:
        assert list(stream)[-1] == ("end", "final")


def test_a_page_that_was_closed_makes_room_although_nothing_changes(serve: Callable[..., Server]) -> None:
    server = serve()
    path = f"/console/exports/{waiting_export(server)}/live"
    visitor = signed_in(server)
    for _ in range(2):
        streams = begun_at_last(visitor, path, live.MAX_STREAMS_PER_SESSION)
        assert visitor.get(path).status == 429
        for stream in streams:
            stream.close()
    assert begun_at_last(visitor, path, 1)


def begun_at_last(visitor: Visitor, path: str, count: int) -> list[Stream]:
    """Each asked for again, as a page does, until there is room for it."""
    deadline = time.monotonic() + _PATIENCE
    streams: list[Stream] = []
    while len(streams) < count and time.monotonic() < deadline:
        stream = events(visitor, path)
        with contextlib.suppress(Refused):
            next(stream)
            streams.append(stream)
    assert len(streams) == count
    return streams
