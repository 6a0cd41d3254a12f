"""/v1/segments: saved definitions, their counts, and previews."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from api_records import (
    LONG_AGO,
    backdate,
    data_of,
    definition,
    details,
    field,
    read,
    segment,
    subscriber,
    tag,
)
from conftest import Server
from wire import envelope, running_service

from mailrith_lite import ids

PATH = "/v1/segments"
PREVIEW = f"{PATH}/preview"
FIRST = "definition.groups[0].conditions[0]"
EVERYBODY = definition("form", "is_empty")
ACTIVE = definition("subscriber_status", "is", "Active")
SUMMARY = {
    "id",
    "self",
    "name",
    "description",
    "confirmed_subscriber_count",
    "total_subscriber_count",
    "created_at",
    "updated_at",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def counts(answer: Any) -> tuple[int, int]:
    """The number of subscribers, and of Active subscribers."""
    return answer["total_subscriber_count"], answer["confirmed_subscriber_count"]


def listed(server: Server, query: str = "") -> list[Any]:
    segments: list[Any] = server.call("GET", f"{PATH}?{query}").json["data"]
    return segments


def names(server: Server, query: str = "") -> list[str]:
    return [one["name"] for one in listed(server, query)]


def preview(server: Server, definition: Any, **body: Any) -> Any:
    return data_of(server.call("POST", PREVIEW, {"definition": definition, **body}))


def naming(*others: Any) -> Any:
    """A definition that names these segments."""
    return definition("segment", "has_any_of", [other["id"] for other in others])


def test_the_response_to_a_new_segment_has_all_its_properties(server: Server) -> None:
    subscriber(server, "ada@example.com", status="Active")
    subscriber(server, "bob@example.com")
    body = {"name": " Spring\u00a0", "description": " kept ", "definition": EVERYBODY}
    reply = server.call("POST", PATH, body)
    created = reply.json["data"]
    assert reply.status == 201
    assert urljoin(PATH, reply.headers["location"]) == created["self"] == f"{PATH}/{created['id']}"
    assert set(created) == SUMMARY | {"definition"}
    assert (created["name"], created["description"], counts(created)) == ("Spring", " kept ", (2, 1))
    assert created["created_at"] == created["updated_at"]
    assert ids.decode(ids.SEGMENT, created["id"]) is not None
    assert read(server, created) == created
    (summary,) = listed(server)
    assert summary == {key: value for key, value in created.items() if key != "definition"}


def test_a_definition_is_returned_as_it_was_sent(server: Server) -> None:
    number = field(server, "Number", "Number")
    checkbox = field(server, "Check", "Checkbox")
    conditions = [
        {"id": "", "field": "subscriber_status", "operator": "is", "value": " aCTIVE "},
        {"id": "c", "field": "custom_field", "operator": "is", "value": 1.50, "customFieldId": number["id"]},
        {"id": "c", "field": "custom_field", "operator": "is", "value": False, "customFieldId": checkbox["id"]},
        {"id": "ü" * 30, "field": "form", "operator": "has_none_of", "value": ["x", "x"]},
        {"id": "c", "field": "tag", "operator": "is_empty"},
    ]
    body = {"match": "any", "groups": [{"id": "g", "match": "all", "conditions": conditions}]}
    one = segment(server, "Kept", body)
    assert read(server, one)["definition"] == body


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        ({"definition": EVERYBODY}, "name", "missing"),
        ({"name": "x"}, "definition", "missing"),
        ({"name": "", "definition": EVERYBODY}, "name", None),
        ({"name": " \n", "definition": EVERYBODY}, "name", None),
        ({"name": "x" * 201, "definition": EVERYBODY}, "name", None),
        ({"name": "a\x00b", "definition": EVERYBODY}, "name", None),
        ({"name": None, "definition": EVERYBODY}, "name", None),
        ({"name": "x", "definition": EVERYBODY, "description": "x" * 1_001}, "description", None),
        ({"name": "x", "definition": EVERYBODY, "color": "red"}, "color", "unknown_field"),
        ({"name": "x", "definition": None}, "definition", None),
        ({"name": "x", "definition": {"match": "all"}}, "definition.groups", "missing"),
        ({"name": "x", "definition": {"match": "all", "groups": []}}, "definition.groups", None),
        ({"name": "x", "definition": {"match": "none", "groups": EVERYBODY["groups"]}}, "definition.match", None),
        ({"name": "x", "definition": {**EVERYBODY, "sort": 1}}, "definition.sort", "unknown_field"),
        (
            {"name": "x", "definition": {"match": "any", "groups": [{**EVERYBODY["groups"][0], "conditions": []}]}},
            "definition.groups[0].conditions",
            None,
        ),
        (
            {"name": "x", "definition": {"match": "all", "groups": EVERYBODY["groups"] * 51}},
            "definition.groups",
            None,
        ),
        ({"name": "x", "definition": definition("shoe_size", "is", 1)}, f"{FIRST}.field", None),
        ({"name": "x", "definition": definition("tag", "likes", 1)}, f"{FIRST}.operator", None),
        (
            {"name": "x", "definition": definition("tag", "before", "x")},
            f"{FIRST}.operator",
            "operator_not_for_field",
        ),
        (
            {"name": "x", "definition": definition("country", "is", {"code": "DE"})},
            f"{FIRST}.value",
            None,
        ),
        (
            {"name": "x", "definition": definition("country", "is", ["DE", 1])},
            f"{FIRST}.value[1]",
            None,
        ),
        (
            {"name": "x", "definition": definition("tag", "is", ids.encode(ids.TAG, 5))},
            f"{FIRST}.value",
            "tag_not_found",
        ),
    ],
)  # fmt: skip
def test_an_invalid_segment_is_refused_at_creation_and_change(
    service: Server, body: Any, path: str, reason: str | None
) -> None:
    code = "invalid_segment_definition" if path.startswith("definition") else "invalid_segment"
    created = "invalid_segment" if (path, reason) == ("definition", "missing") else code
    assert details(service.call("POST", PATH, body)) == (400, created, path, reason)
    if reason != "missing" or "." in path:
        one = segment(service, f"before {path} {reason} {len(str(body))}", EVERYBODY)
        assert details(service.call("PUT", one["self"], body)) == (400, code, path, reason)
        assert read(service, one) == one
        assert service.call("DELETE", one["self"]).status == 204


@pytest.mark.parametrize("place", ["groups", "conditions"])
def test_a_definition_at_the_limits_is_accepted(service: Server, place: str) -> None:
    one = EVERYBODY["groups"][0]["conditions"][0]
    full = [{"id": "g", "match": "all", "conditions": [one] * 100}] * 3
    groups = full if place == "conditions" else EVERYBODY["groups"] * 50
    saved = segment(service, f"Full of {place}", {"match": "all", "groups": groups})
    assert read(service, saved) == saved


@pytest.mark.parametrize("name", ["spring", " SPRING ", "Spring"])
def test_a_segment_name_that_differs_only_in_case_is_taken(server: Server, name: str) -> None:
    segment(server, "Spring", EVERYBODY)
    other = segment(server, "Other", EVERYBODY)
    for reply in (
        server.call("POST", PATH, {"name": name, "definition": ACTIVE}),
        server.call("PUT", other["self"], {"name": name}),
    ):
        assert envelope(reply) == (409, "conflict", "segment_name_conflict")
        assert reply.error["details"]["field"] == "name"
    assert names(server) == ["Other", "Spring"]


def test_a_segment_name_is_free_after_a_change_a_deletion_and_in_another_workspace(server: Server) -> None:
    one = segment(server, "Straße", EVERYBODY)
    assert server.call("PUT", one["self"], {"name": "STRASSE"}).status == 200
    assert server.call("PUT", one["self"], {"name": "Weg"}).status == 200
    two = segment(server, "strasse", EVERYBODY)
    assert server.call("DELETE", two["self"]).status == 204
    assert segment(server, "Strasse", EVERYBODY)["id"] not in (one["id"], two["id"])
    key = server.new_key(workspace="Other")
    assert server.call("POST", PATH, {"name": "Weg", "definition": EVERYBODY}, key=key).status == 201


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Autumn"},
        {"description": "new"},
        {"description": None},
        {"definition": ACTIVE},
        {"name": "SPRING", "description": "", "definition": definition("tag", "is_not", ids.encode(ids.TAG, 1))},
    ],
)
def test_a_put_changes_only_the_fields_that_it_has(server: Server, change: Any) -> None:
    subscriber(server, status="Active")
    tag(server, "Spring")
    body = {"name": "Spring", "description": "Fair", "definition": definition("country", "is", "DE")}
    one = data_of(server.call("POST", PATH, body))
    backdate(server)
    changed = data_of(server.call("PUT", one["self"], change))
    counted = {"confirmed_subscriber_count": 1, "total_subscriber_count": 1} if "definition" in change else {}
    updated = {"created_at": LONG_AGO, "updated_at": changed["updated_at"]}
    assert changed == {**one, **change, **counted, **updated}
    assert changed["updated_at"] > LONG_AGO
    assert read(server, one) == changed


def test_a_put_of_the_same_values_keeps_updated_at(server: Server) -> None:
    one = segment(server, "Spring", EVERYBODY)
    backdate(server)
    same = {"name": " Spring ", "description": None, "definition": EVERYBODY}
    assert data_of(server.call("PUT", one["self"], same))["updated_at"] == LONG_AGO
    assert details(server.call("PUT", one["self"], {})) == (
        400,
        "empty_update",
        None,
        None,
    )


def test_deleting_a_segment_keeps_its_subscribers(server: Server) -> None:
    one, ada = segment(server, "Spring", EVERYBODY), subscriber(server)
    assert server.call("DELETE", one["self"]).status == 204
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        assert envelope(server.call(method, one["self"], body)) == (404, "not_found", "segment_not_found")
    assert listed(server) == []
    assert read(server, ada) == ada


def test_a_segment_that_another_segment_names_cannot_be_deleted(server: Server) -> None:
    inner = segment(server, "Inner", EVERYBODY)
    outer = segment(server, "Outer", naming(inner))
    reply = server.call("DELETE", inner["self"])
    assert envelope(reply) == (409, "conflict", "segment_in_use")
    assert reply.error["details"] == {
        "reason": "named_by_segment",
        "resource": {"type": "segment", "id": outer["id"]},
    }
    assert server.call("DELETE", outer["self"]).status == 204
    assert server.call("DELETE", inner["self"]).status == 204


@pytest.mark.parametrize("removes", [1, 2, 3])
def test_a_circle_of_segments_is_refused_in_previews_and_changes(server: Server, removes: int) -> None:
    chain = [segment(server, "First", EVERYBODY)]
    for number in range(1, removes):
        chain.append(segment(server, f"Next {number}", naming(chain[-1])))
    circle = naming(chain[-1])
    body = {"definition": circle, "current_segment_id": chain[0]["id"]}
    expected = (400, "invalid_segment", f"{FIRST}.value", "circular_reference")
    assert details(server.call("POST", PREVIEW, body)) == expected
    assert details(server.call("PUT", chain[0]["self"], {"definition": circle})) == expected
    assert preview(server, circle) == {"total_subscriber_count": 0, "confirmed_subscriber_count": 0}
    assert read(server, chain[0]) == chain[0]


@pytest.mark.parametrize("current", ["", "nonsense", ids.encode(ids.SEGMENT, 99), ids.encode(ids.TAG, 1)])
def test_a_preview_of_an_unknown_segment_is_refused(service: Server, current: str) -> None:
    reply = service.call("POST", PREVIEW, {"definition": EVERYBODY, "current_segment_id": current})
    assert details(reply) == (400, "invalid_segment", "current_segment_id", "segment_not_found")


def test_a_preview_saves_nothing_and_ignores_unknown_fields(service: Server) -> None:
    before = listed(service, "limit=100")
    assert set(preview(service, EVERYBODY, current_segment_id=None, colour="red")) == {
        "total_subscriber_count",
        "confirmed_subscriber_count",
    }
    assert listed(service, "limit=100") == before


def test_a_change_that_breaks_a_segment_that_names_this_one_is_refused(server: Server) -> None:
    """A definition can have 300 conditions with those of the segments it names; the other one has 150."""
    one = EVERYBODY["groups"][0]["conditions"][0]
    inner = segment(server, "Inner", EVERYBODY)
    reference = naming(inner)["groups"][0]["conditions"][0]
    groups = [{"id": "g", "match": "all", "conditions": [one] * 75}] * 2
    groups.append({"id": "g", "match": "all", "conditions": [reference]})
    outer = segment(server, "Outer", {"match": "all", "groups": groups})
    middle = segment(server, "Middle", naming(outer))
    wide = {"match": "all", "groups": [{"id": "g", "match": "all", "conditions": [one] * 75}] * 2}
    assert counts(preview(server, wide)) == (0, 0)
    refusal = details(server.call("PUT", inner["self"], {"definition": wide}))
    assert (refusal[0], refusal[3]) == (400, "too_complex")
    for segment_of in (inner, outer, middle):
        assert server.call("GET", segment_of["self"]).status == 200


@pytest.mark.slow
def test_the_deepest_definition_can_be_shown_and_listed(server: Server) -> None:
    one = segment(server, "Segment 0", EVERYBODY)
    for number in range(1, 40):
        reply = server.call("POST", PATH, {"name": f"Segment {number}", "definition": naming(one)})
        if reply.status != 201:
            assert (reply.status, reply.error["details"]["reason"]) == (400, "too_complex")
            break
        one = reply.json["data"]
        assert read(server, one) == one
    else:
        pytest.fail("there is no end to it")
    assert len(listed(server, "limit=100")) == number


def test_segments_have_pages_newest_first_and_search(server: Server) -> None:
    for name, description in (("Spring", None), ("Sommer", "SPRING behind us"), ("Ärger", "100%"), ("Winter", "")):
        body = {"name": name, "description": description, "definition": EVERYBODY}
        assert server.call("POST", PATH, body).status == 201
    assert names(server) == ["Winter", "Ärger", "Sommer", "Spring"]
    first = server.call("GET", f"{PATH}?limit=3").json
    assert first["pagination"] == {"has_more": True, "next_cursor": first["data"][-1]["id"]}
    assert names(server, f"limit=3&starting_after={first['pagination']['next_cursor']}") == ["Spring"]
    assert names(server, "search=spring") == ["Sommer", "Spring"]
    assert names(server, "search=%C3%84RGER") == names(server, "search=100%25") == ["Ärger"]
    assert names(server, "search=autumn") == []


def test_a_segment_cannot_name_or_count_resources_of_another_workspace(server: Server) -> None:
    key = server.new_key(workspace="Other")
    theirs = data_of(server.call("POST", PATH, {"name": "Theirs", "definition": EVERYBODY}, key=key))
    their_tag = data_of(server.call("POST", "/v1/tags", {"name": "Theirs"}, key=key))
    server.call("POST", "/v1/subscribers", {"email": "theirs@x.com"}, key=key)
    assert counts(segment(server, "Ours", EVERYBODY)) == (0, 0)
    for body, reason in ((naming(theirs), "segment_not_found"),
                           (definition("tag", "is", their_tag["id"]), "tag_not_found")):  # fmt: skip
        assert details(server.call("POST", PREVIEW, {"definition": body}))[3] == reason
    assert server.call("GET", theirs["self"]).status == 404
