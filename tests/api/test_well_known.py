"""/.well-known and /mcp: a client that knows only the address learns where the API is, and that it takes a key."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Server
from wire import envelope, running_service

from mailrith_lite.access import scopes

CATALOG = "/.well-known/api-catalog"
RESOURCE = "/.well-known/oauth-protected-resource"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def document(server: Server, path: str) -> Any:
    reply = server.call("GET", path, key=None)
    assert reply.status == 200
    return reply.json


def test_catalog_is_a_linkset_whose_links_answer(service: Server) -> None:
    reply = service.call("GET", CATALOG, key=None)
    assert reply.headers["content-type"].startswith("application/linkset+json")
    assert 'profile="https://www.rfc-editor.org/info/rfc9727"' in reply.headers["content-type"]
    own, api = reply.json["linkset"]
    assert own == {"anchor": service.url + CATALOG, "item": [{"href": f"{service.url}/v1"}]}
    assert api.pop("anchor") == f"{service.url}/v1"
    assert set(api) == {"service-desc", "service-doc", "status"}
    for (target,) in api.values():
        answer = service.call("GET", target["href"].removeprefix(service.url), key=None)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(target["type"])


def test_head_of_the_catalog_has_its_link(service: Server) -> None:
    reply = service.call("HEAD", CATALOG, key=None)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["link"] == f'<{service.url}{CATALOG}>; rel="api-catalog"'


@pytest.mark.parametrize("path", ["", "/mcp"])
def test_protected_resource_takes_a_bearer_and_names_no_authorization_server(service: Server, path: str) -> None:
    metadata = document(service, RESOURCE + path)
    assert metadata["resource"] == service.url + path
    assert metadata["bearer_methods_supported"] == ["header"]
    assert metadata["scopes_supported"] == list(scopes.ALL)
    assert "authorization_servers" not in metadata


def test_authorization_server_has_no_grants_and_no_endpoints(service: Server) -> None:
    metadata = document(service, AUTHORIZATION_SERVER)
    assert metadata["issuer"] == service.url
    assert (metadata["grant_types_supported"], metadata["response_types_supported"]) == ([], [])
    assert not [name for name in metadata if name.endswith("_endpoint")]
    assert document(service, "/v1")["oauth_authorization_server_url"] == service.url + AUTHORIZATION_SERVER


def test_documents_have_the_public_address(serve: Callable[..., Server]) -> None:
    server = serve(public_url="https://mail.example.com/base")
    assert document(server, RESOURCE)["resource"] == "https://mail.example.com/base"
    assert document(server, AUTHORIZATION_SERVER)["issuer"] == "https://mail.example.com/base"
    assert document(server, CATALOG)["linkset"][1]["anchor"] == "https://mail.example.com/base/v1"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_mcp_is_not_served_and_a_retry_is_refused_as_useless(service: Server, method: str) -> None:
    reply = service.call(method, "/mcp", key=None)
    assert envelope(reply) == (501, "api_error", "operation_not_supported")
    assert reply.error["retry"]["safe"] is False
    assert "stdio" in reply.error["message"]
