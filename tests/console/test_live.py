"""Live parts: the events of a stream, how a stream ends, and the limits of streams."""

import contextlib
import time
from collections.abc import Callable, Generator

import pytest
from conftest import Server

from mailrith_lite.console.live import MAX_STREAMS, MAX_STREAMS_PER_SESSION

from .job_states import queue_export, wake
from .visitor import Visitor, signed_in

Stream = Generator[tuple[str, str], None, None]
_TIMEOUT = 10  # seconds; a ping fails later than that


class Refused(Exception):
    """The response is not a stream. The argument is its status."""


def events(visitor: Visitor, path: str) -> Stream:
    """The events of a stream, as (event, data), until it ends."""
    connection = visitor.connect()
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
def test_stream_sends_changes_until_the_job_ends(serve: Callable[..., Server], path: str) -> None:
    server = serve()
    job = queue_export(server)
    stream = events(signed_in(server), path.format(job=job))
    name, data = next(stream)
    assert name == "part"
    assert "Queued" in data
    wake(server)
    *parts, end = stream
    assert "Completed" in parts[-1][1]
    assert end == ("end", "final")


def test_polled_part_equals_the_streamed_part(serve: Callable[..., Server]) -> None:
    server = serve()
    job = queue_export(server)
    visitor = signed_in(server)
    stream = events(visitor, f"/console/exports/{job}/live")
    part = visitor.get(f"/console/exports/{job}/part")
    assert next(stream) == ("part", part.body.decode())
    assert "x-final" not in part.headers
    wake(server)
    server.drain()
    assert visitor.get(f"/console/exports/{job}/part").headers["x-final"] == "true"
    assert list(stream)[-1] == ("end", "final")


def test_stream_ends_with_the_session(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    stream = events(visitor, f"/console/exports/{queue_export(server)}/live")
    next(stream)
    assert visitor.post("/console/sign-out").status == 303
    assert list(stream) == [("end", "over")]


def test_streams_end_when_the_service_stops(serve: Callable[..., Server]) -> None:
    server = serve()
    stream = events(signed_in(server), f"/console/exports/{queue_export(server)}/live")
    next(stream)
    server.services.stopping = True
    assert list(stream) == [("end", "over")]


def open_streams(visitor: Visitor, path: str, count: int) -> list[Stream]:
    """Opens streams, and waits for the first event of each."""
    streams = [events(visitor, path) for _ in range(count)]
    for stream in streams:
        next(stream)
    return streams


@pytest.mark.slow
def test_stream_over_the_total_limit_is_refused_and_the_part_can_be_polled(serve: Callable[..., Server]) -> None:
    server = serve()
    job, visitors = (
        queue_export(server),
        [signed_in(server) for _ in range(MAX_STREAMS // MAX_STREAMS_PER_SESSION + 1)],
    )
    path = f"/console/exports/{job}/live"
    streams = [
        stream for visitor in visitors[:-1] for stream in open_streams(visitor, path, MAX_STREAMS_PER_SESSION)
    ]
    visitor = visitors[-1]
    refused = visitor.get(path)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert visitor.get(f"/console/exports/{job}/part").status == 200
    wake(server)
    for stream in streams:
        assert list(stream)[-1] == ("end", "final")
    assert [name for name, _ in events(visitor, f"/console/exports/{job}/live")] == ["part", "end"]


def test_stream_over_the_limit_of_a_session_is_refused_for_that_session_only(serve: Callable[..., Server]) -> None:
    server = serve()
    path = f"/console/exports/{queue_export(server)}/live"
    greedy, other = signed_in(server), signed_in(server)
    streams = open_streams(greedy, path, MAX_STREAMS_PER_SESSION)
    assert greedy.get(path).status == 429
    streams += open_streams(other, path, 1)
    wake(server)
    for stream in streams:
        assert list(stream)[-1] == ("end", "final")


def test_closed_page_frees_its_stream_without_a_change_of_the_job(serve: Callable[..., Server]) -> None:
    server = serve()
    path = f"/console/exports/{queue_export(server)}/live"
    visitor = signed_in(server)
    for _ in range(2):
        streams = open_streams_when_free(visitor, path, MAX_STREAMS_PER_SESSION)
        assert visitor.get(path).status == 429
        for stream in streams:
            stream.close()
    assert open_streams_when_free(visitor, path, 1)


def open_streams_when_free(visitor: Visitor, path: str, count: int) -> list[Stream]:
    """Tries again, as a page does, until there is room for each stream."""
    deadline = time.monotonic() + _TIMEOUT
    streams: list[Stream] = []
    while len(streams) < count and time.monotonic() < deadline:
        stream = events(visitor, path)
        with contextlib.suppress(Refused):
            next(stream)
            streams.append(stream)
    assert len(streams) == count
    return streams
