"""Calls every operation through the SDK, and checks the responses against the OpenAPI document."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from api_calls import MANIFEST, OPERATIONS, example, table
from conftest import Server
from mailrith_sdk import MailrithApiError
from sdk_calls import CALLS, Answer, Call, World, body, send
from wire import running_service

from mailrith_lite.access import scopes
from mailrith_lite.api.not_served import NOT_SERVED

REFUSED = {one.operation_id: f"{one.method} {one.path}" for one in NOT_SERVED}
WITH_KEY = [name for name in CALLS if MANIFEST[name]["auth_required"]]
ANSWERS = [pytest.param(name, status, id=f"{name}-{status}") for name in CALLS for status in CALLS[name]]
IDEMPOTENT = [name for name in CALLS if OPERATIONS[name].idempotent]
ERRORS = {
    400: "invalid_request",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found",
    409: "conflict",
    501: "api_error",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_service(tmp_path_factory) as server:
        yield World(server)


@pytest.fixture(scope="module")
def served_document(world: World) -> Any:
    return send(world.server, "getPublicApiOpenApiDocument", {}).body


@pytest.fixture(scope="module")
def document(served_document: Any) -> Any:
    """The OpenAPI document, whose schemas allow only the properties that they describe."""
    return closed(served_document)


def described(document: Any, operation_id: str) -> Any:
    operation = MANIFEST[operation_id]
    one = document["paths"][operation["path"]][operation["method"].lower()]
    assert one["operationId"] == operation_id
    return one


def check(document: Any, operation_id: str, answer: Answer) -> None:
    """The document describes the response, and the response has no property that the document does not have."""
    response = resolved(document, described(document, operation_id)["responses"][str(answer.status)])
    if answer.status == 204:
        assert (answer.body, response.get("content")) == (None, None)
        return
    (media,) = response["content"]
    assert answer.headers["content-type"].partition(";")[0] == media
    assert faults(document, response["content"][media]["schema"], answer.body) == []
    if answer.status >= 400:
        examples = [example["value"]["error"] for example in response["content"][media]["examples"].values()]
        assert answer.body["error"]["code"] in [error["code"] for error in examples]


def faults(document: Any, schema: Any, instance: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(
        {**schema, "components": document["components"]},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(instance)]


def resolved(document: Any, schema: Any) -> Any:
    """The component of a `$ref`."""
    if "$ref" not in schema:
        return schema
    _, section, name = schema["$ref"].removeprefix("#/").split("/")
    return document["components"][section][name]


def closed(schema: Any) -> Any:
    """The schema, without undescribed properties."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return more | {name: closed(value) for name, value in schema.items()}


def check_error(answer: Answer) -> None:
    assert answer.body["error"]["type"] == ERRORS[answer.status]
    assert re.fullmatch(r"[a-z_]+", answer.body["error"]["code"])
    assert answer.headers["x-mailrith-request-id"]


def some(name: str, world: World) -> Call:
    """A call that succeeds."""
    return next(iter(CALLS[name].values()))(world)


def test_every_operation_of_the_manifest_is_called_here_or_not_served() -> None:
    assert set(CALLS) | set(REFUSED) == set(MANIFEST)
    assert not set(CALLS) & set(REFUSED)


def test_operations_that_are_not_served_have_the_method_and_path_of_the_manifest() -> None:
    assert {name: f"{MANIFEST[name]['method']} {MANIFEST[name]['path']}" for name in REFUSED} == REFUSED


@pytest.mark.parametrize(("name", "status"), ANSWERS)
def test_a_response_matches_the_document(world: World, document: Any, name: str, status: int) -> None:
    answer = send(world.server, name, CALLS[name][status](world))
    assert answer.status == status, answer
    assert answer.headers["x-mailrith-request-id"]
    if status >= 400:
        check_error(answer)
    if name.startswith("list") and status == 200:
        assert len(answer.body["data"]) == 1
    check(document, name, answer)


@pytest.mark.parametrize("name", [name for name in CALLS if MANIFEST[name]["has_request_body"]])
def test_a_successful_body_matches_the_document(world: World, served_document: Any, name: str) -> None:
    sent = described(served_document, name)["requestBody"]
    assert sent.get("required", False) == MANIFEST[name]["request_body_required"]
    assert faults(served_document, sent["content"]["application/json"]["schema"], some(name, world)["body"]) == []


@pytest.mark.parametrize("name", WITH_KEY)
def test_an_operation_refuses_a_wrong_key(world: World, document: Any, name: str) -> None:
    answer = send(world.server, name, some(name, world), key="mrk_wrong_secret_key")
    assert (answer.status, answer.body["error"]["code"]) == (401, "invalid_api_key")
    check_error(answer)
    check(document, name, answer)


def test_every_operation_refuses_a_request_without_a_key(world: World) -> None:
    for name in WITH_KEY:
        path = OPERATIONS[name].path.format(**some(name, world).get("path", {}))
        reply = world.server.call(OPERATIONS[name].method, path, key=None)
        assert (name, reply.status, reply.error["code"]) == (name, 401, "invalid_api_key")


@pytest.mark.parametrize("name", [name for name in WITH_KEY if MANIFEST[name]["required_scopes"]])
def test_an_operation_refuses_a_key_without_the_scopes_of_the_manifest(
    world: World, document: Any, name: str
) -> None:
    required = MANIFEST[name]["required_scopes"]
    key = world.key_with(*(scope for scope in scopes.ALL if scope not in required))
    answer = send(world.server, name, some(name, world), key=key)
    assert (answer.status, answer.body["error"]["code"]) == (403, "insufficient_scope")
    assert sorted(answer.body["error"]["missing_scopes"]) == sorted(required)
    check_error(answer)
    check(document, name, answer)


@pytest.mark.parametrize("name", REFUSED)
def test_an_operation_that_is_not_served_has_its_id_in_the_message(world: World, name: str) -> None:
    names = re.findall(r"\{(\w+)\}", MANIFEST[name]["path"])
    call = {"path": dict.fromkeys(names, "x")} | (body() if MANIFEST[name]["has_request_body"] else {})
    answer = send(world.server, name, call)
    assert (answer.status, answer.body["error"]["code"]) == (501, "operation_not_supported")
    assert name in answer.body["error"]["message"]
    check_error(answer)


def test_the_sdk_raises_an_error_with_type_and_code(world: World) -> None:
    with pytest.raises(MailrithApiError) as error:
        world.server.sdk().tags.delete(path={"tag_id": "x"})
    assert (error.value.status, error.value.type, error.value.code) == (404, "not_found", "tag_not_found")


def rows(server: Server, operation_id: str) -> int:
    return int(server.rows(f"SELECT count(*) FROM {table(OPERATIONS[operation_id])}")[0][0])


def test_every_post_that_creates_something_takes_an_idempotency_key() -> None:
    served = {name for name in CALLS if "Idempotency-Key" in json.dumps(MANIFEST[name]["header_params"])}
    assert served == set(IDEMPOTENT)


@pytest.mark.parametrize("name", IDEMPOTENT)
def test_a_repeated_post_of_the_sdk_gets_its_first_answer_and_creates_nothing(server: Server, name: str) -> None:
    call = {"body": example(OPERATIONS[name]), "idempotency_key": "once"}
    first = send(server, name, call)
    before = rows(server, name)
    second = send(server, name, call)
    assert (second.status, second.body) == (first.status, first.body)
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert rows(server, name) == before


def test_a_repeated_upsert_has_its_first_answer_until_the_subscriber_is_deleted(server: Server) -> None:
    call = {"body": {"email": "ada@example.com"}, "idempotency_key": "once"}
    first = send(server, "upsertSubscriber", call)
    one = {"path": {"subscriber_id": first.body["data"]["id"]}}
    assert send(server, "updateSubscriber", {**one, "body": {"name": "Ada"}}).status == 200
    assert (send(server, "upsertSubscriber", call).status, first.status) == (201, 201)
    assert send(server, "deleteSubscriber", one).status == 204
    gone = send(server, "upsertSubscriber", call)
    assert (gone.status, gone.body["error"]["code"]) == (404, "subscriber_not_found")
    assert rows(server, "upsertSubscriber") == 0
