"""Creates, changes and deletes one subscriber."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urljoin

import pytest
from api_records import LONG_AGO, SUBSCRIBERS, backdate, data_of, details, field, read, sequence, subscriber, tag
from conftest import Reply, Server
from wire import envelope, running_service

STATUSES = ["Active", "Unconfirmed", "Unsubscribed", "Complained", "Bounced", "Blocked"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def upsert(server: Server, email: Any = "ada@example.com", **body: Any) -> Reply:
    return server.call("POST", SUBSCRIBERS, {"email": email, **body})


def count(server: Server) -> int:
    return int(server.rows("SELECT count(*) FROM subscribers")[0][0])


def test_a_new_subscriber_is_unconfirmed_and_has_only_the_sent_values(server: Server) -> None:
    reply = upsert(server)
    created = reply.json["data"]
    assert reply.status == 201
    assert urljoin(SUBSCRIBERS, reply.headers["location"]) == created["self"] == f"{SUBSCRIBERS}/{created['id']}"
    assert created["subscribed_at"] == created["created_at"] == created["updated_at"]
    assert {name: created[name] for name in ("email", "name", "status", "country", "last_opened_at")} == {
        "email": "ada@example.com",
        "name": "",
        "status": "Unconfirmed",
        "country": None,
        "last_opened_at": None,
    }
    assert (created["tags"], created["sequence_ids"], created["custom_fields"]) == ([], [], {})
    assert read(server, created) == created


def test_an_upsert_of_a_known_email_changes_only_the_fields_that_it_has(server: Server) -> None:
    company = field(server, "Company")["id"]
    body = {"name": "Ada", "status": "Active", "country": "GB", "subscribed_on": "2025-04-11"}
    created = subscriber(server, **body, custom_fields={company: "AE"}, new_tags=["Fair"])
    reply = upsert(server, name="Ada Lovelace")
    updated = reply.json["data"]
    assert reply.status == 200
    assert "location" not in reply.headers
    assert updated == {**created, "name": "Ada Lovelace", "updated_at": updated["updated_at"]}
    assert read(server, created) == updated
    assert count(server) == 1


def test_an_upsert_without_status_keeps_the_saved_status(server: Server) -> None:
    subscriber(server, status="Bounced")
    assert subscriber(server, name="Ada")["status"] == "Bounced"


def test_create_only_with_a_known_email_is_a_conflict_and_changes_nothing(server: Server) -> None:
    created = subscriber(server, name="Ada")
    backdate(server)
    reply = upsert(server, "ADA@example.com ", name="Bob", create_only=True, new_tags=["Fair"])
    assert envelope(reply) == (409, "conflict", "subscriber_conflict")
    assert reply.error["details"] == {"field": "email", "resource": {"type": "subscriber", "id": created["id"]}}
    assert (read(server, created)["name"], read(server, created)["updated_at"]) == ("Ada", LONG_AGO)
    assert server.rows("SELECT name FROM tags") == []


@pytest.mark.parametrize(("create_only", "again"), [(True, 409), (False, 200)])
def test_create_only_creates_a_new_subscriber(server: Server, create_only: bool, again: int) -> None:
    assert upsert(server, create_only=create_only).status == 201
    assert upsert(server, create_only=create_only).status == again


@pytest.mark.parametrize(
    ("sent", "saved"),
    [
        ("  Grace@Example.COM\t", "grace@example.com"),
        ("Hans@Münze.example", "hans@xn--mnze-0ra.example"),
        ("hans@XN--MNZE-1RA.example", "hans@xn--mnze-1ra.example"),
        ("用户@example.com", None),
        ("hans@例え.テスト", "hans@xn--r8jz45g.xn--zckzah"),
        ("o'hara+news/2@mail-1.example.co.uk", "o'hara+news/2@mail-1.example.co.uk"),
        ("root@localhost", "root@localhost"),
        (f"{'x' * 242}@example.com", f"{'x' * 242}@example.com"),
    ],
)
def test_an_email_is_saved_in_its_normal_form(service: Server, sent: str, saved: str | None) -> None:
    reply = upsert(service, sent)
    if saved is None:
        assert details(reply) == (400, "invalid_request", "email", "invalid_email")
        return
    assert (reply.status, reply.json["data"]["email"]) == (201, saved)
    again = [upsert(service, form, name="x") for form in (sent, saved, saved.upper())]
    assert [(reply.status, reply.json["data"]["id"]) for reply in again] == [(200, reply.json["data"]["id"])] * 3


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ("", "missing_email"),
        (" \t", "missing_email"),
        ("ada", "invalid_email"),
        ("@example.com", "invalid_email"),
        ("ada@", "invalid_email"),
        ("ada@example.com, bob@example.com", "invalid_email"),
        ("ada@exa mple.com", "invalid_email"),
        ("ada@-example.com", "invalid_email"),
        ("ada@example..com", "invalid_email"),
        ("ada\x00@example.com", "invalid_email"),
        ("Ada <ada@example.com>", "invalid_email"),
        ("\u212aelvin@example.com", "invalid_email"),
        ("x" * 243 + "@example.com", "value_too_long"),
    ],
)
def test_an_invalid_email_is_refused_with_the_same_reason_as_in_an_import(
    service: Server, email: str, reason: str
) -> None:
    before = count(service)
    assert details(upsert(service, email)) == (400, "invalid_request", "email", reason)
    assert count(service) == before


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "email", "missing"),
        ({"email": None}, "email", None),
        ({"email": 5}, "email", None),
        ({"name": 5}, "name", None),
        ({"name": None}, "name", None),
        ({"name": "x" * 201}, "name", "value_too_long"),
        ({"status": "active"}, "status", None),
        ({"status": None}, "status", None),
        ({"country": "Atlantis"}, "country", "invalid_country"),
        ({"country": 5}, "country", None),
        ({"create_only": "yes"}, "create_only", None),
        ({"create_only": None}, "create_only", None),
        ({"subscribed_on": 20260411}, "subscribed_on", None),
        ({"custom_fields": []}, "custom_fields", None),
        ({"custom_fields": None}, "custom_fields", None),
        ({"new_tags": "Fair"}, "new_tags", None),
        ({"new_tags": [5]}, "new_tags[0]", None),
        ({"new_tags": ["Fair", " "]}, "new_tags[1]", None),
        ({"new_tags": ["x" * 101]}, "new_tags[0]", None),
        ({"new_tags": ["a\nb"]}, "new_tags[0]", None),
        ({"new_tags": [f"t{n}" for n in range(101)]}, "new_tags", None),
    ],
)
def test_an_invalid_body_names_the_field_and_creates_nothing(
    service: Server, body: Any, field: str, reason: str | None
) -> None:
    sent = body if "email" in body or not body else {"email": "refused@example.com", **body}
    code = "invalid_subscriber_status" if field == "status" else "invalid_request"
    assert details(service.call("POST", SUBSCRIBERS, sent)) == (400, code, field, reason)
    assert service.rows("SELECT 1 FROM subscribers WHERE email = 'refused@example.com'") == []
    assert service.rows("SELECT 1 FROM tags") == []


@pytest.mark.parametrize("status", STATUSES)
def test_a_subscriber_can_be_created_with_any_status(service: Server, status: str) -> None:
    assert subscriber(service, f"made.{status}@example.com", status=status)["status"] == status


@pytest.mark.parametrize("saved", STATUSES)
@pytest.mark.parametrize("new", STATUSES)
def test_a_status_can_change_to_any_other(service: Server, saved: str, new: str) -> None:
    one = subscriber(service, "status@example.com", status=saved)
    changed = data_of(service.call("PUT", f"{one['self']}/status", {"status": new}))
    assert changed["status"] == new
    assert subscriber(service, "status@example.com", status=saved)["status"] == saved


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "status", "missing"),
        ({"status": None}, "status", None),
        ({"status": "Nobody"}, "status", None),
        ({"status": "active"}, "status", None),
    ],
)
def test_an_unknown_status_is_refused(service: Server, body: Any, field: str, reason: str | None) -> None:
    one = subscriber(service, "refused.status@example.com")
    reply = service.call("PUT", f"{one['self']}/status", body)
    assert details(reply) == (400, "invalid_subscriber_status", field, reason)
    assert read(service, one)["status"] == "Unconfirmed"


@pytest.mark.parametrize(
    ("change", "saved"),
    [
        ({"name": " Ada King "}, {"name": "Ada King"}),
        ({"name": ""}, {"name": ""}),
        ({"country": "france"}, {"country": "FR"}),
        ({"country": None}, {"country": None}),
        ({"country": " "}, {"country": None}),
        ({"email": " Countess@Example.com"}, {"email": "countess@example.com"}),
        ({"subscribed_on": "2025-04-12"}, {"subscribed_at": "2025-04-12T00:00:00.000Z"}),
        ({"status": "Blocked", "whatever": 1}, {"status": "Blocked"}),
    ],
)
def test_a_patch_changes_only_the_fields_that_it_has(server: Server, change: Any, saved: Any) -> None:
    company = field(server, "Company")["id"]
    body = {"name": "Ada", "status": "Active", "country": "GB", "subscribed_on": "2025-04-11"}
    one = subscriber(server, **body, custom_fields={company: "AE"}, new_tags=["Math"])
    changed = data_of(server.call("PATCH", one["self"], change))
    assert changed == {**one, **saved, "updated_at": changed["updated_at"]}
    assert read(server, one) == changed


def test_an_email_cannot_change_to_that_of_another_subscriber(server: Server) -> None:
    ada, bob = subscriber(server, "ada@example.com"), subscriber(server, "bob@example.com")
    reply = server.call("PATCH", ada["self"], {"email": "BOB@example.com", "name": "Ada"})
    assert envelope(reply) == (409, "conflict", "subscriber_conflict")
    assert reply.error["details"]["resource"] == {"type": "subscriber", "id": bob["id"]}
    assert read(server, ada) == ada
    assert server.call("PATCH", ada["self"], {"email": "ADA@example.com"}).status == 200
    assert server.call("DELETE", bob["self"]).status == 204
    assert data_of(server.call("PATCH", ada["self"], {"email": "bob@example.com"}))["id"] == ada["id"]
    assert upsert(server, "ada@example.com").status == 201


@pytest.mark.parametrize("email", ["", "nobody", None, 5])
def test_a_patch_refuses_an_invalid_email(service: Server, email: Any) -> None:
    one = subscriber(service, "patched@example.com")
    reply = service.call("PATCH", one["self"], {"email": email})
    assert details(reply)[:3] == (400, "invalid_subscriber_email", "email")
    assert read(service, one) == one


@pytest.mark.parametrize("body", [{}, {"whatever": 1}])
def test_a_patch_of_nothing_is_refused(service: Server, body: Any) -> None:
    one = subscriber(service, "patched@example.com")
    assert details(service.call("PATCH", one["self"], body)) == (400, "empty_update", None, None)


def test_a_change_to_the_same_value_keeps_updated_at(server: Server) -> None:
    size = field(server, "Size", "Number")["id"]
    body = {"name": "Ada", "status": "Active", "country": "GB", "subscribed_on": "2025-04-11"}
    one = subscriber(server, **body, custom_fields={size: 1.5}, new_tags=["Math"])
    given, welcome = tag(server, "Given")["id"], sequence(server)["id"]
    assert server.call("PUT", f"{one['self']}/tags/{given}").status == 200
    assert server.call("PUT", f"{one['self']}/sequences/{welcome}").status == 200
    backdate(server)
    same = [
        upsert(server, " ADA@example.com"),
        upsert(server, **body, custom_fields={size: "1.50"}, new_tags=["MATH"]),
        server.call(
            "PATCH", one["self"], {"name": " Ada ", "country": "united kingdom", "custom_fields": {size: ""}}
        ),
        server.call("PUT", f"{one['self']}/status", {"status": "Active"}),
        server.call("PUT", f"{one['self']}/tags/{given}"),
        server.call("PUT", f"{one['self']}/sequences/{welcome}"),
    ]
    assert [(reply.status, reply.json["data"]["updated_at"]) for reply in same] == [(200, LONG_AGO)] * len(same)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"email": "ada@example.com", "name": "Ada"}),
        ("POST", "", {"email": "ada@example.com", "new_tags": ["New"]}),
        ("PATCH", "{one}", {"country": "GB"}),
        ("PATCH", "{one}", {"custom_fields": {"Size": 2}}),
        ("PUT", "{one}/status", {"status": "Active"}),
        ("PUT", "{one}/tags/{tag}", None),
        ("PUT", "{one}/sequences/{sequence}", None),
    ],
)
def test_a_change_updates_only_the_time_updated_at(server: Server, method: str, path: str, body: Any) -> None:
    field(server, "Size", "Number")
    names = {"one": subscriber(server)["id"], "tag": tag(server, "T")["id"], "sequence": sequence(server)["id"]}
    backdate(server)
    changed = data_of(server.call(method, f"{SUBSCRIBERS}/{path.format(**names)}".rstrip("/"), body))
    assert changed["created_at"] == LONG_AGO
    assert changed["updated_at"] > LONG_AGO
    assert read(server, changed) == changed


def test_of_simultaneous_upserts_one_creates_and_the_others_update(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: upsert(server, name=f"Ada {number}"), range(8)))
    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert len({reply.json["data"]["id"] for reply in replies}) == 1
    assert count(server) == 1


def test_deleting_a_subscriber_deletes_memberships_and_evidence(server: Server) -> None:
    evidence = {"lawful_basis": "consent", "collected_at": "2025-04-11T00:00:00Z", "evidence_reference": "form-1"}
    one = subscriber(server, new_tags=["Math"], consent_evidence=evidence)
    welcome = sequence(server)
    server.call("PUT", f"{one['self']}/sequences/{welcome['id']}")
    reply = server.call("DELETE", one["self"])
    assert (reply.status, reply.body) == (204, b"")
    for table in ("subscribers", "subscriber_tags", "subscriber_sequences", "consent_evidence"):
        assert server.rows(f"SELECT * FROM {table}") == [], table
    assert details(server.call("GET", one["self"]))[:2] == (404, "subscriber_not_found")
    assert details(server.call("DELETE", one["self"]))[:2] == (404, "subscriber_not_found")
    assert server.call("GET", SUBSCRIBERS).json["data"] == []


def test_a_subscriber_who_was_deleted_can_be_created_again_without_the_old_data(server: Server) -> None:
    deleted = subscriber(server, name="Ada", status="Unsubscribed", new_tags=["Math"])
    server.call("DELETE", deleted["self"])
    back = subscriber(server)
    assert back["id"] != deleted["id"]
    assert (back["name"], back["status"], back["tags"]) == ("", "Unconfirmed", [])


@pytest.mark.parametrize("public_id", ["subscriber_x", "nobody", "subscriber_0000000000000", "foreign", "wrong"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("PUT", "/status", {"status": "Active"}),
        ("PUT", "/tags/{tag}", None),
        ("DELETE", "/tags/{tag}", None),
        ("PUT", "/sequences/{sequence}", None),
        ("DELETE", "/sequences/{sequence}", None),
    ],
)
def test_a_subscriber_of_another_workspace_is_not_found(
    server: Server, public_id: str, method: str, path: str, body: Any
) -> None:
    other = server.new_key(workspace="Other")
    foreign = server.call("POST", SUBSCRIBERS, {"email": "x@example.com"}, key=other).json["data"]
    names = {"tag": tag(server, "T")["id"], "sequence": sequence(server)["id"]}
    requested_id = {"foreign": foreign["id"], "wrong": names["tag"]}.get(public_id, public_id)
    reply = server.call(method, f"{SUBSCRIBERS}/{requested_id}{path.format(**names)}", body)
    assert envelope(reply) == (404, "not_found", "subscriber_not_found")
    assert reply.error["details"] == {"resource": {"type": "subscriber", "id": requested_id}}
    assert data_of(server.call("GET", foreign["self"], key=other)) == foreign
