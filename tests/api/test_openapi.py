"""The OpenAPI document is valid and complete, and agrees with the table of routes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from api_calls import OPERATIONS, operations
from api_records import definition
from conftest import Server
from jsonschema import Draft202012Validator
from wire import envelope, running_service

from mailrith_lite import errors
from mailrith_lite.api.documentation.openapi import document
from mailrith_lite.api.routes import ROUTES, SECTIONS, Route
from mailrith_lite.http.statuses import STATUSES
from mailrith_lite.jobs.kinds import KINDS

DOCUMENT = document(SECTIONS, ["/"])
SCHEMAS = DOCUMENT["components"]["schemas"]
BY_ID = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}
CHANGES = [route for route in ROUTES if route.method in ("PUT", "PATCH") and route.signature.request is not None]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def resolved(schema: Any) -> Any:
    """The component of a reference."""
    while "$ref" in schema:
        target = DOCUMENT
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def answers(operation: Any) -> dict[int, Any]:
    return {int(status): resolved(answer) for status, answer in operation["responses"].items()}


def examples(media: Any) -> list[Any]:
    return (
        [media["example"]] if "example" in media else [one["value"] for one in media.get("examples", {}).values()]
    )


def codes(operation: Any, status: int) -> set[str]:
    answer = answers(operation).get(status, {"content": {"application/json": {}}})
    return {example["error"]["code"] for example in examples(answer["content"]["application/json"])}


def problems(schema: Any, value: Any) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    return [error.message for error in Draft202012Validator(whole, format_checker=checker).iter_errors(value)]


@pytest.mark.slow
def test_the_document_is_valid_openapi() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # its import takes as long as hundreds of tests

    assert DOCUMENT["openapi"] == "3.1.0"
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_the_service_serves_the_document(service: Server) -> None:
    reply = service.call("GET", "/v1/openapi.json", key=None)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == DOCUMENT


@pytest.mark.slow
def test_the_document_has_the_public_url_as_a_server(tmp_path_factory: Any) -> None:
    with running_service(tmp_path_factory, public_url="https://mail.example.com") as server:
        servers = server.call("GET", "/v1/openapi.json", key=None).json["servers"]
    assert servers == [{"url": "/"}, {"url": "https://mail.example.com"}]


def test_the_document_has_exactly_the_routes() -> None:
    operations_of_document = {
        (method.upper(), path, operation["operationId"])
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    assert operations_of_document == {(route.method, route.path, route.operation_id) for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=OPERATIONS)
def test_an_operation_has_its_summary_section_and_scopes(route: Route) -> None:
    operation = BY_ID[route.operation_id]
    assert operation["summary"] == route.summary
    assert operation["tags"] == [section.name for section in SECTIONS if route in section.routes]
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    assert operation["security"] == ([] if route.public else [{"WorkspaceApiKey": []}])
    assert operation["x-required-scopes"] == list(route.scopes)
    assert all(f"`{scope}`" in operation["description"] for scope in route.scopes)


@pytest.mark.parametrize("route", ROUTES, ids=OPERATIONS)
def test_an_operation_has_the_successes_and_errors_of_its_route(route: Route) -> None:
    operation = BY_ID[route.operation_id]
    assert {status for status in answers(operation) if status < 300} == set(route.statuses)
    assert codes(operation, 401) == (
        set() if route.public else {"invalid_api_key", "revoked_api_key", "expired_api_key"}
    )
    assert codes(operation, 403) == ({"insufficient_scope"} if route.scopes else set())
    named = {name.removesuffix("_id") for name in re.findall(r"\{(\w+)\}", route.path)}
    job = next((kind.resource for kind in KINDS if route.path.startswith(kind.path)), "")
    renamed = {"job": job, "upload": "subscriber_import_upload"}
    absent = {error.error_code for error in route.refusals if type(error) is errors.NotFound}
    assert codes(operation, 404) == absent | {f"{renamed.get(name, name)}_not_found" for name in named}
    reused = {"idempotency_key_reused"} if route.idempotent else set()
    conflicts = {error.error_code for error in route.refusals if isinstance(error, errors.Conflict)}
    assert codes(operation, 409) == conflicts | reused
    assert "internal_error" in codes(operation, 500)
    parameters = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
    assert parameters == ({"Idempotency-Key"} if route.idempotent else set())


@pytest.mark.parametrize("operation_id", BY_ID)
def test_every_response_has_the_request_id(operation_id: str) -> None:
    for answer in answers(BY_ID[operation_id]).values():
        assert resolved(answer["headers"]["x-mailrith-request-id"])["required"]


@pytest.mark.parametrize("operation_id", BY_ID)
def test_examples_match_their_schemas(operation_id: str) -> None:
    operation = BY_ID[operation_id]
    contents = [answer["content"] for answer in answers(operation).values() if "content" in answer]
    if "requestBody" in operation:
        contents.append(operation["requestBody"]["content"])
        assert "example" in contents[-1]["application/json"]
    for content in contents:
        media = content["application/json"]
        for example in examples(media):
            assert problems(media["schema"], example) == []


def test_errors_of_the_document_have_the_type_of_their_status() -> None:
    known = dict(STATUSES.values()) | {409: "conflict"}
    for operation in BY_ID.values():
        for status, answer in answers(operation).items():
            if status >= 400:
                for example in examples(answer["content"]["application/json"]):
                    assert example["error"]["type"] == known[status]


def test_conflicts_have_the_message_of_the_document(service: Server) -> None:
    tag, person = {"name": "Words"}, {"email": "ada@example.com"}
    assert service.call("POST", "/v1/tags", tag, headers={"Idempotency-Key": "w"}).status == 201
    used = service.call("POST", "/v1/tags", {"name": "Used"}).json["data"]["id"]
    segment = {"name": "Readers", "definition": definition("tag", "is", used)}
    assert service.call("POST", "/v1/segments", segment).status == 201
    assert service.call("POST", "/v1/subscribers", person).status == 201
    job = service.call("POST", "/v1/jobs/subscriber-exports").json["data"]
    service.drain()
    replies = {
        "createTag": service.call("POST", "/v1/tags", {"name": "Other"}, headers={"Idempotency-Key": "w"}),
        "updateTag": service.call("PUT", f"/v1/tags/{used}", tag),
        "createSegment": service.call("POST", "/v1/segments", segment),
        "deleteTag": service.call("DELETE", f"/v1/tags/{used}"),
        "upsertSubscriber": service.call("POST", "/v1/subscribers", {**person, "create_only": True}),
        "cancelSubscriberExportJob": service.call("POST", f"{job['self']}/cancel"),
    }
    for operation_id, reply in replies.items():
        assert envelope(reply)[0] == 409
        conflicts = examples(answers(BY_ID[operation_id])[409]["content"]["application/json"])
        assert (reply.error["code"], reply.error["message"]) in [
            (conflict["error"]["code"], conflict["error"]["message"]) for conflict in conflicts
        ]


@pytest.mark.parametrize("route", CHANGES, ids=operations(CHANGES))
def test_an_empty_change_is_refused_where_the_schema_says_so(service: Server, route: Route) -> None:
    path = re.sub(r"\{\w+\}", "some_id", route.path)
    reply = service.call(route.method, path, {})
    schema = resolved(BY_ID[route.operation_id]["requestBody"]["content"]["application/json"]["schema"])
    assert (reply.status == 400) == bool(problems(schema, {}))


def test_every_field_of_a_response_is_required() -> None:
    assert SCHEMAS["WorkspaceResource"]["required"] == list(SCHEMAS["WorkspaceResource"]["properties"])
    assert "open_rate" in SCHEMAS["SequenceResource"]["required"]
    assert SCHEMAS["FieldSettingsResource"]["required"] == ["options"]
    assert "required" not in SCHEMAS["FieldSettings"]


def test_the_names_of_schemas_are_plain() -> None:
    assert all(re.fullmatch(r"[A-Z]\w+", name) for name in SCHEMAS)


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"csv_text": "Email\n"}, True),
        ({"upload_id": "upload_1"}, True),
        ({"csv_text": "Email\n", "upload_id": None}, True),
        ({"csv_text": "Email\n", "upload_id": "upload_1"}, False),
        ({}, False),
        ({"csv_text": None}, False),
    ],
)
def test_the_schema_of_an_import_requires_exactly_one_source(body: Any, valid: bool) -> None:
    mappings = [{"csv_column": "Email", "field": {"type": "email"}}]
    assert (problems(SCHEMAS["ImportRequest"], {**body, "mappings": mappings}) == []) == valid
