"""The table of routes agrees with the manifest of operations in the SDK."""

import re
from collections.abc import Iterator

import pytest
from api_calls import MANIFEST, OPERATIONS
from conftest import Server
from wire import envelope, running_service

from mailrith_lite.access import scopes
from mailrith_lite.api.not_served import NOT_SERVED
from mailrith_lite.api.route import Addition
from mailrith_lite.api.routes import ROUTES, Route


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def address(path: str) -> str:
    return re.sub(r"\{\w+\}", "some_id", path)


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES, ids=OPERATIONS)
def test_a_route_needs_a_key_unless_it_is_public(service: Server, route: Route) -> None:
    reply = service.call(route.method, address(route.path), key=None)
    if route.public:
        assert reply.status == 200
    else:
        assert envelope(reply) == (401, "authentication_error", "invalid_api_key")


@pytest.mark.parametrize("operation_id", [name for name in OPERATIONS if name in MANIFEST])
def test_a_route_agrees_with_the_manifest(operation_id: str) -> None:
    route, operation = OPERATIONS[operation_id], MANIFEST[operation_id]
    assert (route.method, route.path) == (operation["method"], operation["path"])
    assert sorted(route.scopes) == sorted(operation["required_scopes"])
    assert route.public is not operation["auth_required"]
    parameters = set(route.signature.query.__struct_encode_fields__) - {"cursor"}  # the command line's own name
    paging = {"limit", "starting_after"} if operation_id == "listWebhookSubscriptions" else set()
    ours = {"import_job_id", "country", "segment_id"} if operation_id == "listSubscribers" else set()
    assert parameters == set(operation["query_params"]) | paging | ours  # the contract gives paging to every list
    assert route.idempotent is ("Idempotency-Key" in operation["header_params"])
    has_body = route.signature.request is not None
    assert has_body is operation["has_request_body"]
    assert (has_body and not route.signature.optional_body) is operation["request_body_required"]


def test_operations_that_the_contract_does_not_have_are_additions() -> None:
    additions = {route.operation_id for route in ROUTES if isinstance(route, Addition)}
    assert additions == set(OPERATIONS) - set(MANIFEST)


def test_each_operation_of_the_manifest_is_served_or_refused_by_name() -> None:
    refused = {(one.operation_id, one.method, one.path) for one in NOT_SERVED}
    expected = {(name, operation["method"], operation["path"]) for name, operation in MANIFEST.items()}
    assert refused == {entry for entry in expected if entry[0] not in OPERATIONS}


@pytest.mark.parametrize("operation_id", sorted(set(MANIFEST) - set(OPERATIONS)))
def test_an_operation_that_is_not_served_answers_501_and_its_name(service: Server, operation_id: str) -> None:
    operation = MANIFEST[operation_id]
    reply = service.call(operation["method"], address(operation["path"]))
    assert envelope(reply) == (501, "api_error", "operation_not_supported")
    assert operation_id in reply.error["message"]
    assert reply.error["retry"]["safe"] is False
    assert reply.error["retry"]["guidance"]


@pytest.mark.parametrize("operation_id", sorted(set(MANIFEST) - set(OPERATIONS)))
def test_an_operation_that_is_not_served_needs_a_key_where_the_contract_does(
    service: Server, operation_id: str
) -> None:
    operation = MANIFEST[operation_id]
    reply = service.call(operation["method"], address(operation["path"]), key=None)
    assert reply.status == (401 if operation["auth_required"] else 501)


@pytest.mark.parametrize("operation_id", sorted(MANIFEST))
def test_every_path_of_the_manifest_is_known(service: Server, operation_id: str) -> None:
    operation = MANIFEST[operation_id]
    path = address(operation["path"])
    assert service.call("TRACE", path).status == 405
    reply = service.call(operation["method"], path)
    assert reply.status != 404 or reply.error["code"] != "not_found"


def test_a_key_can_have_every_scope_of_the_manifest() -> None:
    assert {scope for operation in MANIFEST.values() for scope in operation["required_scopes"]} <= set(scopes.ALL)
    assert len(set(scopes.ALL)) == len(scopes.ALL)


def test_the_root_redirects_only_browsers_to_the_console(service: Server) -> None:
    reply = service.call("GET", "/", key=None, headers={"Accept": "text/html,*/*"})
    assert (reply.status, reply.headers["location"]) == (303, "console")
    assert envelope(service.call("GET", "/", key=None)) == (404, "not_found", "not_found")
