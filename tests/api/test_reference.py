"""The API reference for browsers: all its files come from this service."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Server
from wire import envelope, running_service

from mailrith_lite.api.documentation.reference import FILES, VERSION

VIEWER = Path(__file__).parents[2] / "mailrith_lite" / "api" / "documentation" / "viewer"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_complete_and_needs_no_key(service: Server, path: str) -> None:
    reply = service.call("GET", path, key=None)
    assert reply.status == 200
    assert reply.headers["content-type"].partition(";")[0] == FILES[path].content_type
    assert reply.headers["x-content-type-options"] == "nosniff"
    if path != "/docs":
        assert reply.body == (VIEWER / FILES[path].name).read_bytes()


@pytest.mark.parametrize("path", FILES)
def test_head_has_the_headers_of_the_file(service: Server, path: str) -> None:
    whole, head = service.call("GET", path, key=None), service.call("HEAD", path, key=None)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))


def test_the_page_names_only_files_that_exist(service: Server) -> None:
    page = service.call("GET", "/docs", key=None).body.decode()
    named = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert {f"/{name}" for name in named} == (FILES.keys() - {"/docs"}) | {"/v1/openapi.json"}
    for name in named:
        assert service.call("GET", f"/{name}", key=None).status == 200


def test_the_page_may_not_load_from_other_hosts_or_run_inline_scripts(service: Server) -> None:
    reply = service.call("GET", "/docs", key=None)
    policy = dict(rule.strip().split(" ", 1) for rule in reply.headers["content-security-policy"].split(";"))
    assert policy.pop("img-src") == "'self' data:"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=|//", reply.body.decode())


def test_only_files_with_their_version_in_the_address_are_cached(service: Server) -> None:
    for path in FILES:
        caching = service.call("GET", path, key=None).headers["cache-control"]
        assert caching == ("public, max-age=31536000, immutable" if VERSION in path else "no-cache")


def test_the_version_is_that_of_the_vendored_files() -> None:
    assert (VIEWER / "swagger-ui" / "VERSION.txt").read_text().startswith(f"swagger-ui-dist {VERSION} ")


@pytest.mark.parametrize(
    "path",
    [
        "/docs/",
        "/docs/other.js",
        "/docs/swagger-ui/LICENSE",
        "/docs/0.0.1/swagger-ui.css",
        "/docs/../reference.py",
        "/docs/%2e%2e/reference.py",
        "/docs/..%2f..%2freference.py",
        f"/docs/{VERSION}/../../reference.py",
        f"/docs/{VERSION}//swagger-ui.css",
    ],
)
def test_other_paths_are_not_found(service: Server, path: str) -> None:
    assert envelope(service.call("GET", path, key=None)) == (404, "not_found", "not_found")


def test_files_take_only_get_and_head(service: Server) -> None:
    reply = service.call("POST", "/docs", key=None)
    assert envelope(reply) == (405, "invalid_request", "method_not_allowed")
    assert reply.headers["allow"] == "GET, HEAD"
