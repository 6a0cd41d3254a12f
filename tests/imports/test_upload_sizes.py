"""How large an uploaded file may be, compressed and decompressed."""

import contextlib
import gzip
import http.client
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import Server
from uploading import CSV, address, files, finished, look, put, ready, start, submit

from mailrith_lite import errors
from mailrith_lite.imports.records import Layout
from mailrith_lite.imports.uploads import preview
from mailrith_lite.imports.uploads.arrival import Arrival

WESTERN = (
    "Email,Name\nzoe@example.com,Zoë Müller\njose@example.com,José Núñez\nrene@example.com,René “Le Grand” – 5 €\n"
)


def test_the_number_of_tiny_gzip_members_is_limited(server: Server) -> None:
    upload = start(server)
    lines = CSV.splitlines(keepends=True)
    assert (
        put(server, upload, b"".join(gzip.compress(line, mtime=0) for line in [*lines, *[lines[1]] * 900])).status
        == 200
    )
    reply = put(server, upload, gzip.compress(CSV, mtime=0) + gzip.compress(b"") * 200_000)
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert "too many tiny members" in reply.error["message"]


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(CSV, mtime=0),
        gzip.compress(CSV[:20], mtime=0) + gzip.compress(CSV[20:]),
        gzip.compress(CSV, mtime=0) + bytes(512),
        gzip.compress(b"", mtime=0) + gzip.compress(CSV),
    ],
    ids=["one member", "two members", "padded with zeros", "an empty member first"],
)
def test_a_gzip_file_is_decompressed_when_it_arrives(server: Server, packed: bytes) -> None:
    upload = ready(server, packed, name="list.csv.gz")
    uploaded = look(server, upload)
    assert (uploaded["row_count"], uploaded["size_bytes"]) == (2, len(packed))
    assert files(server)[0].read_bytes() == CSV
    assert finished(server, submit(server, upload))["imported_count"] == 2


def test_a_gzip_file_may_have_the_content_encoding_gzip(server: Server) -> None:
    upload = start(server)
    assert put(server, upload, gzip.compress(CSV, mtime=0), headers={"Content-Encoding": "gzip"}).status == 200
    assert put(server, upload, CSV, headers={"Content-Encoding": "br"}).status == 415


@pytest.mark.slow
def test_a_large_gzip_file_is_decompressed_completely(server: Server) -> None:
    text = b"Email,Name\n" + b"".join(b"user%d@example.com,Name %d\n" % (n, n) for n in range(200_000))
    assert put(server, start(server), gzip.compress(text, mtime=0)).json["data"]["row_count"] == 200_000
    assert files(server)[0].read_bytes() == text


def test_a_file_over_the_limit_is_refused_and_not_stored(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=1_000)
    upload = start(server)
    fitting = b"Email,Name\n" + b"x" * 989
    assert put(server, upload, fitting).status == 200
    for reply in (put(server, upload, fitting + b"x"), put(server, upload, b"x" * 5_000_000)):
        assert (reply.status, reply.error["code"]) == (413, "request_body_too_large")
        assert "1,000 bytes" in reply.error["message"]
    assert [path.read_bytes() for path in files(server)] == [fitting]


def test_a_file_of_unknown_length_is_refused_at_the_limit(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=100_000)
    parts = urlsplit(server.url)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        connection.request("PUT", address(server, start(server)), iter([b"ada@example.com\n" * 1_000] * 20))
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "request_body_too_large")
    assert files(server) == []


@pytest.mark.slow
def test_a_gzip_bomb_is_refused_while_it_is_decompressed(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=1_000_000)
    bomb = gzip.compress(b"Email\n" + b"a@example.com\n" * 10_000_000, mtime=0)
    assert len(bomb) < 1_000_000
    reply = put(server, start(server), bomb)
    assert (reply.status, reply.error["code"]) == (413, "request_body_too_large")
    assert "unpacks to more than 1,000,000 bytes" in reply.error["message"]
    assert files(server) == []


def test_no_byte_beyond_the_limit_is_written(tmp_path: Path) -> None:
    for compressed in (False, True):
        path = tmp_path / "file"
        data = gzip.compress(bytes(50_000_000), mtime=0) if compressed else bytes(50_000_000)
        with pytest.raises(errors.PayloadTooLarge), Arrival(path, 10_000_000) as arrival:
            for start in range(0, len(data), 1 << 20):
                arrival.write(data[start : start + (1 << 20)])
        assert path.stat().st_size <= 10_000_000


def test_the_pieces_in_which_a_file_arrives_do_not_matter(tmp_path: Path) -> None:
    chance = random.Random(7)
    for data in (CSV, gzip.compress(CSV, mtime=0), gzip.compress(CSV) + gzip.compress(CSV), WESTERN.encode()):
        plain = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        for _ in range(20):
            cuts = sorted(chance.sample(range(len(data) + 1), 6))
            pieces = [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
            with Arrival(tmp_path / "file", 1_000_000) as arrival:
                for piece in pieces:
                    arrival.write(piece)
                arrival.finish()
            assert (tmp_path / "file").read_bytes() == plain
            assert arrival.encoding == "utf-8"


def test_a_preview_has_as_many_cells_as_there_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    layout = Layout(delimiter=",", header_line=1, names=["Email", "Name"])
    path.write_bytes(b"Email,Name\n" + (b"x" + b"," * 200_000 + b"\n") * 9 + b"ada@example.com\n")
    tracemalloc.start()
    try:
        first = preview.read_preview(path, layout)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert first.rows == [["x", ""]] * preview.MAX_ROWS
    assert peak < 6_000_000


@pytest.mark.slow
def test_preview_does_not_read_on_through_many_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    layout = Layout(delimiter=",", header_line=1, names=["Email"])
    for blank in (b"\n" * 40_000_000, b"\t\n" * 2_000_000):
        path.write_bytes(b"Email\nada@example.com\n" + blank + b"bob@example.com\n")
        began = time.thread_time()
        assert preview.read_preview(path, layout).rows == [["ada@example.com"]]
        assert time.thread_time() - began < 1.5  # the whole file takes four seconds
