"""Every operation requires exactly its scopes, and changes nothing without them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_calls import ABOUT_THE_API, MANIFEST, OPERATIONS, OURS, PUBLIC
from conftest import KEY, Server
from full_workspace import FullWorkspace, contents

from mailrith_lite.access import scopes
from mailrith_lite.settings import Settings

REQUIRED: dict[str, tuple[str, ...]] = {
    operation_id: tuple(MANIFEST[operation_id]["required_scopes"])
    for operation_id in OPERATIONS
    if operation_id in MANIFEST
} | OURS
NEEDED = [(operation_id, scope) for operation_id, required in REQUIRED.items() for scope in required]
SCOPE_SETS = [
    (),
    ("live_actions:write",),
    ("subscribers:write",),
    ("subscribers:write", "live_actions:write"),
    ("subscribers:import",),
    ("sequences:write",),
    ("segments:read", "tags:write"),
    ("workspace:read", "webhooks:write", "forms:read"),
    tuple(scope for scope in scopes.ALL if scope.endswith(":read")),
    tuple(scope for scope in scopes.ALL if scope != "live_actions:write"),
    scopes.ALL,
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its jobs stay queued, so that they can be canceled, and its webhooks are not sent."""
    directory = tmp_path_factory.mktemp("scopes") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        server.wait(server.services.runner.stop())
        server.wait(server.services.dispatcher.stop())
        yield server


@pytest.fixture(scope="module")
def ours(service: Server) -> FullWorkspace:
    return FullWorkspace(service, "ours")


@pytest.fixture(scope="module")
def at_first(service: Server, ours: FullWorkspace) -> dict[str, Any]:
    """The rows before each test."""
    return contents(service)


@pytest.fixture(scope="module")
def content(service: Server, ours: FullWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return service.save_database(tmp_path_factory.mktemp("content") / "ours.db")


def test_every_operation_has_scopes_in_the_contract_or_in_ours() -> None:
    assert set(REQUIRED) == set(OPERATIONS)


@pytest.mark.parametrize(("operation_id", "scope"), NEEDED)
def test_a_request_without_one_scope_is_refused_and_changes_nothing(
    service: Server, ours: FullWorkspace, at_first: dict[str, Any], operation_id: str, scope: str
) -> None:
    files = list(service.services.imports_directory.iterdir())
    required = REQUIRED[operation_id]
    for key_scopes in (tuple(other for other in scopes.ALL if other != scope), tuple(set(required) - {scope})):
        reply = ours.request(operation_id, key=service.new_key(workspace="ours", scopes=key_scopes))
        assert (reply.status, reply.error["type"]) == (403, "permission_error")
        assert reply.error["code"] == "insufficient_scope"
        assert sorted(reply.error["required_scopes"]) == sorted(required)
        assert reply.error["missing_scopes"] == [scope]
        assert reply.error["replacement_scopes"] == sorted({*key_scopes, *required})
        assert reply.error["recovery"]["replacement_scopes"] == reply.error["replacement_scopes"]
        assert reply.error["credential_type"] == "workspace_api_key"
        assert scope in reply.error["message"]
    assert contents(service) == at_first
    assert list(service.services.imports_directory.iterdir()) == files


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_the_scopes_of_an_operation_are_sufficient(
    service: Server, ours: FullWorkspace, at_first: dict[str, Any], content: Path, operation_id: str
) -> None:
    key = service.new_key(workspace="ours", scopes=REQUIRED[operation_id])
    reply = ours.request(operation_id, key=key)
    assert reply.status == OPERATIONS[operation_id].statuses[0], reply.body
    reads = OPERATIONS[operation_id].method == "GET" or operation_id in (
        "previewSegment",
        "previewSubscriberBulkChange",
    )
    assert (contents(service) == at_first) is reads
    service.restore_database(content)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_only_public_operations_work_without_a_key(
    service: Server, ours: FullWorkspace, at_first: dict[str, Any], operation_id: str
) -> None:
    reply = ours.request(operation_id, key="mrk_a_key_that_nobody_has")
    assert reply.status == (200 if operation_id in PUBLIC else 401)
    assert contents(service) == at_first


def test_the_error_names_all_missing_scopes(service: Server) -> None:
    reply = service.call("POST", "/v1/jobs/subscriber-imports", key=service.new_key(scopes=()))
    assert reply.error["missing_scopes"] == ["subscribers:import", "live_actions:write"]


@pytest.mark.parametrize("key_scopes", SCOPE_SETS)
def test_capabilities_have_exactly_the_operations_of_the_key(service: Server, key_scopes: tuple[str, ...]) -> None:
    key = service.new_key(scopes=key_scopes)
    data = service.call("GET", "/v1/capabilities", key=key).json["data"]
    operations = [operation for resource in data["resources"] for operation in resource["operations"]]
    possible = (
        {name for name, required in REQUIRED.items() if set(required) <= set(key_scopes)}
        - ABOUT_THE_API
        - set(OURS)
    )
    assert sorted(operation["operation_id"] for operation in operations) == sorted(possible)
    assert all(resource["operations"] for resource in data["resources"])
    assert data["credential"]["scopes"] == list(key_scopes)
    for operation in operations:
        route = OPERATIONS[operation["operation_id"]]
        assert (operation["method"], operation["path"]) == (route.method, route.path)
        assert sorted(operation["required_scopes"]) == sorted(REQUIRED[route.operation_id])


@pytest.mark.parametrize("key_scopes", SCOPE_SETS)
def test_operations_of_capabilities_are_those_that_are_not_refused(
    service: Server, ours: FullWorkspace, content: Path, key_scopes: tuple[str, ...]
) -> None:
    key = service.new_key(workspace="Nothing in it", scopes=key_scopes)
    data = service.call("GET", "/v1/capabilities", key=key).json["data"]
    listed = {op["operation_id"] for resource in data["resources"] for op in resource["operations"]}
    allowed = {name for name in OPERATIONS if ours.request(name, key=key, body={}).status != 403}
    service.restore_database(content)
    assert allowed - ABOUT_THE_API - set(OURS) == listed
