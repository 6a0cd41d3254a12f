"""GET /v1, /v1/capabilities and /v1/workspace."""

from typing import Any

import pytest
from api_calls import ABOUT_THE_API, MANIFEST, OPERATIONS, OURS
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
def test_the_metadata_has_no_envelope_and_needs_no_key(server: Server, key: str | None) -> None:
    reply = server.call("GET", "/v1", key=key)
    assert reply.status == 200
    assert set(reply.json) == {"version", "capabilities_url", *ADDRESSES}
    assert reply.json["version"] == "v1"
    assert all(reply.json[name].startswith(("http://", "https://")) for name in ADDRESSES)


def test_the_openapi_document_has_no_envelope_and_needs_no_key(server: Server) -> None:
    reply = server.call("GET", "/v1/openapi.json", key=None)
    assert reply.status == 200
    assert reply.json["openapi"].startswith("3.1.")


@pytest.mark.parametrize("name", ["capabilities_url", "openapi_url", "reference_url", "webhook_subscriptions_url"])
def test_addresses_of_this_service_lead_to_a_response(server: Server, name: str) -> None:
    address = server.call("GET", "/v1").json[name]
    assert address.startswith(f"{server.url}/")
    assert server.call("GET", address.removeprefix(server.url)).status == 200


def test_every_address_that_takes_a_key_is_of_this_service(server: Server) -> None:
    """Only addresses of documentation, which take no key, are on Mailrith's own pages."""
    data = capabilities(server)
    meta = server.call("GET", "/v1").json
    foreign = {name for name in ADDRESSES if not meta[name].startswith(f"{server.url}/")}
    assert all(meta[name].startswith("https://mailrith.com/") for name in foreign)
    assert foreign.isdisjoint({"mcp_url", "oauth_authorization_server_url", "openapi_url", "reference_url"})
    assert any("mcp_url" in limitation["message"] for limitation in data["limitations"])
    assert data["mcp"]["server_url"] == meta["mcp_url"] == f"{server.url}/mcp"
    assert data["mcp"]["recommended_transport"] in data["mcp"]["supported_transports"]


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {}),
        (
            {"mailrith-mcp-toolsets": "reporting, subscriber_sync"},
            {"active_toolsets": ["reporting", "subscriber_sync"]},
        ),
        ({"mailrith-mcp-operation-ids": "listTags,getTag"}, {"active_operation_ids": ["listTags", "getTag"]}),
        ({"mailrith-mcp-toolsets": ""}, {"active_toolsets": []}),
        ({"mailrith-mcp-toolsets": "a b,<c>,d"}, {"active_toolsets": ["d"]}),
        ({"mailrith-mcp-read-only": "true"}, {"read_only": True}),
        ({"mailrith-mcp-read-only": "false"}, {"read_only": False}),
    ],
)
def test_capabilities_repeat_what_an_mcp_server_sends_about_itself(
    server: Server, headers: dict[str, str], fields: dict[str, Any]
) -> None:
    mcp = server.call("GET", "/v1/capabilities", headers=headers).json["data"]["mcp"]
    optional = {"active_toolsets", "active_operation_ids", "read_only"}
    assert {name: value for name, value in mcp.items() if name in optional} == fields


def test_addresses_of_this_service_begin_with_the_public_url(serve: Any) -> None:
    server = serve(public_url="https://mail.example.com/base")
    data = server.call("GET", "/v1").json
    assert data["openapi_url"] == "https://mail.example.com/base/v1/openapi.json"
    assert data["capabilities_url"] == "https://mail.example.com/base/v1/capabilities"
    assert capabilities(server)["discovery"]["openapi_url"] == data["openapi_url"]


def test_the_capabilities_have_the_properties_of_the_contract(server: Server) -> None:
    data = capabilities(server)
    assert set(data) >= {
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
    assert (data["version"], data["capability_mode"]) == ("v1", "effective")
    assert data["authentication"] == {
        "type": "bearer",
        "header_name": "Authorization",
        "header_value_prefix": "Bearer",
        "workspace_scoped": True,
        "scopes_supported": list(scopes.ALL),
        "supported_credential_types": ["workspace_api_key"],
    }
    assert data["conventions"] == {
        "pagination_type": "cursor",
        "pagination_limit_param": "limit",
        "pagination_cursor_param": "starting_after",
        "idempotency_header": "Idempotency-Key",
    }
    meta = server.call("GET", "/v1").json
    assert data["discovery"] == {name: meta[name] for name in ADDRESSES}


def test_the_capabilities_describe_the_sdks_and_the_signing_of_webhooks(server: Server) -> None:
    data = capabilities(server)
    sdks = {name: (sdk["package_name"], sdk["language"]) for name, sdk in data["sdks"].items()}
    assert sdks == {"typescript": ("@mailrith/sdk", "typescript"), "python": ("mailrith-sdk", "python")}
    assert (data["mcp"]["package_name"], data["mcp"]["recommended_transport"]) == (
        "@mailrith/mcp-server",
        "streamable_http",
    )
    events = data["events"]
    assert [event for event in events["supported_events"] if event.startswith("subscriber.")] == [
        "subscriber.created",
        "subscriber.updated",
        "subscriber.status_changed",
    ]
    assert set(events["supported_events"]) < set(events["supported_event_patterns"])
    required = events["required_scopes_by_event_pattern"]
    assert set(events["supported_event_patterns"]) < set(required)
    assert (required["*"], required["subscriber.*"]) == ([], ["subscribers:read"])
    assert required["subscriber_import.completed"] == ["subscribers:import"]
    assert data["events"]["signing"] == {
        "algorithm": "hmac-sha256",
        "id_header": "webhook-id",
        "timestamp_header": "webhook-timestamp",
        "signature_header": "webhook-signature",
        "signature_prefix": "v1",
    }


def test_the_capabilities_describe_the_key_without_its_secret(server: Server) -> None:
    key = server.new_key(scopes=("tags:read", "workspace:read"), expires_at=4_102_444_800_000)
    reply = server.call("GET", "/v1/capabilities", key=key)
    data = reply.json["data"]["credential"]
    assert key.encode() not in reply.body
    assert (data["type"], data["name"], data["status"]) == ("workspace_api_key", "test", "active")
    assert data["scopes"] == ["tags:read", "workspace:read"]
    assert data["key_preview"] == f"{key[:8]}…{key[-4:]}"
    assert (data["expires_at"], data["revoked_at"]) == ("2100-01-01T00:00:00.000Z", None)


def test_a_key_with_every_scope_sees_every_operation_as_the_manifest_describes_it(server: Server) -> None:
    listed = [operation for resource in capabilities(server)["resources"] for operation in resource["operations"]]
    by_id = {operation["operation_id"]: operation for operation in listed}
    assert set(by_id) == set(OPERATIONS) - ABOUT_THE_API - set(OURS)
    for name in by_id:
        expected = {field: MANIFEST[name][field] for field in ("method", "path", "operation_id")}
        assert {field: by_id[name][field] for field in expected} == expected
        assert set(by_id[name]["required_scopes"]) == set(MANIFEST[name]["required_scopes"])
        assert by_id[name]["summary"]


def test_the_resources_have_their_own_operations_in_the_order_of_the_contract(server: Server) -> None:
    data = capabilities(server)["resources"]
    namespaces = [resource["namespace"] for resource in MailrithClient().operations]
    keys = [resource["key"] for resource in data]
    assert keys == [section.key for section in SECTIONS if section.key in namespaces]
    for resource in data:
        assert resource["name"]
        assert resource["description"]
        paths = {operation["path"] for operation in resource["operations"]}
        assert all(path.startswith(f"/v1/{resource['key'].replace('_', '-')}") for path in paths)


def test_the_limitations_list_the_operations_that_are_not_served(server: Server) -> None:
    data = capabilities(server)["limitations"]
    named = [name for limitation in data for name in limitation["affected_operation_ids"]]
    assert len(named) == len(set(named))
    assert set(named) == REFUSED
    assert all(limitation["code"] and limitation["message"] for limitation in data)


@pytest.mark.parametrize("path", ["/v1/capabilities", "/v1/workspace"])
@pytest.mark.parametrize("key", [None, "mrk_wrong_secret_key"])
def test_the_workspace_and_the_capabilities_need_a_key(server: Server, path: str, key: str | None) -> None:
    assert envelope(server.call("GET", path, key=key)) == (401, "authentication_error", "invalid_api_key")


def test_a_new_workspace_has_only_a_name(server: Server) -> None:
    reply = server.call("GET", "/v1/workspace")
    data = reply.json["data"]
    assert data == {
        "id": data["id"],
        "self": "/v1/workspace",
        "name": "Default",
        **dict.fromkeys(["logo", "address", "city", "state", "postal_code", "country", "time_zone"]),
        "created_at": data["created_at"],
        "updated_at": data["created_at"],
    }
    assert capabilities(server)["workspace"] == {"id": data["id"], "name": "Default"}


def test_a_key_gets_the_properties_of_its_own_workspace(server: Server) -> None:
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
    data = server.call("GET", "/v1/workspace", key=key).json["data"]
    assert {name: data[name] for name in particulars} == particulars
    assert (data["name"], data["updated_at"]) == ("Other", LONG_AGO)
    own = server.call("GET", "/v1/workspace").json["data"]
    assert (own["name"], own["city"]) == ("Default", None)
    assert own["id"] != data["id"]
    assert capabilities(server, key)["workspace"] == {"id": data["id"], "name": "Other"}
