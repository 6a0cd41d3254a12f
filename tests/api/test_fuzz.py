"""Arbitrary requests: none of them causes an internal error."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from conftest import Server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import AUTHORIZATION, HOST, IMPORTS, connect, running_service, sources

from mailrith_lite.api.parameters import Empty
from mailrith_lite.api.routes import ROUTES

UNKNOWN = "unknown"


def _of_nobody(path: str) -> str:
    """The path with an id that no resource has."""
    return re.sub(r"\{\w+\}", UNKNOWN, path)


EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "12"))
JSON = {"Content-Type": "application/json"}
GETS = [_of_nobody(route.path) for route in ROUTES if route.signature.query is not Empty]
POSTS = [
    _of_nobody(route.path) for route in ROUTES if route.method == "POST" and route.signature.request is not None
]
many = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

QUERIES = [route.signature.query for route in ROUTES]
FORMS = [route.signature.request for route in ROUTES if route.signature.request is not None]
NESTED = [
    *("csv_column", "field", "type", "custom_field_id", "options", "emails"),
    *("match", "groups", "id", "conditions", "operator", "value"),
]
names = st.sampled_from(sorted({*NESTED, *(name for form in FORMS for name in form.__struct_encode_fields__)}))
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["Email", "email", "name", "custom-field", "Active", "Text", "Multi Select", "Email,Name\na@b,c\n"]
    )
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=6),
)
mappings = st.lists(
    st.fixed_dictionaries(
        {"csv_column": st.sampled_from(["Email", "Name", "X"]) | values},
        optional={"field": st.fixed_dictionaries({"type": st.sampled_from(["email", "name"]) | values}) | values},
    ),
    max_size=4,
)
orders = st.fixed_dictionaries(
    {"csv_text": st.text(max_size=60) | st.sampled_from(["Email,Name\na@b,c\n", 'Email\n"'])},
    optional={
        "mappings": mappings | values,
        "new_tag_name": values,
        "existing_tag_ids": values,
        "sequence_ids": values,
        "upload_id": st.none() | values,
    },
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory, max_queued_jobs=100_000) as server:
        yield server
        server.drain()
        assert not sources(server)


def missing(path: str) -> tuple[int, ...]:
    """The status of a path below a resource that does not exist."""
    return (404,) if UNKNOWN in path.split("/") else ()


def check(server: Server, path: str, body: bytes) -> None:
    reply = server.call("POST", path, body, headers=JSON)
    assert reply.status in (200, 201, 202, 400, 409, *missing(path)), reply.body
    assert reply.json


@pytest.mark.parametrize("path", POSTS)
def test_any_json_gets_a_success_or_a_refusal(service: Server, path: str) -> None:
    @many
    @given(values)
    def ask(value: Any) -> None:
        check(service, path, json.dumps(value).encode())

    ask()


@many
@given(orders)
def test_any_import_gets_a_success_or_a_refusal(service: Server, order: Any) -> None:
    check(service, IMPORTS, json.dumps(order, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("path", POSTS)
def test_any_bytes_get_a_success_or_a_refusal(service: Server, path: str) -> None:
    @many
    @given(st.binary(max_size=200) | st.binary(max_size=50).map(lambda tail: b'{"csv_text":"' + tail))
    def ask(body: bytes) -> None:
        check(service, path, body)

    ask()


@pytest.mark.parametrize("path", GETS)
def test_any_query_gets_a_success_or_a_refusal(service: Server, path: str) -> None:
    parameters = st.sampled_from(sorted({name for query in QUERIES for name in query.__struct_encode_fields__}))

    @many
    @given(st.dictionaries(parameters, st.text(max_size=40) | st.integers().map(str), max_size=4))
    def ask(query: dict[str, str]) -> None:
        text = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in query.items())
        assert service.call("GET", f"{path}?{text}").status in (200, 400, *missing(path))

    ask()


@pytest.mark.parametrize("path", [*GETS, "/downloads/workspace_x"])
def test_any_id_gets_a_refusal(service: Server, path: str) -> None:
    @many
    @given(st.text(min_size=1, max_size=40))
    def ask(public_id: str) -> None:
        reply = service.call("GET", f"{path}/{quote(public_id, safe='', errors='surrogatepass')}")
        assert reply.status in (403, 404, 405, 501)
        assert reply.error["message"]

    ask()


@many
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_header_and_any_body_get_a_success_or_a_refusal(service: Server, header: bytes, tail: bytes) -> None:
    head = b"POST /v1/tags HTTP/1.1\r\n" + HOST + AUTHORIZATION + b"Content-Length: %d\r\n" % len(tail)
    with connect(service) as connection:
        connection.sendall(head + b"Idempotency-Key: " + header + b"\r\n\r\n" + tail)
        assert int(connection.recv(12)[9:12]) in (201, 400, 409, 413, 415, 417, 431)
