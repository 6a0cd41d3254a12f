"""Status, type, code, headers and envelope of every error in the contract's table."""

import contextlib
import sqlite3
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import KEY, MAPPINGS, Reply, Server
from wire import EMAIL, EXPORTS, IMPORTS, envelope, exchange, post, running_service, sources

from mailrith_lite.database import opening

CSV = {"csv_text": "Email\nada@example.com\n", "mappings": [EMAIL]}
LIMIT = 10_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory, max_body_bytes=LIMIT) as server:
        yield server


def call(method: str, path: str, body: Any = None, **more: Any) -> Callable[[Server], Reply]:
    return lambda server: server.call(method, path, body, **more)


REFUSALS = {
    "body": (call("POST", "/v1/tags", {}), 400, "invalid_request", "invalid_tag_name"),
    "no JSON": (call("POST", "/v1/tags", b"{"), 400, "invalid_request", "invalid_body"),
    "no body": (call("POST", "/v1/tags"), 400, "invalid_request", "invalid_body"),
    "query": (call("GET", "/v1/tags?limit=0"), 400, "invalid_request", "invalid_request"),
    "idempotency key": (
        call("POST", "/v1/tags", {"name": "a"}, headers={"Idempotency-Key": ""}),
        400,
        "invalid_request",
        "idempotency_key_invalid",
    ),
    "key": (call("GET", "/v1/tags", key=None), 401, "authentication_error", "invalid_api_key"),
    "link": (call("GET", "/downloads/a/b", key=None), 403, "permission_error", "invalid_signature"),
    "import": (call("GET", f"{IMPORTS}/x"), 404, "not_found", "subscriber_import_job_not_found"),
    "export": (call("GET", f"{EXPORTS}/x"), 404, "not_found", "subscriber_export_job_not_found"),
    "import to cancel": (call("POST", f"{IMPORTS}/x/cancel"), 404, "not_found", "subscriber_import_job_not_found"),
    "export to cancel": (call("POST", f"{EXPORTS}/x/cancel"), 404, "not_found", "subscriber_export_job_not_found"),
    "subscriber": (call("GET", "/v1/subscribers/x"), 404, "not_found", "subscriber_not_found"),
    "tag": (call("GET", "/v1/tags/x"), 404, "not_found", "tag_not_found"),
    "custom field": (call("GET", "/v1/custom-fields/x"), 404, "not_found", "custom_field_not_found"),
    "sequence": (call("GET", "/v1/sequences/x"), 404, "not_found", "sequence_not_found"),
    "segment": (call("GET", "/v1/segments/x"), 404, "not_found", "segment_not_found"),
    "path": (call("GET", "/v1/nothing"), 404, "not_found", "not_found"),
    "path without a key": (call("GET", "/", key=None), 404, "not_found", "not_found"),
    "method": (call("DELETE", "/v1/tags"), 405, "invalid_request", "method_not_allowed"),
    "size": (call("POST", "/v1/tags", b" " * (LIMIT + 1)), 413, "invalid_request", "request_body_too_large"),
    "compression": (
        call("POST", "/v1/tags", {"name": "a"}, headers={"Content-Encoding": "gzip"}),
        415,
        "invalid_request",
        "unsupported_media_type",
    ),
    "operation": (call("GET", "/v1/forms"), 501, "api_error", "operation_not_supported"),
}


@pytest.mark.parametrize(("ask", "status", "error_type", "code"), REFUSALS.values(), ids=REFUSALS)
def test_an_error_has_its_status_type_and_code(
    service: Server, ask: Callable[[Server], Reply], status: int, error_type: str, code: str
) -> None:
    assert envelope(ask(service)) == (status, error_type, code)
    assert not sources(service)


def test_a_taken_tag_name_is_a_conflict(server: Server) -> None:
    assert server.call("POST", "/v1/tags", {"name": "Straße"}).status == 201
    reply = server.call("POST", "/v1/tags", {"name": " STRASSE "})
    assert envelope(reply) == (409, "conflict", "tag_name_conflict")
    assert reply.error["details"] == {"field": "name"}


def test_a_final_job_is_a_conflict_to_cancel(server: Server) -> None:
    job = server.import_csv("Email\na@example.com\n", [EMAIL])
    reply = server.call("POST", f"{IMPORTS}/{job['id']}/cancel")
    assert envelope(reply) == (409, "conflict", "job_already_final")
    assert reply.error["details"] == {"resource": {"type": "job", "id": job["id"]}}


def test_a_missing_scope_is_named_in_the_error(server: Server) -> None:
    key = server.new_key(scopes=("tags:read", "subscribers:read"))
    reply = server.call("POST", "/v1/tags", {"name": "a"}, key=key)
    assert envelope(reply) == (403, "permission_error", "insufficient_scope")
    error = reply.error
    message = error["recovery"].pop("message")
    assert error["required_scopes"] == error["missing_scopes"] == ["tags:write"]
    assert error["replacement_scopes"] == ["subscribers:read", "tags:read", "tags:write"]
    assert error["credential_type"] == "workspace_api_key"
    assert error["recovery"] == {"action": "replace_api_key", "replacement_scopes": error["replacement_scopes"]}
    assert message.endswith(".")


def test_a_full_queue_answers_429_with_retry_after(serve: Callable[..., Server]) -> None:
    server = serve(max_queued_jobs=2)
    server.wait(server.services.runner.stop())
    assert server.call("POST", IMPORTS, CSV).status == 202
    assert server.call("POST", EXPORTS).status == 202
    waiting = sources(server)
    for path, body in ((IMPORTS, CSV), (EXPORTS, None)):
        reply = server.call("POST", path, body, headers={"Idempotency-Key": "full"})
        assert envelope(reply) == (429, "invalid_request", "queue_full")
        assert reply.headers["retry-after"] == "1"
    assert sources(server) == waiting
    assert server.rows("SELECT * FROM idempotency_records") == []


def test_a_full_queue_does_not_affect_another_workspace(serve: Callable[..., Server]) -> None:
    server = serve(max_queued_jobs=1)
    server.wait(server.services.runner.stop())
    other = server.new_key(workspace="Other")
    assert [server.call("POST", EXPORTS).status for _ in range(2)] == [202, 429]
    assert [server.call("POST", EXPORTS, key=other).status for _ in range(2)] == [202, 429]


def test_write_is_refused_while_another_program_holds_a_lock(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_BUSY_TIMEOUT", 0.1)
    with contextlib.closing(sqlite3.connect(server.services.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for path, body in ((IMPORTS, CSV), (EXPORTS, None), ("/v1/tags", {"name": "Spring"})):
            reply = server.call("POST", path, body)
            assert envelope(reply) == (503, "api_error", "database_busy")
            assert reply.headers["retry-after"] == "1"
        assert server.call("GET", "/v1/tags").status == 200
        assert sources(server) == []
    assert server.call("POST", "/v1/tags", {"name": "Spring"}).status == 201


def test_a_stopping_service_answers_503_with_retry_after(server: Server) -> None:
    server.services.stopping = True
    for reply in (
        server.call("POST", EXPORTS),
        server.call("GET", "/healthz", key=None),
        server.call("GET", "/downloads/a/b", key=None),
    ):
        assert envelope(reply) == (503, "api_error", "shutting_down")
        assert reply.headers["retry-after"] == "1"


def test_an_unexpected_error_shows_only_the_request_id(server: Server) -> None:
    async def break_tags() -> None:
        async with server.services.database.write() as connection:
            await connection.execute("ALTER TABLE tags RENAME COLUMN description TO secret_detail")

    server.wait(break_tags())
    reply = server.call("GET", "/v1/tags", headers={"x-mailrith-request-id": "trace-me"})
    assert envelope(reply) == (500, "api_error", "internal_error")
    assert "trace-me" in reply.error["message"]
    assert b"description" not in reply.body
    assert b"sqlite" not in reply.body.lower()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/tags", "GET, HEAD, POST"),
        ("PATCH", IMPORTS, "GET, HEAD, POST"),
        ("GET", f"{IMPORTS}/x/cancel", "POST"),
        ("PUT", f"{EXPORTS}/x", "DELETE, GET, HEAD"),
        ("OPTIONS", "/v1/custom-fields", "GET, HEAD, POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/downloads/a/b", "GET, HEAD"),
    ],
)
def test_an_unknown_method_answers_405_with_allow(service: Server, method: str, path: str, allowed: str) -> None:
    reply = service.call(method, path)
    assert envelope(reply) == (405, "invalid_request", "method_not_allowed")
    assert reply.headers["allow"] == allowed


def test_a_401_has_www_authenticate(service: Server) -> None:
    assert service.call("GET", "/v1/tags", key=None).headers["www-authenticate"] == "Bearer"


def test_a_head_request_gets_the_headers_of_its_get(service: Server) -> None:
    reply = service.call("HEAD", "/v1/tags")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == service.call("GET", "/v1/tags").headers["content-length"]
    assert service.call("HEAD", "/v1/tags", key=None).status == 401


def test_healthz_needs_no_key(service: Server) -> None:
    reply = service.call("GET", "/healthz", key=None)
    assert (reply.status, reply.json) == (200, {"status": "ok", "problems": []})


@pytest.mark.parametrize("path", ["/v1/tags", "/v1/tags?limit=x", "/nothing", "/healthz", "/downloads/a/b"])
@pytest.mark.parametrize("sent", ["a", "x" * 128, string.punctuation, "mine-0123"])
def test_a_valid_request_id_is_echoed(service: Server, path: str, sent: str) -> None:
    assert (
        service.call("GET", path, headers={"x-mailrith-request-id": sent}).headers["x-mailrith-request-id"] == sent
    )


@pytest.mark.parametrize("sent", ["", " ", "x" * 129, "é", "a\tb", "a\x7fb", "☃"])
def test_an_invalid_request_id_is_replaced(service: Server, sent: str) -> None:
    head = b"GET /v1/tags HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-mailrith-request-id: %s\r\n\r\n"
    given = exchange(service, head % sent.encode()).headers["x-mailrith-request-id"]
    assert given != sent
    assert given.startswith("req_")
    assert given.isascii()


def test_every_request_without_an_id_gets_a_new_one(service: Server) -> None:
    given = {service.call("GET", path).headers["x-mailrith-request-id"] for path in ("/v1/tags", "/x") * 10}
    assert len(given) == 20


def test_a_body_over_the_limit_is_refused_before_it_arrives(service: Server) -> None:
    reply = exchange(service, post(IMPORTS, f"Content-Length: {LIMIT + 1}".encode()))
    assert envelope(reply) == (413, "invalid_request", "request_body_too_large")
    assert f"{LIMIT:,}" in reply.error["message"]


def test_a_body_without_a_length_is_refused_at_the_limit(service: Server) -> None:
    chunk = b"%x\r\n%s\r\n" % (LIMIT, b" " * LIMIT)
    reply = exchange(service, post(IMPORTS, b"Transfer-Encoding: chunked", body=chunk + b"1\r\n \r\n"))
    assert envelope(reply) == (413, "invalid_request", "request_body_too_large")
    assert not sources(service)


def test_a_body_over_the_limit_leaves_no_file(serve: Callable[..., Server]) -> None:
    server = serve(max_body_bytes=3 << 20)
    chunk = b"%x\r\n%s\r\n" % (2 << 20, b" " * (2 << 20))
    reply = exchange(server, post(IMPORTS, b"Transfer-Encoding: chunked", body=chunk * 2))
    assert envelope(reply)[2] == "request_body_too_large"
    assert not sources(server)


def test_a_body_of_exactly_the_limit_is_accepted(service: Server) -> None:
    body = b'{"csv_text": "Email\\na\\n", "mappings": [{"csv_column": "Email", "field": {"type": "email"}}]}'
    headers = {"Content-Type": "application/json"}
    assert service.call("POST", IMPORTS, body.ljust(LIMIT), headers=headers).status == 202


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, identity", "GZIP"])
@pytest.mark.parametrize("path", [IMPORTS, EXPORTS, "/v1/tags", "/v1/custom-fields"])
def test_a_compressed_body_is_refused(service: Server, path: str, encoding: str) -> None:
    reply = service.call("POST", path, b"\x1f\x8b", headers={"Content-Encoding": encoding})
    assert envelope(reply)[:1] == (415,)


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_content_encoding_identity_is_accepted(service: Server, encoding: str) -> None:
    assert service.call("POST", EXPORTS, {}, headers={"Content-Encoding": encoding}).status == 202


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ('application/json;charset="utf8"', 201),
        ("application/vnd.api+json", 201),
        ("application/json; charset=latin-1", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/csv", 415),
        ("text/json", 415),
        ("application/jsonx", 415),
        (";;;", 415),
        ("", 415),
    ],
)
def test_only_json_in_utf_8_is_accepted(service: Server, content_type: str, status: int) -> None:
    name = f"Tag for {content_type}"
    reply = service.call("POST", "/v1/tags", {"name": name}, headers={"Content-Type": content_type})
    assert reply.status == status


def test_a_body_without_a_content_type_is_read_as_json(service: Server) -> None:
    body = b'{"name": "untyped"}'
    reply = exchange(service, post("/v1/tags", f"Content-Length: {len(body)}".encode(), body=body))
    assert reply.status == 201


def test_the_key_is_checked_before_the_body(service: Server) -> None:
    reply = service.call("POST", IMPORTS, b" " * (LIMIT + 1), key=KEY + "x")
    assert reply.status == 401


def test_a_refused_import_leaves_no_file(service: Server) -> None:
    body = {"csv_text": "Email\na\n", "mappings": MAPPINGS}
    assert envelope(service.call("POST", IMPORTS, body))[2] == "invalid_mappings"
    assert not sources(service)
