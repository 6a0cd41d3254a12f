"""/v1/sequences: members, and settings that are returned as they were sent."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from api_records import LONG_AGO, backdate, data_of, details, email, read, sequence, subscriber
from conftest import KEY, Reply, Server
from wire import envelope, running_service

PATH = "/v1/sequences"
EMPTY = {"emails": []}
TEXTS = ["connection_id", "reply_to_email", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]
ZERO = ["subscriber_count", "open_rate", "click_rate", "unsubscribed_count", "bounced_count", "complained_count"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def put(server: Server, one: Any, body: Any) -> Reply:
    return server.call("PUT", one["self"], body)


def test_a_new_sequence_is_paused_and_tracks_and_has_no_subscribers(server: Server) -> None:
    reply = server.call("POST", PATH, {"name": " Welcome ", "definition": EMPTY})
    created = reply.json["data"]
    assert reply.status == 201
    assert urljoin(PATH, reply.headers["location"]) == created["self"] == f"{PATH}/{created['id']}"
    assert created == {
        "id": created["id"],
        "self": created["self"],
        "name": "Welcome",
        "status": "paused",
        "is_updating": False,
        "from_name": None,
        "from_email": None,
        **dict.fromkeys(TEXTS),
        "track_opens": True,
        "track_clicks": True,
        "definition": EMPTY,
        **dict.fromkeys(ZERO, 0),
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    assert read(server, created) == created


def test_a_list_has_summaries_with_the_number_of_emails(server: Server) -> None:
    one = sequence(server, definition={"emails": [email(id="a"), email(id="b")]})
    (summary,) = server.call("GET", PATH).json["data"]
    assert summary == {
        "id": one["id"],
        "self": one["self"],
        "name": "Welcome",
        "status": "paused",
        "is_updating": False,
        "email_count": 2,
        "subscriber_count": 0,
        "open_rate": 0,
        "click_rate": 0,
        "unsubscribed_count": 0,
        "created_at": one["created_at"],
        "updated_at": one["updated_at"],
    }


def _email(delay: bytes, subject: bytes, document: bytes) -> bytes:
    return b"""{"id":"e", "subject":%s,"previewText":"","bodyDocument":%s,"status":"draft","delayValue":%s,
        "delayUnit":"days","sendOnWeekdays":[]}""" % (subject, document, delay)


@pytest.mark.parametrize(
    "definition",
    [
        b'{"emails":[]}',
        b'{ "emails" : [ %s ] }' % _email(b"1.50", b'"Gr\\u00fc\\u00dfe"', b"null"),
        b'{"emails":[%s]}' % _email(b"0", b'"a"', b'{"deep":[null,true,12345678901234567890.123]}'),
        b'{"emails":[%s],"defaultTemplateId":null}' % _email(b"7", '"🎉"'.encode(), b"{}"),
        b'{"restartSequenceForCompletedSubscribers":true,"emails":[],"sendOnWeekdays":[1,2]}',
    ],
)
def test_a_definition_is_returned_as_it_was_sent(service: Server, definition: bytes) -> None:
    name = json.dumps(definition.hex()[-200:]).encode()
    reply = service.call("POST", PATH, b'{"name":' + name + b',"definition":' + definition + b"}")
    assert reply.status == 201
    assert b'"definition":' + definition + b"," in reply.body
    again = service.call("GET", reply.json["data"]["self"])
    assert b'"definition":' + definition + b"," in again.body
    assert json.loads(again.body)["data"] == reply.json["data"]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"definition": EMPTY}, "name", "missing"),
        ({"name": "x"}, "definition", "missing"),
        ({"name": None, "definition": EMPTY}, "name", None),
        ({"name": " ", "definition": EMPTY}, "name", None),
        ({"name": "x" * 201, "definition": EMPTY}, "name", None),
        ({"name": "a\nb", "definition": EMPTY}, "name", None),
        ({"name": "x", "definition": None}, "definition", None),
        ({"name": "x", "definition": []}, "definition", None),
        ({"name": "x", "definition": {}}, "definition.emails", "missing"),
        ({"name": "x", "definition": {"emails": {}}}, "definition.emails", None),
        ({"name": "x", "definition": {"emails": [1]}}, "definition.emails[0]", None),
        ({"name": "x", "definition": {"emails": [email(subject=5)]}}, "definition.emails[0].subject", None),
        ({"name": "x", "definition": {"emails": [email(delayValue="1")]}}, "definition.emails[0].delayValue", None),
        ({"name": "x", "definition": {"emails": [email(delay=1)]}}, "definition.emails[0].delay", "unknown_field"),
        ({"name": "x", "definition": {"emails": [{"id": "a"}]}}, "definition.emails[0].subject", "missing"),
        ({"name": "x", "definition": {**EMPTY, "steps": []}}, "definition.steps", "unknown_field"),
        ({"name": "x", "definition": EMPTY, "status": "running"}, "status", "unknown_field"),
        ({"name": "x", "definition": EMPTY, "from_name": "Ada"}, "from_name", "unknown_field"),
        ({"name": "x", "definition": EMPTY, "track_opens": None}, "track_opens", None),
        ({"name": "x", "definition": EMPTY, "track_clicks": "yes"}, "track_clicks", None),
        *[({"name": "x", "definition": EMPTY, text: "x" * 501}, text, None) for text in TEXTS],
        *[({"name": "x", "definition": EMPTY, text: 5}, text, None) for text in TEXTS],
        ({"name": "x", "definition": EMPTY, "utm_term": "a\x00b"}, "utm_term", None),
    ],
)
def test_an_invalid_sequence_is_refused_at_creation_and_change(
    service: Server, body: Any, field: str, reason: str | None
) -> None:
    before = service.rows("SELECT count(*) FROM sequences")
    assert details(service.call("POST", PATH, body)) == (400, "invalid_sequence", field, reason)
    assert service.rows("SELECT count(*) FROM sequences") == before
    if reason != "missing" or "." in field:
        one = sequence(service, "before")
        assert details(put(service, one, body)) == (400, "invalid_sequence", field, reason)
        assert read(service, one) == one
        assert service.call("DELETE", one["self"]).status == 204


def test_an_empty_put_is_refused(server: Server) -> None:
    assert details(put(server, sequence(server), {})) == (400, "empty_update", None, None)


def test_a_sequence_at_the_limits_is_accepted(server: Server) -> None:
    body = {"track_opens": False, "track_clicks": False, **dict.fromkeys(TEXTS, "é" * 500)}
    one = sequence(server, "🎉" * 200, **body)
    assert {name: one[name] for name in body} == body
    assert read(server, one) == one


@pytest.mark.parametrize("name", ["Straße", " STRASSE "])
def test_two_sequences_cannot_have_the_same_name(server: Server, name: str) -> None:
    sequence(server, "Straße")
    other = sequence(server, "Other")
    for reply in (
        server.call("POST", PATH, {"name": name, "definition": EMPTY}),
        put(server, other, {"name": name}),
    ):
        assert details(reply) == (400, "invalid_sequence", "name", "name_taken")
    assert read(server, other) == other


def test_a_running_sequence_is_paused_before_it_is_changed(server: Server) -> None:
    one = sequence(server)
    server.call("PUT", f"{one['self']}/status", {"status": "running"})
    reply = put(server, one, {"name": "Other"})
    assert envelope(reply) == (409, "conflict", "sequence_must_be_paused")
    assert reply.error["details"] == {"resource": {"type": "sequence", "id": one["id"]}}
    assert read(server, one)["name"] == "Welcome"
    server.call("PUT", f"{one['self']}/status", {"status": "paused"})
    assert data_of(put(server, one, {"name": "Other"}))["name"] == "Other"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Goodbye"},
        {"definition": {"emails": [email()]}},
        {"track_opens": False},
        {"track_clicks": False},
        {"utm_source": "other", "utm_medium": None},
        *[{text: None} for text in TEXTS],
        *[{text: "new"} for text in TEXTS],
    ],
)
def test_a_put_changes_only_the_fields_that_it_has(server: Server, change: Any) -> None:
    one = sequence(server, **dict.fromkeys(TEXTS, "old"))
    backdate(server)
    changed = data_of(put(server, one, change))
    assert changed == {**one, **change, "created_at": LONG_AGO, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > LONG_AGO
    assert read(server, one) == changed


def test_a_new_definition_changes_the_number_of_emails(server: Server) -> None:
    one = sequence(server, definition={"emails": [email()] * 2})
    put(server, one, {"definition": {"emails": [email()] * 3}})
    assert server.call("GET", PATH).json["data"][0]["email_count"] == 3
    put(server, one, {"name": "Other"})
    assert server.call("GET", PATH).json["data"][0]["email_count"] == 3


@pytest.mark.parametrize("change", [{"name": " Welcome "}, {"definition": EMPTY}, {"utm_term": None}])
def test_a_change_to_the_same_values_keeps_updated_at(server: Server, change: Any) -> None:
    one = data_of(server.call("POST", PATH, b'{"name":"Welcome","definition":{"emails": []}}'))
    backdate(server)
    assert data_of(put(server, one, change))["updated_at"] == LONG_AGO


def test_a_sequence_can_be_activated_and_paused(server: Server) -> None:
    one = sequence(server)
    for status in ("running", "running", "paused", "paused", "running"):
        before = read(server, one)
        backdate(server)
        changed = data_of(server.call("PUT", f"{one['self']}/status", {"status": status}))
        assert changed["status"] == status
        assert (changed["updated_at"] > LONG_AGO) == (before["status"] != status)
        assert read(server, one) == changed


@pytest.mark.parametrize(
    ("body", "reason"), [({}, "missing"), ({"status": None}, None), ({"status": "Running"}, None)]
)
def test_an_unknown_status_is_refused(server: Server, body: Any, reason: str | None) -> None:
    one = sequence(server)
    reply = server.call("PUT", f"{one['self']}/status", body)
    assert details(reply) == (400, "invalid_sequence_status", "status", reason)
    assert read(server, one) == one


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("WELCOME", ["Welcome"]),
        ("RUNNING", ["Straße"]),
        ("paused", ["Welcome"]),
        ("ada@", ["Welcome"]),
        ("STRASSE", ["Straße"]),
        ("utm", []),
    ],
)
def test_search_matches_parts_of_name_status_and_reply_address(
    server: Server, search: str, expected: list[str]
) -> None:
    running = sequence(server, "Straße", utm_source="utm")
    server.call("PUT", f"{running['self']}/status", {"status": "running"})
    sequence(server, "Welcome", reply_to_email="Ada@Example.com")
    listed = server.sdk().sequences.list(query={"search": search})
    assert [item["name"] for item in listed["data"]] == expected


def test_deleting_a_sequence_deletes_its_memberships(server: Server) -> None:
    one, welcome = subscriber(server), sequence(server)
    server.call("PUT", f"{one['self']}/sequences/{welcome['id']}")
    reply = server.call("DELETE", welcome["self"])
    assert (reply.status, reply.body) == (204, b"")
    assert read(server, one)["sequence_ids"] == []
    assert server.rows("SELECT * FROM subscriber_sequences") == []
    assert server.call("GET", PATH).json["data"] == []


@pytest.mark.parametrize("public_id", ["sequence_x", "welcome", "foreign", "deleted"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"name": "x"}),
        ("PUT", "/status", {"status": "running"}),
        ("DELETE", "", None),
    ],
)
def test_a_sequence_of_another_workspace_is_not_found(
    server: Server, public_id: str, method: str, path: str, body: Any
) -> None:
    other = server.new_key(workspace="Other")
    foreign = server.call("POST", PATH, {"name": "S", "definition": EMPTY}, key=other).json["data"]
    deleted = sequence(server)
    server.call("DELETE", deleted["self"], key=KEY)
    requested_id = {"foreign": foreign["id"], "deleted": deleted["id"]}.get(public_id, public_id)
    reply = server.call(method, f"{PATH}/{requested_id}{path}", body)
    assert envelope(reply) == (404, "not_found", "sequence_not_found")
    assert reply.error["details"] == {"resource": {"type": "sequence", "id": requested_id}}
    assert data_of(server.call("GET", foreign["self"], key=other)) == foreign
