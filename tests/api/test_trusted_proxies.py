"""Headers of a trusted proxy about the client count; those of anybody else do not."""

from collections.abc import Callable
from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from conftest import KEY, Server
from multidict import CIMultiDict

from mailrith_lite.http.forwarding import Sender, sender

TRUSTED = tuple(map(ip_network, ("127.0.0.1", "10.0.0.0/8", "::1")))


def seen(remote: str, *headers: tuple[str, str]) -> Sender:
    request = make_mocked_request("GET", "/", CIMultiDict(headers))
    return sender(request.clone(remote=remote), TRUSTED)


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "address"),
    [
        ("127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("127.0.0.1", ["203.0.113.9, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
        ("127.0.0.1", ["203.0.113.9", "192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ("127.0.0.1", ["192.0.2.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("192.0.2.7", ["203.0.113.9"], "192.0.2.7"),
    ],
)
def test_client_is_the_rightmost_address_that_is_not_trusted(
    remote: str, forwarded_for: list[str], address: str
) -> None:
    assert seen(remote, *(("X-Forwarded-For", line) for line in forwarded_for)).address == address


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("for=192.0.2.1;proto=https;host=a.example", Sender(address="192.0.2.1", scheme="https", host="a.example")),
        ('For="[2001:db8::1]:80"; Proto=HTTP', Sender(address="2001:db8::1", scheme="http")),
        (
            "for=203.0.113.9;host=x, for=192.0.2.1;proto=https, for=10.0.0.1;proto=http;host=inner",
            Sender(address="192.0.2.1", scheme="https"),
        ),
        ("for=_hidden;proto=https", Sender(address="127.0.0.1", scheme="https")),
        ("for=unknown", Sender(address="127.0.0.1")),
        (";;,,==", Sender(address="127.0.0.1")),
    ],
)
def test_header_forwarded_names_client_scheme_and_host(forwarded: str, expected: Sender) -> None:
    assert seen("127.0.0.1", ("Forwarded", forwarded)) == expected


@pytest.mark.parametrize(
    ("forwarded", "forwarded_for"),
    [
        ("for=192.0.2.1", "203.0.113.9"),
        ("for=203.0.113.9", "192.0.2.1"),
        ("for=203.0.113.9, for=192.0.2.1", "203.0.113.9"),
        ("for=192.0.2.1", "nonsense"),
        ("", "192.0.2.1"),
    ],
)
def test_address_is_the_proxy_s_own_if_both_kinds_of_headers_contradict_each_other(
    forwarded: str, forwarded_for: str
) -> None:
    headers = ("Forwarded", forwarded), ("X-Forwarded-For", forwarded_for)
    assert seen("127.0.0.1", *headers).address == "127.0.0.1"


def test_address_in_which_both_kinds_of_headers_agree_is_the_client_s() -> None:
    headers = ("Forwarded", "for=203.0.113.9, for=192.0.2.1"), ("X-Forwarded-For", "192.0.2.1")
    assert seen("127.0.0.1", *headers).address == "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded", "scheme", "host"),
    [
        ("for=192.0.2.1", "https", "a.example"),
        ("for=192.0.2.1;proto=https;host=a.example", "https", "a.example"),
        ("for=192.0.2.1;proto=http;host=b.example", None, None),
    ],
)
def test_scheme_and_host_are_unknown_if_both_kinds_of_headers_contradict_each_other(
    forwarded: str, scheme: str | None, host: str | None
) -> None:
    x_headers = ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a.example")
    both = seen("127.0.0.1", ("Forwarded", forwarded), *x_headers)
    assert (both.scheme, both.host) == (scheme, host)


@pytest.mark.parametrize("value", ["javascript", "https://x", "", "ftp"])
def test_scheme_is_http_or_https(value: str) -> None:
    assert seen("127.0.0.1", ("X-Forwarded-Proto", value)).scheme is None


HEADERS = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "mail.example.com"}


def address(server: Server, headers: dict[str, str]) -> str:
    reply = server.call("GET", "/v1", headers=headers, key=None)
    return str(reply.json["openapi_url"]).removesuffix("/v1/openapi.json")


def test_links_have_scheme_and_host_of_the_proxy(serve: Callable[..., Server]) -> None:
    server = serve(trusted_proxies=TRUSTED)
    assert address(server, HEADERS) == "https://mail.example.com"
    assert address(server, {"Forwarded": "for=x;proto=https;host=mail.example.com"}) == "https://mail.example.com"
    assert address(server, {"X-Forwarded-Proto": "https", "Host": "h.example"}) == "https://h.example"
    assert address(server, {**HEADERS, "X-Forwarded-Host": "a b/c", "Host": "h.example"}) == "https://h.example"


def test_headers_of_a_client_that_is_no_proxy_are_ignored(server: Server) -> None:
    assert address(server, HEADERS) == server.url
    assert address(server, {"Forwarded": "proto=https;host=mail.example.com"}) == server.url


@pytest.mark.slow
def test_wrong_keys_count_for_the_client_behind_the_proxy(serve: Callable[..., Server]) -> None:
    server = serve(trusted_proxies=TRUSTED, wrong_key_limit=1)

    def status(client: str, key: str = "mrk_unknown_example_key") -> int:
        return server.call("GET", "/v1/tags", key=key, headers={"X-Forwarded-For": client}).status

    assert [status("192.0.2.1"), status("192.0.2.1"), status("192.0.2.2")] == [401, 429, 401]
    assert status("192.0.2.1", KEY) == 200
