"""Progress as it happens: the events of a stream, and how a stream ends."""

import contextlib
import http.client
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from conftest import Server

from mailrith_lite.console import live

from .staged import waiting_export, wake
from .visitor import Visitor, signed_in


def events(visitor: Visitor, path: str) -> Iterator[tuple[str, str]]:
    """(event, data) of a stream, until it ends."""
    connection = http.client.HTTPConnection(urlsplit(visitor.server.url).netloc, timeout=30)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in visitor.cookies.items())
    connection.request("GET", path, headers={"Cookie": cookie, "Accept": "text/event-stream"})
    answer = connection.getresponse()
    assert answer.status == 200
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


def test_a_page_that_gets_no_stream_is_told(serve: Callable[..., Server]) -> None:
    server = serve()
    job, visitor = waiting_export(server), signed_in(server)
    streams = [events(visitor, f"/console/exports/{job}/live") for _ in range(live.MOST)]
    for stream in streams:
        next(stream)
    refused = visitor.get(f"/console/exports/{job}/live")
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert visitor.get(f"/console/exports/{job}/part").status == 200
    wake(server)
    for stream in streams:
        assert list(stream)[-1] == ("end", "final")
    assert [name for name, _ in events(visitor, f"/console/exports/{job}/live")] == ["part", "end"]
