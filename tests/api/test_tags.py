"""/v1/tags"""

from collections.abc import Iterator
from typing import Any

import pytest
from api_records import LONG_AGO, backdate, data_of, details, read, subscriber, tag
from conftest import Reply, Server
from wire import envelope, standing

PATH = "/v1/tags"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with standing(tmp_path_factory) as server:
        yield server


def names(server: Server, query: str = "") -> list[str]:
    return [item["name"] for item in server.call("GET", f"{PATH}?{query}").json["data"]]


def put(server: Server, one: Any, body: Any) -> Reply:
    return server.call("PUT", one["self"], body)


def test_a_new_tag_is_answered_in_full(server: Server) -> None:
    reply = server.call("POST", PATH, {"name": " Spring fair ", "description": " kept as it is "})
    created = reply.json["data"]
    assert reply.status == 201
    assert reply.headers["location"] == created["self"] == f"{PATH}/{created['id']}"
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
def test_a_tag_that_breaks_a_rule_is_refused_when_it_is_made_and_when_it_is_changed(
    service: Server, body: Any, field: str | None, reason: str | None
) -> None:
    assert details(service.call("POST", PATH, body)) == (400, "invalid_body", field, reason)
    one = data_of(service.call("POST", PATH, {"name": f"before {field} {reason} {len(str(body))}"}))
    if body:
        assert details(put(service, one, body)) == (400, "invalid_body", field, reason)
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
def test_a_tag_at_the_limits_is_taken(service: Server, body: Any) -> None:
    one = data_of(service.call("POST", PATH, body))
    assert (one["name"], one["description"]) == (body["name"].strip(), body.get("description"))


@pytest.mark.parametrize("name", ["spring", " SPRING ", "Spring"])
def test_two_tags_differ_in_more_than_case(server: Server, name: str) -> None:
    tag(server, "Spring")
    other = tag(server, "Other")
    for reply in (server.call("POST", PATH, {"name": name}), put(server, other, {"name": name})):
        assert envelope(reply) == (409, "conflict", "tag_name_taken")
        assert reply.error["details"]["field"] == "name"
    assert names(server) == ["Other", "Spring"]


def test_names_are_compared_by_case_folding(server: Server) -> None:
    tag(server, "Straße")
    assert server.call("POST", PATH, {"name": "STRASSE"}).status == 409
    assert server.call("POST", PATH, {"name": "Strasen"}).status == 201


def test_a_name_is_free_again_after_a_renaming_or_a_deletion(server: Server) -> None:
    one = tag(server, "Spring")
    assert put(server, one, {"name": "Autumn"}).status == 200
    two = tag(server, "spring")
    server.call("DELETE", two["self"])
    assert tag(server, "SPRING")["id"] not in (one["id"], two["id"])


def test_another_workspace_has_names_of_its_own(server: Server) -> None:
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
def test_a_put_changes_what_it_names_and_nothing_else(server: Server, change: Any, saved: Any) -> None:
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


def test_the_same_values_again_are_no_change(server: Server) -> None:
    one = tag(server, "Spring", description="Fair")
    backdate(server)
    assert data_of(put(server, one, {"name": " Spring", "description": "Fair"}))["updated_at"] == LONG_AGO


def test_a_put_of_nothing_is_refused(server: Server) -> None:
    one = tag(server, "Spring")
    assert details(put(server, one, {})) == (400, "invalid_body", None, "nothing_to_change")


@pytest.mark.parametrize(
    ("search", "found"),
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
def test_a_search_looks_into_names_and_descriptions_in_any_case(
    server: Server, search: str, found: list[str]
) -> None:
    for name, description in (("100%", None), ("Straße", "Ärger"), ("Sale", "The FAIR"), ("Spring", "A fair")):
        tag(server, name, description=description)
    listed = server.sdk().tags.list(query={"search": search})
    assert [item["name"] for item in listed["data"]] == found


def test_the_pages_of_a_search_hold_each_hit_once(server: Server) -> None:
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


def test_a_deleted_tag_is_gone(server: Server) -> None:
    one = tag(server, "Spring")
    reply = server.call("DELETE", one["self"])
    assert (reply.status, reply.body) == (204, b"")
    assert names(server) == []


@pytest.mark.parametrize("public_id", ["tag_x", "spring", "foreign", "wrong", "gone"])
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)])
def test_a_tag_that_is_not_of_this_workspace_is_not_found(
    server: Server, public_id: str, method: str, body: Any
) -> None:
    other = server.new_key(workspace="Other")
    foreign = server.call("POST", PATH, {"name": "Spring"}, key=other).json["data"]
    gone = tag(server, "Gone")
    server.call("DELETE", gone["self"])
    known = {"foreign": foreign["id"], "wrong": subscriber(server)["id"], "gone": gone["id"]}
    asked = known.get(public_id, public_id)
    reply = server.call(method, f"{PATH}/{asked}", body)
    assert envelope(reply) == (404, "not_found", "tag_not_found")
    assert reply.error["details"] == {"resource": {"type": "tag", "id": asked}}
    assert data_of(server.call("GET", foreign["self"], key=other)) == foreign
