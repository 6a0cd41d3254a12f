"""Malformed and unusual HTTP requests: each gets an envelope with a request id, and affects nobody else."""

import contextlib
import http.client
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from conftest import KEY, Server
from wire import AUTHORIZATION, EXPORTS, HOST, connect, envelope, exchange, post, running_service, unused

GET = b"GET /v1/tags HTTP/1.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


BROKEN = {
    "no request line": b"garbage\r\n\r\n",
    "only null bytes": b"\0\0\0\0\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100f8010000f40303") + b"\r\n\r\n",
    "a method that does not exist": b"FOO /v1/tags HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method outside ASCII": b"G\xc3\x89T /v1/tags HTTP/1.1\r\n" + HOST + b"\r\n",
    "a version that does not exist": b"GET /v1/tags HTTP/9.9\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a path of bytes that are no text": b"GET /v1/subscribers/\xff HTTP/1.1\r\n" + HOST + AUTHORIZATION + b"\r\n",
    "a query of bytes that are no text": b"GET /v1/subscribers?search=\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "an address with a broken host": b"GET http://[::1/v1/tags HTTP/1.1\r\n" + HOST + b"\r\n",
    "a null byte in a header": GET + HOST + b"X-Any: a\0b\r\n\r\n",
    "a control character in a header": post(
        "/v1/tags", b"Idempotency-Key: a\x01b", b"Content-Length: 2", body=b"{}"
    ),
    "a header without a colon": GET + HOST + b"no colon\r\n\r\n",
    "a header with a blank in its name": GET + HOST + b"na me: x\r\n\r\n",
    "a folded header": GET + HOST + b"X-Any: a\r\n b\r\n\r\n",
    "lines that end in LF alone": b"GET /v1/tags HTTP/1.1\nHost: x\nConnection: close\n\n",
    "a length that is no number": post("/v1/tags", b"Content-Length: abc"),
    "a length below zero": post("/v1/tags", b"Content-Length: -5"),
    "a length beyond every number": post("/v1/tags", b"Content-Length: 99999999999999999999999999"),
    "two lengths": post("/v1/tags", b"Content-Length: 1", b"Content-Length: 2", body=b"{}"),
    "a length and chunks": post("/v1/tags", b"Content-Length: 1", CHUNKED, body=b"0\r\n\r\n"),
    "a transfer that does not exist": post("/v1/tags", b"Transfer-Encoding: gzip"),
    "a chunk size that is no number": post("/v1/tags", CHUNKED, body=b"zz\r\nabc\r\n0\r\n\r\n"),
    "a chunk size below zero": post("/v1/tags", CHUNKED, body=b"-1\r\nabc\r\n0\r\n\r\n"),
    "a chunk longer than its size": post("/v1/tags", CHUNKED, body=b"1\r\nabc\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_malformed_requests_are_refused(service: Server, sent: bytes) -> None:
    reply = exchange(service, sent)
    assert envelope(reply) == (400, "invalid_request", "invalid_http")
    assert reply.headers["server"] == "mailrith-lite"
    assert unused(service)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(GET + HOST + b"X-Any: " + b"a" * 20_000 + b"\r\n\r\n", id="header"),
        pytest.param(GET + HOST + b"X" * 20_000 + b": a\r\n\r\n", id="header name"),
        pytest.param(GET + HOST + b"Authorization: Bearer mrk_" + b"a" * 20_000 + b"\r\n\r\n", id="key"),
        pytest.param(b"GET /v1/tags?x=" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", id="address"),
    ],
)
def test_an_endless_header_line_answers_431(service: Server, sent: bytes) -> None:
    assert envelope(exchange(service, sent)) == (431, "invalid_request", "headers_too_large")


@pytest.mark.parametrize("expectation", [b"magic", b"\xff"], ids=["unknown", "not UTF-8"])
def test_an_unknown_expect_header_answers_417(service: Server, expectation: bytes) -> None:
    lines = b"Expect: " + expectation + b"\r\nx-mailrith-request-id: mine\r\n"
    reply = exchange(service, GET + HOST + AUTHORIZATION + lines + b"\r\n")
    assert envelope(reply) == (417, "invalid_request", "expectation_failed")
    assert reply.headers["x-mailrith-request-id"] == "mine"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"OPTIONS * HTTP/1.1\r\n", 404, "not_found"),
        (b"CONNECT a:80 HTTP/1.1\r\n", 404, "not_found"),
        (b"GET //v1/tags HTTP/1.1\r\n", 404, "not_found"),
        (b"GET /v1/tags/ HTTP/1.1\r\n", 404, "not_found"),
        (b"GET /v1/%74ags%2f HTTP/1.1\r\n", 404, "not_found"),
        (b"GET /v1/subscribers/%FF HTTP/1.1\r\n", 404, "subscriber_not_found"),
        (b"GET /v1/subscribers/%ED%A0%80 HTTP/1.1\r\n", 404, "subscriber_not_found"),
        (b"GET /v1/subscribers/%00 HTTP/1.1\r\n", 404, "subscriber_not_found"),
        (b"GET /v1/subscribers/%2e%2e HTTP/1.1\r\n", 404, "subscriber_not_found"),
        (b"GET /downloads/../v1/tags HTTP/1.1\r\n", 404, "not_found"),
        (b"GET http://elsewhere.example/v1/tags HTTP/1.1\r\n", 200, None),
        (b"GET /v1/%74ags HTTP/1.1\r\n", 200, None),
    ],
)
def test_an_unusual_address_is_read_or_not_found(
    service: Server, sent: bytes, status: int, code: str | None
) -> None:
    reply = exchange(service, sent + HOST + AUTHORIZATION + b"\r\n")
    assert reply.status == status
    assert code is None or envelope(reply)[2] == code


def test_an_http_1_0_client_gets_a_response(service: Server) -> None:
    assert exchange(service, b"GET /v1/tags HTTP/1.0\r\n" + AUTHORIZATION + b"\r\n").status == 200


def test_an_upgrade_header_is_ignored(service: Server) -> None:
    upgrade = b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nConnection: Upgrade, close\r\n"
    sent = b"POST /v1/tags HTTP/1.1\r\nHost: x\r\n" + upgrade + AUTHORIZATION + b"Content-Length: 2\r\n\r\n{}"
    with connect(service) as connection:
        connection.sendall(sent)
        assert connection.recv(12) == b"HTTP/1.1 400"


def test_pipelined_requests_get_their_responses_in_order(service: Server) -> None:
    one = b"GET /v1/subscribers/%s HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"%s\r\n"
    with connect(service) as connection:
        connection.sendall(one % (b"first", b"") + one % (b"second", b"Connection: close\r\n"))
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.count(b"HTTP/1.1 404") == 2
    assert received.index(b'"first"') < received.index(b'"second"')


def test_a_connection_stays_open_after_a_refusal(service: Server) -> None:
    parts = urlsplit(service.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    key = {"Authorization": f"Bearer {KEY}"}
    requests: list[tuple[str, str, bytes | None, dict[str, str], int]] = [
        ("GET", "/v1/tags", None, {}, 401),
        ("POST", "/v1/tags", b"{" * 500_000, {}, 401),
        ("POST", "/v1/tags", b"{" * 500_000, key | {"Content-Encoding": "gzip"}, 415),
        ("POST", "/v1/tags", b"{", key, 400),
        ("DELETE", "/v1/tags", b"x" * 500_000, key, 405),
        ("POST", "/nothing", b"x" * 500_000, key, 404),
        ("GET", "/v1/forms", None, key, 501),
        ("GET", "/v1/tags", None, key, 200),
    ]
    with contextlib.closing(connection):
        for method, path, body, headers, status in requests:
            connection.request(method, path, body, headers)
            first = connection.sock
            reply = connection.getresponse()
            reply.read()
            assert (method, path, reply.status) == (method, path, status)
            assert connection.sock is first


@pytest.mark.parametrize(
    "host",
    [b"", b"a b", b"a/b", b"a?b#c", b'a"b', b"<b>", b"a:99999", b"a:b", b"[::1", b"\xff", b"user:pw@evil", b"a,b"],
)
def test_links_ignore_a_host_header_that_is_not_an_address(service: Server, host: bytes) -> None:
    job, _ = service.export_csv()
    get = f"GET {EXPORTS}/{job['id']} HTTP/1.1\r\n".encode()
    reply = exchange(service, get + b"Connection: close\r\nHost: " + host + b"\r\n" + AUTHORIZATION + b"\r\n")
    assert reply.json["data"]["download_url"].startswith(service.url + "/downloads/")


def test_links_have_the_address_of_the_socket_without_a_host_header(service: Server) -> None:
    job, _ = service.export_csv()
    reply = exchange(service, f"GET {EXPORTS}/{job['id']} HTTP/1.0\r\n".encode() + AUTHORIZATION + b"\r\n")
    assert reply.json["data"]["download_url"] == job["download_url"]


@pytest.mark.parametrize("host", ["mail.example.com", "mail.example.com:8443", "[::1]:8787", "10.0.0.1:1"])
def test_links_use_the_address_that_the_client_used(service: Server, host: str) -> None:
    job, _ = service.export_csv()
    reply = service.call("GET", f"{EXPORTS}/{job['id']}", headers={"Host": host})
    assert reply.json["data"]["download_url"].startswith(f"http://{host}/downloads/")


def test_a_key_in_the_query_is_ignored(service: Server) -> None:
    assert service.call("GET", f"/v1/tags?api_key={KEY}&Authorization=Bearer%20{KEY}", key=None).status == 401


@pytest.mark.parametrize("name", [b"mailrith_console", b"mailrith_console_form"])
@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /console HTTP/1.1\r\n", 303),
        (b"GET /console/sign-in HTTP/1.1\r\n", 200),
        (b"POST /console/sign-in HTTP/1.1\r\nContent-Length: 0\r\n", 403),
    ],
)
def test_a_cookie_that_is_not_text_is_ignored(
    service: Server, name: bytes, request_line: bytes, status: int
) -> None:
    form = b"Content-Type: application/x-www-form-urlencoded\r\nOrigin: http://localhost\r\n"
    reply = exchange(service, request_line + HOST + form + b"Cookie: " + name + b"=\xff\r\n\r\n")
    assert reply.status == status


HOSTILE_TYPE = b"Content-Type: text/plain;z=" + b";" * 8_000


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"POST /console/sign-in HTTP/1.1\r\nOrigin: http://localhost\r\n", id="console"),
        pytest.param(b"POST /v1/tags HTTP/1.1\r\n" + AUTHORIZATION, id="API"),
    ],
)
def test_a_hostile_content_type_takes_little_time(service: Server, sent: bytes) -> None:
    """CPU time of the whole process, so that a busy machine does not fail the test."""
    began = time.process_time()
    for _ in range(10):
        reply = exchange(service, sent + HOST + HOSTILE_TYPE + b"\r\nContent-Length: 2\r\n\r\n{}")
        assert reply.status == 415
    assert time.process_time() - began < 1
