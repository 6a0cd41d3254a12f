"""/v1/custom-fields. tests/audience/test_field_conversion.py has the values of a field that changes."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from api_records import LONG_AGO, backdate, data_of, details, field, read, subscriber
from conftest import Reply, Server
from wire import envelope, running_service

PATH = "/v1/custom-fields"
PLAIN = ["Text", "Number", "Date", "Text Area", "Checkbox"]
CHOICES = ["Select (Dropdown)", "Single Select", "Multi Select"]
SL = {"options": ["S", "L"]}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def put(server: Server, one: Any, body: Any) -> Reply:
    return server.call("PUT", one["self"], body)


@pytest.mark.parametrize("kind", PLAIN + CHOICES)
def test_the_response_to_a_new_field_has_all_its_properties(service: Server, kind: str) -> None:
    options = ["S", " L "] if kind in CHOICES else []
    body = {"label": f" The  {kind} ", "type": kind, "settings": {"options": options}}
    reply = service.call("POST", PATH, body)
    created = reply.json["data"]
    assert reply.status == 201
    assert urljoin(PATH, reply.headers["location"]) == created["self"] == f"{PATH}/{created['id']}"
    assert created == {
        "id": created["id"],
        "self": created["self"],
        "label": f"The {kind}",
        "type": kind,
        "settings": {"options": [option.strip() for option in options]},
        "personalization_token": created["personalization_token"],
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    assert read(service, created) == created


@pytest.mark.parametrize(
    ("label", "token"),
    [
        ("Company", "Company"),
        ("Shoe size (EU)", "Shoe_size_EU"),
        ("a.b-c", "a_b_c"),
        ("  x  y ", "x_y"),
        ("年齢", "年齢"),
        ("Größe №1", "Größe_1"),
        ("名前 (漢字)", "名前_漢字"),
    ],
)
def test_the_personalization_token_comes_from_the_label(service: Server, label: str, token: str) -> None:
    one = field(service, label)
    assert one["personalization_token"] == f'[{token}, fallback=""]'
    changed = data_of(put(service, one, {"label": f"{label} again"}))
    assert changed["personalization_token"] == f'[{token}_again, fallback=""]'.replace("__", "_")


@pytest.mark.parametrize("label", ["!?", "_", "🎉"])
def test_a_label_without_letters_and_digits_has_a_token_too(service: Server, label: str) -> None:
    one = field(service, label)
    assert one["personalization_token"] == f'[{one["id"]}, fallback=""]'


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("settings", [None, {}, {"options": []}])
def test_a_field_without_options_needs_no_settings(service: Server, kind: str, settings: Any) -> None:
    body = {"label": f"{kind} {settings}", "type": kind, "settings": settings}
    assert data_of(service.call("POST", PATH, body))["settings"] == {"options": []}


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"type": "Text"}, "label", "missing"),
        ({"label": "x"}, "type", "missing"),
        ({"label": None, "type": "Text"}, "label", None),
        ({"label": "", "type": "Text"}, "label", None),
        ({"label": " ", "type": "Text"}, "label", None),
        ({"label": "x" * 101, "type": "Text"}, "label", None),
        ({"label": "a\x00b", "type": "Text"}, "label", None),
        ({"label": "x", "type": "text"}, "type", None),
        ({"label": "x", "type": "URL"}, "type", None),
        ({"label": "x", "type": None}, "type", None),
        ({"label": "x", "type": "Text", "key": "x"}, "key", "unknown_field"),
        ({"label": "x", "type": "Text", "settings": []}, "settings", None),
        ({"label": "x", "type": "Text", "settings": {"min": 1}}, "settings.min", "unknown_field"),
        ({"label": "x", "type": "Text", "settings": {"options": None}}, "settings.options", None),
        ({"label": "x", "type": "Text", "settings": SL}, "settings.options", None),
        ({"label": "x", "type": "Checkbox", "settings": SL}, "settings.options", None),
        ({"label": "x", "type": "Multi Select"}, "settings.options", None),
        ({"label": "x", "type": "Single Select", "settings": {}}, "settings.options", None),
        ({"label": "x", "type": "Single Select", "settings": {"options": []}}, "settings.options", None),
        ({"label": "x", "type": "Single Select", "settings": {"options": [5]}}, "settings.options[0]", None),
        ({"label": "x", "type": "Single Select", "settings": {"options": ["S", " "]}}, "settings.options[1]", None),
        (
            {"label": "x", "type": "Single Select", "settings": {"options": ["x" * 201]}},
            "settings.options[0]",
            None,
        ),
        ({"label": "x", "type": "Single Select", "settings": {"options": ["a\nb"]}}, "settings.options[0]", None),
        ({"label": "x", "type": "Single Select", "settings": {"options": ["S", " S "]}}, "settings.options", None),
        (
            {"label": "x", "type": "Single Select", "settings": {"options": [f"o{n}" for n in range(501)]}},
            "settings.options",
            None,
        ),
    ],
)
def test_an_invalid_field_is_refused(service: Server, body: Any, field: str, reason: str | None) -> None:
    before = service.rows("SELECT count(*) FROM custom_fields")
    assert details(service.call("POST", PATH, body)) == (400, "invalid_custom_field", field, reason)
    assert service.rows("SELECT count(*) FROM custom_fields") == before


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"label": " "}, "label", None),
        ({"label": None}, "label", None),
        ({"type": "URL"}, "type", None),
        ({"type": "Single Select"}, "settings.options", None),
        ({"settings": None}, "settings", None),
        ({"settings": SL}, "settings.options", None),
        ({"key": "x"}, "key", "unknown_field"),
        ({"label": "y", "id": "x"}, "id", "unknown_field"),
    ],
)
def test_an_invalid_change_of_a_field_is_refused_and_changes_nothing(
    server: Server, body: Any, field: str | None, reason: str | None
) -> None:
    one = data_of(server.call("POST", PATH, {"label": "Size", "type": "Text"}))
    assert details(put(server, one, body)) == (400, "invalid_custom_field", field, reason)
    assert read(server, one) == one


def test_a_put_of_nothing_is_refused(server: Server) -> None:
    assert details(put(server, field(server, "Size"), {})) == (400, "empty_update", None, None)


def test_a_field_at_the_limits_is_accepted(server: Server) -> None:
    options = [f"{number:03}" + "é" * 197 for number in range(500)]
    assert field(server, "x" * 100, "Multi Select", options)["settings"]["options"] == options


@pytest.mark.parametrize("label", ["Subscriber Name", "subscriber  EMAIL"])
def test_the_label_of_a_built_in_field_is_refused(server: Server, label: str) -> None:
    other = field(server, "Other")
    reply = server.call("POST", PATH, {"label": label, "type": "Text"})
    assert details(reply) == (400, "custom_field_label_conflict", "label", "built_in_label")
    reply = put(server, other, {"label": label})
    assert details(reply) == (409, "custom_field_label_conflict", "label", "built_in_label")
    assert read(server, other) == other


@pytest.mark.parametrize("label", ["shoe size", " SHOE  SIZE", "Shoe\tsize"])
def test_a_label_that_differs_only_in_case_or_space_is_taken(server: Server, label: str) -> None:
    field(server, "Shoe size")
    other = field(server, "Other")
    reply = server.call("POST", PATH, {"label": label, "type": "Text"})
    assert details(reply) == (400, "custom_field_label_conflict", "label", "label_taken")
    reply = put(server, other, {"label": label})
    assert details(reply) == (409, "custom_field_label_conflict", "label", "label_taken")
    assert read(server, other) == other


@pytest.mark.parametrize(
    ("change", "saved"),
    [
        ({"label": "Shoe size"}, {"label": "Shoe size", "personalization_token": '[Shoe_size, fallback=""]'}),
        ({"label": "SIZE"}, {"label": "SIZE", "personalization_token": '[SIZE, fallback=""]'}),
        ({"type": "Multi Select"}, {"type": "Multi Select"}),
        ({"type": "Text"}, {"type": "Text", "settings": {"options": []}}),
        ({"type": "Text", "settings": {}}, {"type": "Text", "settings": {"options": []}}),
        ({"settings": {"options": ["L", "S", "XL"]}}, {"settings": {"options": ["L", "S", "XL"]}}),
    ],
)
def test_a_put_changes_only_the_fields_that_it_has(server: Server, change: Any, saved: Any) -> None:
    one = field(server, "Size", "Single Select", ["S", "L"])
    backdate(server)
    changed = data_of(put(server, one, change))
    assert changed == {**one, **saved, "created_at": LONG_AGO, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > LONG_AGO
    assert read(server, one) == changed


@pytest.mark.parametrize(
    "body", [{"label": " Size "}, {"type": "Single Select"}, {"settings": {"options": ["S", " L"]}}]
)
def test_a_change_to_the_same_values_keeps_updated_at(server: Server, body: Any) -> None:
    one = field(server, "Size", "Single Select", ["S", "L"])
    backdate(server)
    assert data_of(put(server, one, body))["updated_at"] == LONG_AGO


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("SIZE", ["Shoe size"]),
        ("select", ["Shoe size", "Colour"]),
        ("multi", ["Colour"]),
        ("TEXT", ["Straße"]),
        ("strasse", ["Straße"]),
        ("nothing", []),
    ],
)
def test_search_matches_parts_of_labels_and_types_ignoring_case(
    server: Server, search: str, expected: list[str]
) -> None:
    field(server, "Straße", "Text Area")
    field(server, "Colour", "Multi Select", ["red"])
    field(server, "Shoe size", "Select (Dropdown)", ["S"])
    listed = server.sdk().custom_fields.list(query={"search": search})
    assert [item["label"] for item in listed["data"]] == expected


def test_deleting_a_field_deletes_its_values_and_no_others(server: Server) -> None:
    deleted, other = field(server, "Gone")["id"], field(server, "Kept")["id"]
    ada = subscriber(server, "ada@example.com", custom_fields={deleted: "x", other: "y"})
    bob = subscriber(server, "bob@example.com", custom_fields={deleted: "x"})
    reply = server.call("DELETE", f"{PATH}/{deleted}")
    assert (reply.status, reply.body) == (204, b"")
    assert read(server, ada)["custom_fields"] == {other: "y"}
    assert read(server, bob)["custom_fields"] == {}
    again = field(server, "Gone")
    assert again["id"] != deleted
    assert server.rows("SELECT custom_fields FROM subscribers WHERE email LIKE 'bob%'") == [("{}",)]
    refused = server.call("PATCH", ada["self"], {"custom_fields": {deleted: "x"}})
    assert details(refused) == (400, "invalid_request", f"custom_fields.{deleted}", "custom_field_not_found")


@pytest.mark.parametrize("public_id", ["custom_field_x", "size", "foreign", "deleted"])
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", {"label": "x"}), ("DELETE", None)])
def test_a_field_of_another_workspace_is_not_found(server: Server, public_id: str, method: str, body: Any) -> None:
    other = server.new_key(workspace="Other")
    foreign = server.call("POST", PATH, {"label": "Size", "type": "Text"}, key=other).json["data"]
    deleted = field(server, "Gone")
    server.call("DELETE", deleted["self"])
    requested_id = {"foreign": foreign["id"], "deleted": deleted["id"]}.get(public_id, public_id)
    reply = server.call(method, f"{PATH}/{requested_id}", body)
    assert envelope(reply) == (404, "not_found", "custom_field_not_found")
    assert reply.error["details"] == {"resource": {"type": "custom_field", "id": requested_id}}
    assert data_of(server.call("GET", foreign["self"], key=other)) == foreign
