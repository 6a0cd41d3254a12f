"""GET /v1, /v1/capabilities and /v1/workspace."""

from typing import Any

import pytest
from api_calls import ABOUT_THE_API, MANIFEST, OPERATIONS
from api_records import LONG_AGO, execute
from conftest import KEY, Server
from mailrith_sdk import MailrithClient
from wire import envelope

from mailrith_lite.access import scopes
from mailrith_lite.api.not_served import NOT_SERVED
from mailrith_lite.api.routes import SECTIONS

REFUSED = {one.operation_id for one in NOT_SERVED}
ADDRESSES = [
    "documentation_url",
    "reference_url",
    "agents_url",
    "sdk_docs_url",
    "typescript_sdk_url",
    "python_sdk_url",
    "mcp_docs_url",
    "mcp_url",
    "llms_url",
    "llms_full_url",
    "openapi_url",
    "webhook_subscriptions_url",
    "oauth_authorization_server_url",
]


def capabilities(server: Server, key: str = KEY) -> Any:
    reply = server.call("GET", "/v1/capabilities", key=key)
    assert reply.status == 200
    assert list(reply.json) == ["data"]
    return reply.json["data"]


@pytest.mark.parametrize("key", [None, KEY, "mrk_wrong_secret_key"])
def test_the_meta_is_bare_and_needs_no_key(server: Server, key: str | None) -> None:
    reply = server.call("GET", "/v1", key=key)
    assert reply.status == 200
    assert set(reply.json) == {"version", "capabilities_url", *ADDRESSES}
    assert reply.json["version"] == "v1"
    assert all(reply.json[name].startswith(("http://", "https://")) for name in ADDRESSES)


def test_the_openapi_document_is_bare_and_needs_no_key(server: Server) -> None:
    reply = server.call("GET", "/v1/openapi.json", key=None)
    assert reply.status == 200
    assert reply.json["openapi"].startswith("3.1.")


@pytest.mark.parametrize("name", ["capabilities_url", "openapi_url", "reference_url", "webhook_subscriptions_url"])
def test_our_own_addresses_answer(server: Server, name: str) -> None:
    address = server.call("GET", "/v1").json[name]
    assert address.startswith(f"{server.url}/")
    status = server.call("GET", address.removeprefix(server.url)).status
    assert status == (501 if name == "webhook_subscriptions_url" else 200)


def test_what_is_not_here_has_mailriths_own_address(server: Server) -> None:
    """No address leads to nothing; what it means is said under the limitations."""
    found = capabilities(server)
    meta = server.call("GET", "/v1").json
    for name in ("mcp_url", "oauth_authorization_server_url"):
        assert meta[name].startswith("https://api.mailrith.com/")
        assert any(name in limitation["message"] for limitation in found["limitations"])
    assert found["mcp"]["server_url"] == meta["mcp_url"]
    assert found["mcp"]["recommended_transport"] in found["mcp"]["supported_transports"]


def test_our_own_addresses_follow_the_public_url(serve: Any) -> None:
    server = serve(public_url="https://mail.example.com/base")
    found = server.call("GET", "/v1").json
    assert found["openapi_url"] == "https://mail.example.com/base/v1/openapi.json"
    assert found["capabilities_url"] == "https://mail.example.com/base/v1/capabilities"
    assert capabilities(server)["discovery"]["openapi_url"] == found["openapi_url"]


def test_the_capabilities_have_what_the_contract_names(server: Server) -> None:
    found = capabilities(server)
    assert set(found) >= {
        "version",
        "workspace",
        "authentication",
        "credential",
        "discovery",
        "sdks",
        "mcp",
        "conventions",
        "capability_mode",
        "limitations",
        "events",
        "resources",
    }
    assert (found["version"], found["capability_mode"]) == ("v1", "effective")
    assert found["authentication"] == {
        "type": "bearer",
        "header_name": "Authorization",
        "header_value_prefix": "Bearer",
        "workspace_scoped": True,
        "scopes_supported": list(scopes.ALL),
        "supported_credential_types": ["workspace_api_key"],
    }
    assert found["conventions"] == {
        "pagination_type": "cursor",
        "pagination_limit_param": "limit",
        "pagination_cursor_param": "starting_after",
        "idempotency_header": "Idempotency-Key",
    }
    meta = server.call("GET", "/v1").json
    assert found["discovery"] == {name: meta[name] for name in ADDRESSES}


def test_the_capabilities_name_the_sdks_and_the_signing_of_webhooks(server: Server) -> None:
    found = capabilities(server)
    sdks = {name: (sdk["package_name"], sdk["language"]) for name, sdk in found["sdks"].items()}
    assert sdks == {"typescript": ("@mailrith/sdk", "typescript"), "python": ("mailrith-sdk", "python")}
    assert (found["mcp"]["package_name"], found["mcp"]["recommended_transport"]) == (
        "@mailrith/mcp-server",
        "streamable_http",
    )
    assert found["events"]["signing"] == {
        "algorithm": "hmac-sha256",
        "id_header": "webhook-id",
        "timestamp_header": "webhook-timestamp",
        "signature_header": "webhook-signature",
        "signature_prefix": "v1",
    }


def test_the_credential_is_described_and_never_shown(server: Server) -> None:
    key = server.new_key(scopes=("tags:read", "workspace:read"), expires_at=4_102_444_800_000)
    reply = server.call("GET", "/v1/capabilities", key=key)
    found = reply.json["data"]["credential"]
    assert key.encode() not in reply.body
    assert (found["type"], found["name"], found["status"]) == ("workspace_api_key", "test", "active")
    assert found["scopes"] == ["tags:read", "workspace:read"]
    assert found["key_preview"] == f"{key[:8]}…{key[-4:]}"
    assert (found["expires_at"], found["revoked_at"]) == ("2100-01-01T00:00:00.000Z", None)


def test_a_key_with_every_scope_sees_every_operation_as_the_manifest_describes_it(server: Server) -> None:
    listed = [operation for resource in capabilities(server)["resources"] for operation in resource["operations"]]
    by_id = {operation["operation_id"]: operation for operation in listed}
    assert set(by_id) == set(OPERATIONS) - ABOUT_THE_API
    for name in set(by_id) & set(MANIFEST):
        expected = {field: MANIFEST[name][field] for field in ("method", "path", "operation_id")}
        assert {field: by_id[name][field] for field in expected} == expected
        assert set(by_id[name]["required_scopes"]) == set(MANIFEST[name]["required_scopes"])
        assert by_id[name]["summary"]


def test_the_resources_come_in_the_contracts_order_with_what_is_theirs(server: Server) -> None:
    found = capabilities(server)["resources"]
    namespaces = [resource["namespace"] for resource in MailrithClient().operations]
    keys = [resource["key"] for resource in found]
    assert keys == [section.key for section in SECTIONS if section.key is not None]
    for resource in found:
        ours = {operation["operation_id"] for operation in resource["operations"]}.isdisjoint(MANIFEST)
        assert ours or resource["key"] in namespaces
        assert resource["name"]
        assert resource["description"]
        paths = {operation["path"] for operation in resource["operations"]}
        assert all(path.startswith(f"/v1/{resource['key'].replace('_', '-')}") for path in paths)


def test_what_is_not_served_stands_under_the_limitations(server: Server) -> None:
    found = capabilities(server)["limitations"]
    named = [name for limitation in found for name in limitation["affected_operation_ids"]]
    assert len(named) == len(set(named))
    assert set(named) == REFUSED
    assert all(limitation["code"] and limitation["message"] for limitation in found)


@pytest.mark.parametrize("path", ["/v1/capabilities", "/v1/workspace"])
@pytest.mark.parametrize("key", [None, "mrk_wrong_secret_key"])
def test_what_is_of_a_workspace_needs_its_key(server: Server, path: str, key: str | None) -> None:
    assert envelope(server.call("GET", path, key=key)) == (401, "authentication_error", "invalid_api_key")


def test_a_new_workspace_has_a_name_and_nothing_else(server: Server) -> None:
    reply = server.call("GET", "/v1/workspace")
    found = reply.json["data"]
    assert found == {
        "id": found["id"],
        "self": "/v1/workspace",
        "name": "Default",
        **dict.fromkeys(["logo", "address", "city", "state", "postal_code", "country", "time_zone"]),
        "created_at": found["created_at"],
        "updated_at": found["created_at"],
    }
    assert capabilities(server)["workspace"] == {"id": found["id"], "name": "Default"}


def test_a_key_shows_its_own_workspace_with_its_particulars(server: Server) -> None:
    key = server.new_key(workspace="Other")
    particulars = {
        "logo": "https://example.com/logo.png",
        "address": "Straße 1",
        "city": "Berlin",
        "state": "BE",
        "postal_code": "10115",
        "country": "DE",
        "time_zone": "Europe/Berlin",
    }
    assignments = ", ".join(f"{name} = ?" for name in particulars)
    execute(
        server,
        f"UPDATE workspaces SET {assignments}, updated_at = 1000000000000 WHERE name = 'Other'",
        *particulars.values(),
    )
    found = server.call("GET", "/v1/workspace", key=key).json["data"]
    assert {name: found[name] for name in particulars} == particulars
    assert (found["name"], found["updated_at"]) == ("Other", LONG_AGO)
    own = server.call("GET", "/v1/workspace").json["data"]
    assert (own["name"], own["city"]) == ("Default", None)
    assert own["id"] != found["id"]
    assert capabilities(server, key)["workspace"] == {"id": found["id"], "name": "Other"}
