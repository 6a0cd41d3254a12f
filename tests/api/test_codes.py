"""The contract's table of codes: for each row, requests that end with its status, type and code."""

from collections.abc import Iterator
from typing import Any

import pytest
from api_records import (
    SUBSCRIBERS,
    definition,
    email,
    field,
    hold_jobs,
    segment,
    sequence,
    subscriber,
    tag,
)
from conftest import KEY, Server
from refused_requests import (
    CSV,
    FIELDS,
    SEGMENTS,
    SEQUENCES,
    TAGS,
    UPLOADS,
    Ask,
    ask,
    canceled_job,
    change,
    circle,
    delete,
    imports,
    locked_type,
    missing_file,
    named,
    not_ready,
    reuse_key,
    sequence_of_job,
    small_key,
    used_upload,
    with_key,
    without_rows,
)
from wire import EXPORTS, IMPORTS, envelope, running_service

EMPTY: dict[str, Any] = {"emails": []}
ACTIVE = definition("subscriber_status", "is", "Active")
LIMIT = 10_000
TYPES = {400: "invalid_request", 401: "authentication_error", 403: "permission_error", 404: "not_found"}
TYPES |= {405: "invalid_request", 409: "conflict", 413: "invalid_request", 415: "invalid_request"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """No job of it starts."""
    with running_service(tmp_path_factory, max_body_bytes=LIMIT) as server:
        hold_jobs(server)
        segment(server, "Used", definition("tag", "is", tag(server, "Used")["id"]))
        segment(
            server, "Of field", definition("custom_field", "is", "x", customFieldId=field(server, "Used")["id"])
        )
        segment(
            server, "Of sequence", definition("sequence", "is_active_in_any_of", [sequence(server, "Used")["id"]])
        )
        segment(server, "Outer", definition("segment", "is", named(server, SEGMENTS, "Used")["id"]))
        running = sequence(server, "Running")
        server.call("PUT", f"{running['self']}/status", {"status": "running"})
        for name in ("ada", "bob"):
            subscriber(server, f"{name}@example.com")
        for create, name in ((tag, "Free"), (sequence, "Free"), (field, "Free")):
            create(server, name)
        segment(server, "Free", ACTIVE)
        yield server


ROWS: list[tuple[int, str, list[Ask]]] = [
    (
        401,
        "invalid_api_key",
        [ask("GET", TAGS, key=None), ask("GET", TAGS, key="x"), ask("GET", TAGS, key=KEY + "x")],
    ),
    (
        401,
        "revoked_api_key",
        [with_key(revoked_at=1), with_key(rotated_at=1), with_key(revoked_at=1, expires_at=1)],
    ),
    (401, "expired_api_key", [with_key(expires_at=1)]),
    (403, "insufficient_scope", [small_key]),
    (403, "invalid_signature", [ask("GET", "/downloads/a/b", key=None)]),
    (404, "not_found", [ask("GET", "/v1/nothing"), ask("GET", "/nothing", key=None)]),
    (405, "method_not_allowed", [ask("DELETE", TAGS)]),
    (400, "invalid_body", [ask("POST", TAGS, b"{"), ask("POST", TAGS, b"[]"), ask("PUT", f"{SEQUENCES}/x", b"5")]),
    (400, "invalid_request", [ask("POST", SUBSCRIBERS, {"email": "a@example.com", "name": 5})]),
    (400, "invalid_cursor", [ask("GET", f"{TAGS}?starting_after=x"), ask("GET", f"{TAGS}?cursor=x")]),
    (400, "empty_update", [change(path, "Free", {}) for path in (TAGS, FIELDS, SEQUENCES, SEGMENTS)]),
    (400, "empty_update", [change(SUBSCRIBERS, "ada@example.com", {}, method="PATCH")]),
    (400, "idempotency_key_invalid", [ask("POST", TAGS, {"name": "a"}, headers={"Idempotency-Key": ""})]),
    (409, "idempotency_key_reused", [reuse_key]),
    (413, "request_body_too_large", [ask("POST", TAGS, b" " * (LIMIT + 1))]),
    # subscribers
    (400, "invalid_subscriber_email", [change(SUBSCRIBERS, "ada@example.com", {"email": "x"}, method="PATCH")]),
    (400, "invalid_request", [ask("POST", SUBSCRIBERS, {"email": "x"}), ask("POST", SUBSCRIBERS, {})]),
    (
        400,
        "invalid_subscriber_status",
        [
            ask("POST", SUBSCRIBERS, {"email": "a@example.com", "status": "x"}),
            change(SUBSCRIBERS, "ada@example.com", {"status": "x"}, method="PATCH"),
            change(SUBSCRIBERS, "ada@example.com", {"status": "x"}, below="/status"),
            change(SUBSCRIBERS, "ada@example.com", {}, below="/status"),
            ask("GET", f"{SUBSCRIBERS}?status=x"),
            ask("GET", f"{SUBSCRIBERS}?status=Active&status=Blocked"),
        ],
    ),
    (
        409,
        "subscriber_conflict",
        [
            ask("POST", SUBSCRIBERS, {"email": "ada@example.com", "create_only": True}),
            change(SUBSCRIBERS, "ada@example.com", {"email": "bob@example.com"}, method="PATCH"),
        ],
    ),
    (404, "subscriber_not_found", [ask("GET", f"{SUBSCRIBERS}/x")]),
    (400, "invalid_tag_operator", [ask("GET", f"{SUBSCRIBERS}?tag_operator=x")]),
    (400, "invalid_sequence_operator", [ask("GET", f"{SUBSCRIBERS}?sequence_operator=x")]),
    (400, "too_many_tag_filters", [ask("GET", f"{SUBSCRIBERS}?tag_ids={'x,' * 100}x")]),
    (400, "too_many_sequence_filters", [ask("GET", f"{SUBSCRIBERS}?sequence_ids={'x,' * 100}x")]),
    # tags
    (
        400,
        "invalid_tag_name",
        [ask("POST", TAGS, {}), ask("POST", TAGS, {"name": "x" * 101}), change(TAGS, "Free", {"name": " "})],
    ),
    (409, "tag_name_conflict", [ask("POST", TAGS, {"name": "FREE"}), change(TAGS, "Used", {"name": "Free"})]),
    (409, "tag_in_use", [delete(TAGS, "Used")]),
    (404, "tag_not_found", [ask("GET", f"{TAGS}/x")]),
    # custom fields
    (
        400,
        "invalid_custom_field",
        [
            ask("POST", FIELDS, {"label": "x", "type": "x"}),
            ask("POST", FIELDS, {"label": "x", "type": "Single Select"}),
            ask("POST", FIELDS, {"type": "Text"}),
            ask("POST", FIELDS, {"label": "x", "type": "Text", "key": "x"}),
        ],
    ),
    (
        400,
        "custom_field_label_conflict",
        [ask("POST", FIELDS, {"label": label, "type": "Text"}) for label in ("free", "Subscriber Name")],
    ),
    (
        409,
        "custom_field_label_conflict",
        [change(FIELDS, "Used", {"label": label}) for label in ("free", "subscriber email")],
    ),
    (409, "custom_field_type_locked", [locked_type, change(FIELDS, "Used", {"type": "Text Area"})]),
    (409, "custom_field_in_use", [delete(FIELDS, "Used")]),
    (404, "custom_field_not_found", [ask("GET", f"{FIELDS}/x")]),
    # segments
    (
        400,
        "invalid_segment",
        [
            ask("POST", SEGMENTS, {"definition": ACTIVE}),
            ask("POST", SEGMENTS, {"name": "x"}),
            ask("POST", SEGMENTS, {"name": "x", "definition": ACTIVE, "colour": "red"}),
            change(SEGMENTS, "Free", {"name": 5}),
            circle,
        ],
    ),
    (
        400,
        "invalid_segment_definition",
        [
            ask("POST", SEGMENTS, {"name": "x", "definition": {}}),
            ask("POST", f"{SEGMENTS}/preview", {"definition": definition("tag", "likes", "x")}),
            change(SEGMENTS, "Free", {"definition": {**ACTIVE, "colour": "red"}}),
        ],
    ),
    (409, "segment_name_conflict", [ask("POST", SEGMENTS, {"name": "free", "definition": ACTIVE})]),
    (409, "segment_in_use", [delete(SEGMENTS, "Used")]),
    (404, "segment_not_found", [ask("GET", f"{SEGMENTS}/x")]),
    # sequences
    (
        400,
        "invalid_sequence",
        [
            ask("POST", SEQUENCES, {"definition": EMPTY}),
            ask("POST", SEQUENCES, {"name": "free", "definition": EMPTY}),
            ask("POST", SEQUENCES, {"name": "x", "definition": {"emails": [{"id": "a"}]}}),
            ask("POST", SEQUENCES, {"name": "x", "definition": {"emails": [email(colour="red")]}}),
            ask("POST", SEQUENCES, {"name": "x", "definition": EMPTY, "colour": "red"}),
            change(SEQUENCES, "Used", {"name": "Free"}),
        ],
    ),
    (
        400,
        "invalid_sequence_status",
        [change(SEQUENCES, "Free", body, below="/status") for body in ({}, {"status": "x"})],
    ),
    (409, "sequence_must_be_paused", [change(SEQUENCES, "Running", {"name": "x"})]),
    (409, "sequence_in_use", [delete(SEQUENCES, "Used"), sequence_of_job]),
    (404, "sequence_not_found", [ask("GET", f"{SEQUENCES}/x")]),
    # jobs
    (400, "invalid_csv_text", [imports(csv_text=""), imports(csv_text="Email\n"), without_rows]),
    (
        400,
        "invalid_mappings",
        [
            imports(csv_text=CSV, mappings=[]),
            imports(csv_text=CSV, mappings=[{"csv_column": "Email", "field": {"type": "x"}}]),
            imports(csv_text=CSV, mappings=[{"csv_column": "Nothing", "field": {"type": "email"}}]),
        ],
    ),
    (404, "subscriber_import_job_not_found", [ask("GET", f"{IMPORTS}/x")]),
    (404, "subscriber_export_job_not_found", [ask("GET", f"{EXPORTS}/x")]),
    (400, "subscriber_import_upload_not_found", [imports(upload_id="x")]),
    (404, "subscriber_import_upload_not_found", [ask("GET", f"{UPLOADS}/x")]),
    (400, "subscriber_import_upload_not_ready", [not_ready]),
    (400, "subscriber_import_upload_missing", [missing_file]),
    (409, "upload_already_used", [used_upload]),
    (400, "invalid_export_status", [ask("POST", EXPORTS, {"status": "x"})]),
    (400, "invalid_request", [imports(), imports(csv_text=CSV, upload_id="x"), imports(csv_text=5)]),
    (400, "invalid_tag_name", [imports(csv_text=CSV, new_tag_name=" ")]),
    (
        400,
        "invalid_request",
        [imports(csv_text=CSV, existing_tag_ids=["x"]), imports(csv_text=CSV, sequence_ids=["x"])],
    ),
    (415, "unsupported_media_type", [ask("POST", TAGS, {"name": "a"}, headers={"Content-Type": "text/csv"})]),
    (409, "job_already_final", [canceled_job]),
]
CASES = [
    pytest.param(request, status, code, id=f"{status}-{code}-{number}")
    for status, code, requests in ROWS
    for number, request in enumerate(requests)
]


@pytest.mark.parametrize(("request_", "status", "code"), CASES)
def test_an_error_has_the_status_type_and_code_of_the_contract(
    service: Server, request_: Ask, status: int, code: str
) -> None:
    reply = request_(service)
    assert envelope(reply) == (status, TYPES[status], code)
    assert reply.error["message"].endswith(".")


MESSAGES = {
    "a flag": (EXPORTS, {"cold_only": "yes"}, "cold_only takes true or false, or null."),
    "an enumeration": (
        EXPORTS,
        {"status": "x"},
        "one of Active, Blocked, Bounced, Complained, Unconfirmed, Unsubscribed",
    ),
    "a text": (TAGS, {"name": 5}, "name takes a text."),
    "a list": (SUBSCRIBERS, {"email": "a@b.example", "new_tags": "x"}, "new_tags takes a list."),
    "a time": (
        SUBSCRIBERS,
        {"email": "a@b.example", "consent_evidence": {"collected_at": "x"}},
        "consent_evidence.collected_at takes a time with its offset from UTC",
    ),
    "a column": (
        IMPORTS,
        {"csv_text": CSV, "mappings": [{"csv_column": "Mail", "field": {"type": "email"}}]},
        '"Mail" is not a column of the file; its columns are "Email", "Name".',
    ),
}


@pytest.mark.parametrize(("path", "body", "words"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_says_what_the_field_takes_in_plain_words(
    service: Server, path: str, body: Any, words: str
) -> None:
    assert words in service.call("POST", path, body).error["message"]


@pytest.mark.parametrize("path", ["/v1", "/v1/openapi.json", "/v1/capabilities", TAGS, f"{TAGS}/x"])
def test_every_operation_refuses_an_unknown_parameter(service: Server, path: str) -> None:
    reply = service.call("GET", f"{path}?stauts=Active")
    assert envelope(reply) == (400, "invalid_request", "invalid_request")
    assert reply.error["details"] == {"field": "stauts", "reason": "unknown_parameter"}


def test_a_delete_with_a_mode_deletes_nothing(service: Server) -> None:
    one = tag(service, "Kept")
    assert service.call("DELETE", f"{one['self']}?mode=plan").status == 400
    assert service.call("DELETE", one["self"]).status == 204
