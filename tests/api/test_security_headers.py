"""Headers that every response has."""

from collections.abc import Callable, Iterator

import pytest
from conftest import Reply, Server
from wire import HOST, exchange, running_service

PATHS = {
    "/v1": 200,
    "/v1/tags": 200,
    "/v1/tags?limit=x": 400,
    "/v1/forms": 501,
    "/v1/nothing": 404,
    "/healthz": 200,
    "/downloads/x/y": 403,
    "/console/sign-in": 200,
    "/docs": 200,
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def check_headers(reply: Reply) -> None:
    assert reply.headers["cache-control"] in ("no-store", "private, no-store", "no-cache")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert reply.headers["server"] == "mailrith-lite"


@pytest.mark.parametrize(("path", "status"), PATHS.items())
def test_response_is_not_cached_sniffed_or_framed(service: Server, path: str, status: int) -> None:
    reply = service.call("GET", path)
    assert reply.status == status
    check_headers(reply)
    assert "strict-transport-security" not in reply.headers


def test_api_response_has_an_empty_policy(service: Server) -> None:
    headers = service.call("GET", "/v1/tags").headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET /v1 HTTP/1.1\r\n" + HOST + b"Expect: x\r\n\r\n"])
def test_response_outside_the_routes_has_the_headers(service: Server, sent: bytes) -> None:
    check_headers(exchange(service, sent))


def test_responses_of_an_https_address_have_strict_transport_security(serve: Callable[..., Server]) -> None:
    server = serve(public_url="https://mail.example.com")
    for path, status in PATHS.items():
        reply = server.call("GET", path)
        assert (reply.status, reply.headers["strict-transport-security"]) == (status, "max-age=31536000")
