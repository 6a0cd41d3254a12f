"""The log of requests: what it keeps, for whom, and what it leaves out."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from api_records import subscriber, tag
from conftest import KEY, Server

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import key_table
from mailrith_lite.http.request_log import MAX_MESSAGE, MAX_WORKSPACES, SIZE, LoggedRequest, RequestLog
from mailrith_lite.settings import Settings

from .test_live import events
from .test_session import change, key_of
from .visitor import Visitor, signed_in, text

PAGE = "/console/developers"
ADDRESS = "ann.smith@example.com"


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return signed_in(server)


def logged(server: Server) -> list[LoggedRequest]:
    return list(server.services.request_log.newest(1))


def rows(visitor: Visitor, query: str = "") -> list[str]:
    """The text of each row of the page."""
    page = visitor.get(PAGE + query).body.decode()
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in re.findall(r"(?s)<tr id.*?</tr>", page)]


def test_page_says_why_a_request_was_refused(server: Server, visitor: Visitor) -> None:
    tag(server, "Fair")
    refused = server.call("POST", "/v1/tags", {"name": "Fair"})
    first, second = rows(visitor)
    assert first.startswith(f"createTag {refused.headers['x-mailrith-request-id']} ")
    assert "Error 409 tag_name_conflict in name" in first
    assert refused.error["message"] in first
    assert " First key " in first
    assert "createTag req_" in second
    assert " 201 Created " in second


def test_page_without_requests_says_when_they_come(visitor: Visitor) -> None:
    assert "No requests to show" in text(visitor.get(PAGE))


@pytest.mark.parametrize(
    ("query", "operations"),
    [
        ("", ["getTag", "createTag", "listTags"]),
        ("?errors=yes", ["getTag"]),
        ("?operation=listTags", ["listTags"]),
        ("?operation=listTags&errors=yes", []),
        ("?key={other}", ["getTag"]),
        ("?key=x&operation=%3Cscript%3E", []),
        ("?before=x", ["getTag", "createTag", "listTags"]),
        ("?before=9999999999999999999999", ["getTag", "createTag", "listTags"]),
        ("?before=²", ["getTag", "createTag", "listTags"]),
    ],
)
def test_filter_chooses_by_error_operation_and_key(
    server: Server, visitor: Visitor, query: str, operations: list[str]
) -> None:
    other = server.new_key()
    server.call("GET", "/v1/tags")
    tag(server, "Fair")
    server.call("GET", "/v1/tags/tag_x", key=other)
    key_id = ids.encode(ids.API_KEY, key_of(server, other).id)
    sent = query.format(other=key_id).replace("²", "%C2%B2")
    assert [row.split()[0] for row in rows(visitor, sent)] == operations


def test_older_requests_are_on_further_pages(server: Server, visitor: Visitor) -> None:
    for _ in range(SIZE + 5):
        server.call("GET", "/v1/tags")
    assert len(logged(server)) == SIZE
    numbers, query = [], "?operation=listTags"
    while query:
        page = visitor.get(PAGE + query).body.decode()
        numbers += re.findall(r'<tr id="request-(\d+)"', page)
        assert len(page.encode()) < 60_000
        older = re.search(r'href="[^"]*(\?operation=listTags&amp;before=\d+)"', page)
        query = older[1].replace("&amp;", "&") if older else ""
    assert numbers == [str(request.number) for request in logged(server)]


def test_log_of_another_workspace_is_not_shown(server: Server, visitor: Visitor) -> None:
    other = server.new_key(workspace="Other")
    server.call("GET", "/v1/tags", key=other)
    assert rows(visitor) == []
    assert [row.split()[0] for row in rows(signed_in(server, other))] == ["listTags"]


def test_status_without_a_phrase_is_shown(server: Server, visitor: Visitor) -> None:
    note = {"occurred_at": 1, "milliseconds": 1, "operation_id": "getTag", "error": None, "key_id": 1}
    for status in (499, 599):
        server.services.request_log.note(1, status=status, request_id="req_1", **note)
    shown = rows(visitor)
    assert "Error 599" in shown[0]
    assert "Error 499 Connection closed by the client" in shown[1]


def test_page_of_a_key_leads_to_its_requests(server: Server, visitor: Visitor) -> None:
    server.call("GET", "/v1/tags")
    page = visitor.get(f"/console/keys/{ids.encode(ids.API_KEY, 1)}")
    (query,) = re.findall(r'/developers(\?key=api_key_\w+)"', page.body.decode())
    assert len(rows(visitor, query)) == 1


def test_name_of_a_key_is_shown_as_text(server: Server, visitor: Visitor) -> None:
    name = "<script>alert(1)</script>"
    made = visitor.post("/console/keys", {"name": name, "lifetime": "never", "scope": "tags:read"})
    (key,) = re.findall(r"mrk_[\w-]{43}", made.body.decode())
    server.call("GET", "/v1/tags", key=key)
    page = visitor.get(PAGE)
    assert "<script>alert" not in page.body.decode()
    assert name in text(page)


def test_paused_page_does_not_update_itself(server: Server, visitor: Visitor) -> None:
    server.call("GET", "/v1/tags")
    assert [b"data-live" in visitor.get(PAGE + query).body for query in ("", "?pause", "?before=99")] == [
        True,
        False,
        False,
    ]


def test_page_needs_the_scope_of_the_keys(server: Server) -> None:
    assert signed_in(server, server.new_key(scopes=("tags:read",))).get(PAGE).status == 403


def test_request_of_a_revoked_key_is_in_the_log_of_its_workspace(server: Server, visitor: Visitor) -> None:
    key = server.new_key()
    change(server, key_table.update_key_revoked, key_of(server, key).id, clock.now())
    server.call("GET", "/v1/tags", key=key)
    server.call("GET", "/v1/tags", key="mrk_unknown")
    (row,) = rows(visitor)
    assert "401 revoked_api_key" in row
    assert " test " in row


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/subscribers", {"email": "ann.smith at example.com"}),
        ("POST", "/v1/subscribers", {"email": f"{ADDRESS} {ADDRESS}"}),
        ("POST", "/v1/custom-fields", {ADDRESS: 1}),
        ("POST", "/v1/custom-fields", {"Ann Smith": 1}),
        ("POST", "/v1/subscribers", {"email": "ann@example.com", "status": "Ann Smith"}),
        ("POST", "/v1/subscribers", {"email": "ann@example.com", "custom_fields": {ADDRESS: 1}}),
        ("GET", f"/v1/subscribers?{ADDRESS}=1", None),
        ("GET", "/v1/subscribers?ann.smith%40example.com=1", None),
        ("GET", "/v1/subscribers?Ann+Smith=1", None),
        ("GET", f"/v1/subscribers/{ADDRESS}", None),
        (
            "POST",
            "/v1/jobs/subscriber-imports",
            {
                "csv_text": f'{ADDRESS},"Ann ""Smith"""\nx@example.com,\n',
                "mappings": [{"csv_column": "Email", "field": {"type": "email"}}],
            },
        ),
    ],
)
def test_value_of_a_client_is_left_out(server: Server, visitor: Visitor, method: str, path: str, body: Any) -> None:
    refused = server.call(method, path, body, headers={"x-mailrith-request-id": f"import of {ADDRESS}"})
    assert refused.status in (400, 404)
    (request,) = logged(server)
    assert request.code == refused.error["code"]
    shown = repr(request) + visitor.get(PAGE).body.decode()
    for part in ("ann.smith", "Ann", "@example.com"):
        assert part not in shown


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", f"/v1/tags?{KEY}=1", None), ("POST", "/v1/custom-fields", {KEY: 1})],
)
def test_key_as_a_name_is_left_out(server: Server, method: str, path: str, body: Any) -> None:
    server.call(method, path, body, headers={"x-mailrith-request-id": KEY})
    (request,) = logged(server)
    assert (request.field, request.request_id) == ("", "")
    assert KEY not in repr(request)


def test_name_of_an_unknown_parameter_is_shown_if_it_is_plain(server: Server) -> None:
    refused = server.call("GET", "/v1/subscribers?emial=x")
    (request,) = logged(server)
    assert (request.field, request.message) == ("emial", refused.error["message"])


def test_log_keeps_the_workspaces_that_have_sent_a_request_last() -> None:
    log = RequestLog()
    error = errors.InvalidRequest("x" * 1_000, field="name")
    for workspace_id in (*range(1, MAX_WORKSPACES + 1), 1, MAX_WORKSPACES + 1):
        log.note(
            workspace_id,
            occurred_at=1,
            milliseconds=1,
            operation_id="getTag",
            status=400,
            error=error,
            key_id=1,
            request_id="req_1",
        )
    assert [len(log.newest(workspace_id)) for workspace_id in (1, 2, 3, MAX_WORKSPACES + 1)] == [2, 0, 1, 1]
    assert len(log.newest(1)[0].message) == MAX_MESSAGE
    assert log.last_number(2) == 0


def test_page_receives_new_requests_as_they_are_answered(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    stream = events(visitor, f"{PAGE}/live?errors=yes")
    assert "No requests to show" in next(stream)[1]
    server.call("GET", "/v1/tags")  # not an error, so the part stays as it is
    server.call("GET", "/v1/tags/tag_x")
    assert "tag_not_found" in next(stream)[1]
    assert "tag_not_found" in visitor.get(f"{PAGE}/part").body.decode()
    visitor.post("/console/sign-out")
    assert list(stream) == [("end", "over")]


def test_log_is_in_memory_alone(tmp_path: Any) -> None:
    settings = Settings(port=0, data_dir=tmp_path / "data", bootstrap_key=KEY)
    with Server(settings).serving() as server:
        subscriber(server)
        assert len(logged(server)) == 1
    with Server(settings).serving() as again:
        assert logged(again) == []
