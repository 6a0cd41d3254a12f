"""/v1/tags"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from api_records import LONG_AGO, backdate, data_of, details, read, subscriber, tag
from conftest import Reply, Server
from wire import envelope, running_service

PATH = "/v1/tags"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def names(server: Server, query: str = "") -> list[str]:
    return [item["name"] for item in server.call("GET", f"{PATH}?{query}").json["data"]]


def put(server: Server, one: Any, body: Any) -> Reply:
    return server.call("PUT", one["self"], body)


def test_the_response_to_a_new_tag_has_all_its_properties(server: Server) -> None:
    reply = server.call("POST", PATH, {"name": " Spring fair ", "description": " kept as it is "})
    created = reply.json["data"]
    assert reply.status == 201
    assert urljoin(PATH, reply.headers["location"]) == created["self"] == f"{PATH}/{created['id']}"
    assert created == {
        "id": created["id"],
        "self": created["self"],
        "name": "Spring fair",
        "description": " kept as it is ",
        "gdpr_consent_purpose": None,
        "subscriber_count": 0,
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    assert read(server, created) == created
    assert server.call("GET", PATH).json["data"] == [created]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "name", "missing"),
        ({"name": None}, "name", None),
        ({"name": 5}, "name", None),
        ({"name": ""}, "name", None),
        ({"name": " \u3000"}, "name", None),
        ({"name": "x" * 101}, "name", None),
        ({"name": "a\nb"}, "name", None),
        ({"name": "a\x00b"}, "name", None),
        ({"name": "x", "description": 5}, "description", None),
        ({"name": "x", "description": "x" * 1_001}, "description", None),
        ({"name": "x", "gdpr_consent_purpose": "email_marketing"}, "gdpr_consent_purpose", "unknown_field"),
        ({"name": "x", "double_opt_in": True}, "double_opt_in", "unknown_field"),
        ([], None, None),
    ],
)
def test_an_invalid_tag_is_refused_at_creation_and_change(
    service: Server, body: Any, field: str | None, reason: str | None
) -> None:
    code = {"name": "invalid_tag_name", None: "invalid_body"}.get(field, "invalid_request")
    assert details(service.call("POST", PATH, body)) == (400, code, field, reason)
    one = data_of(service.call("POST", PATH, {"name": f"before {field} {reason} {len(str(body))}"}))
    if body:
        assert details(put(service, one, body)) == (400, code, field, reason)
    assert read(service, one) == one
    assert service.call("DELETE", one["self"]).status == 204


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x" * 100},
        {"name": f"  {'é' * 100}  "},
        {"name": "🎉" * 100},
        {"name": "d", "description": "x" * 1_000},
        {"name": "e", "description": ""},
        {"name": "f", "description": None},
    ],
)
def test_a_tag_at_the_limits_is_accepted(service: Server, body: Any) -> None:
    one = data_of(service.call("POST", PATH, body))
    assert (one["name"], one["description"]) == (body["name"].strip(), body.get("description"))


@pytest.mark.parametrize("name", ["spring", " SPRING ", "Spring"])
def test_a_tag_name_that_differs_only_in_case_is_taken(server: Server, name: str) -> None:
    tag(server, "Spring")
    other = tag(server, "Other")
    for reply in (server.call("POST", PATH, {"name": name}), put(server, other, {"name": name})):
        assert envelope(reply) == (409, "conflict", "tag_name_conflict")
        assert reply.error["details"]["field"] == "name"
    assert names(server) == ["Other", "Spring"]


def test_names_are_compared_by_case_folding(server: Server) -> None:
    tag(server, "Straße")
    assert server.call("POST", PATH, {"name": "STRASSE"}).status == 409
    assert server.call("POST", PATH, {"name": "Strasen"}).status == 201


def test_a_tag_name_is_free_after_a_change_or_a_deletion(server: Server) -> None:
    one = tag(server, "Spring")
    assert put(server, one, {"name": "Autumn"}).status == 200
    two = tag(server, "spring")
    server.call("DELETE", two["self"])
    assert tag(server, "SPRING")["id"] not in (one["id"], two["id"])


def test_another_workspace_can_have_the_same_tag_name(server: Server) -> None:
    tag(server, "Spring")
    key = server.new_key(workspace="Other")
    assert server.call("POST", PATH, {"name": "Spring"}, key=key).status == 201


@pytest.mark.parametrize(
    ("change", "saved"),
    [
        ({"name": " Autumn "}, {"name": "Autumn"}),
        ({"name": "SPRING"}, {"name": "SPRING"}),
        ({"description": "Winter"}, {"description": "Winter"}),
        ({"description": None}, {"description": None}),
        ({"description": ""}, {"description": ""}),
        ({"name": "Autumn", "description": "Winter"}, {"name": "Autumn", "description": "Winter"}),
    ],
)
def test_a_put_changes_only_the_fields_that_it_has(server: Server, change: Any, saved: Any) -> None:
    one = tag(server, "Spring", description="Fair")
    subscriber(server, new_tags=["Spring"])
    backdate(server)
    changed = data_of(put(server, one, change))
    assert changed == {
        **one,
        "subscriber_count": 1,
        **saved,
        "created_at": LONG_AGO,
        "updated_at": changed["updated_at"],
    }
    assert changed["updated_at"] > LONG_AGO
    assert read(server, one) == changed


def test_a_change_to_the_same_values_keeps_updated_at(server: Server) -> None:
    one = tag(server, "Spring", description="Fair")
    backdate(server)
    assert data_of(put(server, one, {"name": " Spring", "description": "Fair"}))["updated_at"] == LONG_AGO


def test_an_empty_put_is_refused(server: Server) -> None:
    one = tag(server, "Spring")
    assert details(put(server, one, {})) == (400, "empty_update", None, None)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("SPRING", ["Spring"]),
        ("pri", ["Spring"]),
        ("fair", ["Spring", "Sale"]),
        (" Fair ", ["Spring", "Sale"]),
        ("STRASSE", ["Straße"]),
        ("ÄRGER", ["Straße"]),
        ("%", ["100%"]),
        ("_", []),
        ("nothing", []),
    ],
)
def test_search_matches_parts_of_names_and_descriptions_ignoring_case(
    server: Server, search: str, expected: list[str]
) -> None:
    for name, description in (("100%", None), ("Straße", "Ärger"), ("Sale", "The FAIR"), ("Spring", "A fair")):
        tag(server, name, description=description)
    listed = server.sdk().tags.list(query={"search": search})
    assert [item["name"] for item in listed["data"]] == expected


def test_the_pages_of_a_search_have_each_hit_once(server: Server) -> None:
    for number in range(7):
        tag(server, f"hit {number}")
        tag(server, f"miss {number}")
    seen, cursor = [], {}
    while True:
        page = server.sdk().tags.list(query={"search": "HIT", "limit": 3, **cursor})
        seen += [item["name"] for item in page["data"]]
        if not page["pagination"]["has_more"]:
            break
        cursor = {"starting_after": page["pagination"]["next_cursor"]}
    assert seen == [f"hit {number}" for number in reversed(range(7))]


def test_a_deleted_tag_is_not_found(server: Server) -> None:
    one = tag(server, "Spring")
    reply = server.call("DELETE", one["self"])
    assert (reply.status, reply.body) == (204, b"")
    assert names(server) == []


@pytest.mark.parametrize("public_id", ["tag_x", "spring", "foreign", "wrong", "deleted"])
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)])
def test_a_tag_of_another_workspace_is_not_found(server: Server, public_id: str, method: str, body: Any) -> None:
    other = server.new_key(workspace="Other")
    foreign = server.call("POST", PATH, {"name": "Spring"}, key=other).json["data"]
    deleted = tag(server, "Gone")
    server.call("DELETE", deleted["self"])
    known = {"foreign": foreign["id"], "wrong": subscriber(server)["id"], "deleted": deleted["id"]}
    requested_id = known.get(public_id, public_id)
    reply = server.call(method, f"{PATH}/{requested_id}", body)
    assert envelope(reply) == (404, "not_found", "tag_not_found")
    assert reply.error["details"] == {"resource": {"type": "tag", "id": requested_id}}
    assert data_of(server.call("GET", foreign["self"], key=other)) == foreign
