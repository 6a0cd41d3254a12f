"""Forms that would cost much memory or time: each is refused early, and other requests do not wait."""

import contextlib
import time
from collections.abc import Iterator

import pytest
from conftest import Reply, Server
from uploading import address, look, start
from wire import HOST, connect, envelope, exchange, read_reply, running_service

BOUNDARY = b"----boundary7MA4YWxkTrZu0gW"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LIMIT = 1 << 20
FILE = b'Content-Disposition: form-data; name="file"; filename="list.csv"\r\n\r\n'
FIELD = b'Content-Disposition: form-data; name="x"\r\n\r\n'
TOO_LARGE = (413, "invalid_request", "request_body_too_large")
BROKEN = (400, "invalid_request", "invalid_http")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory, max_upload_bytes=LIMIT) as server:
        yield server


def part(head: bytes, content: bytes = b"", boundary: bytes = BOUNDARY) -> bytes:
    return b"--" + boundary + b"\r\n" + head + content + b"\r\n"


def end(boundary: bytes = BOUNDARY) -> bytes:
    return b"--" + boundary + b"--\r\n"


def form_head(server: Server, *headers: bytes, boundary: bytes = BOUNDARY) -> bytes:
    """The head of a POST of a form to a new upload link."""
    path = address(server, start(server))
    kind = b"Content-Type: multipart/form-data; boundary=" + boundary + b"\r\n"
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + kind + b"".join(headers)


def send_form(server: Server, body: bytes, boundary: bytes = BOUNDARY) -> Reply:
    """The service may answer and close before it has read the whole body."""
    sent = form_head(server, b"Content-Length: %d\r\n\r\n" % len(body), boundary=boundary) + body
    with connect(server) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        return read_reply(connection)


CSV = b"Email\nada@example.com\n"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        pytest.param(part(FIELD, b"1") * 20_000 + part(FILE, CSV) + end(), TOO_LARGE, id="many parts"),
        pytest.param(b"x" * 500_000 + b"\r\n" + part(FILE, CSV) + end(), TOO_LARGE, id="long preamble"),
        pytest.param(b"\r\n--" * 100_000 + b"\r\n" + part(FILE, CSV) + end(), TOO_LARGE, id="dashes"),
        pytest.param(part(FIELD, b"x" * 500_000) + part(FILE, CSV) + end(), TOO_LARGE, id="long field"),
        pytest.param(part(b"X: " + b"x" * 9_000 + b"\r\n" + FILE, CSV) + end(), TOO_LARGE, id="long header"),
        pytest.param(part(b"X: x\r\n" * 100 + FILE, CSV) + end(), TOO_LARGE, id="many headers"),
        pytest.param(part(b"X: x\r\n" + b" y\r\n" * 20_000 + FILE, CSV) + end(), TOO_LARGE, id="folded header"),
        pytest.param(part(b"Content-Disposition: form-data" + b";" * 9_000 + b"\r\n\r\n"), TOO_LARGE, id=";"),
        pytest.param(
            part(b'Content-Disposition: form-data; name="x' + b";" * 4_000 + b'"\r\n\r\n', b"1") * 20,
            TOO_LARGE,
            id="; in names",
        ),
        pytest.param(part(b"Content-Type: text/csv\r\n\r\n", CSV) + end(), BROKEN, id="no disposition"),
        pytest.param(part(b"no colon\r\n\r\n", CSV) + end(), BROKEN, id="no colon"),
        pytest.param(part(FILE, CSV), BROKEN, id="no end"),
        pytest.param(b"nonsense", BROKEN, id="no boundary"),
    ],
)
def test_hostile_form_is_refused(service: Server, body: bytes, refusal: tuple[int, str, str]) -> None:
    assert envelope(send_form(service, body)) == refusal


@pytest.mark.parametrize("boundary", [b"", b"x" * 71, b"\xff", b'"a b', b";;;"])
def test_form_with_an_invalid_boundary_is_refused(service: Server, boundary: bytes) -> None:
    assert envelope(send_form(service, b"x", boundary))[0] == 400


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param(b"", id="preamble"),
        pytest.param(part(FIELD)[:-2], id="field"),
        pytest.param(part(FILE)[:-2], id="file"),
    ],
)
def test_chunked_form_over_the_limit_is_refused_before_it_ends(service: Server, prefix: bytes) -> None:
    chunk = b"%x\r\n%b\r\n"
    with connect(service) as connection:
        connection.sendall(
            form_head(service, CHUNKED, b"\r\n") + (chunk % (len(prefix), prefix) if prefix else b"")
        )
        with contextlib.suppress(ConnectionError):
            for _ in range(20):  # 10 MiB at a limit of 1 MiB
                connection.sendall(chunk % (1 << 19, b"x" * (1 << 19)))
        assert envelope(read_reply(connection)) == TOO_LARGE


def test_form_in_single_bytes_is_received(service: Server) -> None:
    body = part(FIELD, b"1") + part(FILE, CSV) + end()
    upload = start(service)
    head = f"POST {address(service, upload)} HTTP/1.1\r\n".encode() + HOST
    kind = b"Content-Type: multipart/form-data; boundary=" + BOUNDARY + b"\r\n"
    sent = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    assert exchange(service, head + kind + CHUNKED + b"\r\n" + sent).status == 200
    assert look(service, upload)["file_name"] == "list.csv"
    assert look(service, upload)["row_count"] == 1


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'form-data; name="file"; filename="\xe2\x82\xac.csv"', "€.csv"),
        (b'form-data; name="file"; filename="\xa3.csv"', "\ufffd.csv"),
        (b"form-data; name=file; filename*=utf-8''%e2%82%ac.csv", "€.csv"),
        (b'form-data; name="file"; filename="C:\\lists\\a.csv"', "a.csv"),
    ],
)
def test_file_name_of_a_form_is_stored(service: Server, head: bytes, name: str) -> None:
    upload = start(service)
    body = part(b"Content-Disposition: " + head + b"\r\n\r\n", CSV) + end()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
    assert service.call("POST", address(service, upload), body, key=None, headers=kind).status == 200
    assert look(service, upload)["file_name"] == name


def test_hostile_forms_are_refused_with_little_cpu_time(service: Server) -> None:
    """CPU time of the whole process, so that a busy machine does not fail the test."""
    bodies = [
        part(FIELD, b"1") * 20_000 + end(),
        b"x" * 1_000_000 + end(),
        part(b'Content-Disposition: form-data; name="x' + b";" * 3_900 + b'"\r\n\r\n', b"1") * 20 + end(),
    ]
    began = time.process_time()
    for body in bodies:
        assert send_form(service, body).status == 413
    assert time.process_time() - began < 0.5
