"""The pages of tags, custom fields and sequences: each list, and how one is made, changed and deleted."""

import pytest
from api_records import data_of, definition, field, segment, sequence, subscriber, tag
from conftest import Server

from mailrith_lite.console.catalog_pages import PAGE_SIZE

from .visitor import Visitor, heading, signed_in, text

LISTS = {"tags": "/v1/tags", "custom-fields": "/v1/custom-fields", "sequences": "/v1/sequences"}
NEW = {
    "tags": {"name": "Spring", "description": "Came in spring"},
    "custom-fields": {"label": "Size", "type": "Single Select", "options": "S\r\n\r\n M \r\nL"},
    "sequences": {"name": "Welcome"},
}
CHANGED = {
    "tags": {"name": "Summer", "description": ""},
    "custom-fields": {"label": "T-shirt size", "type": "Multi Select", "options": "S\r\nM\r\nL\r\nXL"},
    "sequences": {"name": "Hello"},
}
SHOWN = {
    "tags": {"name": "Summer", "description": None},
    "custom-fields": {
        "label": "T-shirt size",
        "type": "Multi Select",
        "settings": {"options": ["S", "M", "L", "XL"]},
    },
    "sequences": {"name": "Hello", "status": "paused", "email_count": 0},
}


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return signed_in(server)


@pytest.mark.parametrize("kind", LISTS)
def test_item_is_made_changed_and_deleted(server: Server, visitor: Visitor, kind: str) -> None:
    page = f"/console/{kind}"
    assert "yet" in text(visitor.get(page))
    made = visitor.post(page, NEW[kind])
    assert (made.status, made.headers["location"]) == (303, page)
    (item,) = data_of(server.call("GET", LISTS[kind]))
    own = f"{page}/{item['id']}"
    assert own in visitor.get(page).body.decode()
    assert visitor.post(own, CHANGED[kind]).status == 303
    (item,) = data_of(server.call("GET", LISTS[kind]))
    assert item.items() >= SHOWN[kind].items()
    assert visitor.post(f"{own}/delete").status == 303
    assert data_of(server.call("GET", LISTS[kind])) == []
    assert visitor.get(own).status == 404


@pytest.mark.parametrize(("kind", "element"), [("tags", "name"), ("custom-fields", "label"), ("sequences", "name")])
def test_taken_name_is_said_beside_its_field_and_the_form_keeps_what_was_typed(
    visitor: Visitor, kind: str, element: str
) -> None:
    page = f"/console/{kind}"
    visitor.post(page, NEW[kind])
    refused = visitor.post(page, {**NEW[kind], element: NEW[kind][element].upper()})
    assert refused.status == 400
    html = refused.body.decode()
    assert f'href="#{element}"' in html
    assert f'aria-describedby="{element}-note"' in html
    assert f'value="{NEW[kind][element].upper()}"' in html


def test_tag_that_a_segment_names_is_not_deleted_and_the_page_names_the_segment(
    server: Server, visitor: Visitor
) -> None:
    used = tag(server, "Spring")
    segment(server, "Readers", definition("tag", "is", used["id"]))
    page = f"/console/tags/{used['id']}"
    assert "The segment Readers uses it." in text(visitor.get(page))
    refused = visitor.post(f"{page}/delete")
    assert (refused.status, heading(refused)) == (400, "Spring")
    assert 'The segment "Readers" names this tag; change or delete the segment first.' in text(refused)
    assert data_of(server.call("GET", "/v1/tags"))


def test_deleted_tag_leaves_its_subscribers(server: Server, visitor: Visitor) -> None:
    made = tag(server, "Spring")
    subscriber(server, existing_tag_ids=[made["id"]])
    assert "1 subscriber loses it." in text(visitor.get(f"/console/tags/{made['id']}"))
    assert visitor.post(f"/console/tags/{made['id']}/delete").status == 303
    (person,) = data_of(server.call("GET", "/v1/subscribers"))
    assert person["tags"] == []


def test_change_of_a_field_that_would_lose_a_value_is_refused(server: Server, visitor: Visitor) -> None:
    made = field(server, "Born")
    subscriber(server, custom_fields={made["id"]: "in spring"})
    refused = visitor.post(f"/console/custom-fields/{made['id']}", {"label": "Born", "type": "Date"})
    assert refused.status == 400
    assert "1 subscriber" in text(refused)
    assert data_of(server.call("GET", f"/v1/custom-fields/{made['id']}"))["type"] == "Text"


def test_unknown_type_is_refused(visitor: Visitor) -> None:
    refused = visitor.post("/console/custom-fields", {"label": "Born", "type": "Poem"})
    assert (refused.status, "Choose one of the types." in text(refused)) == (400, True)


def test_sequence_runs_and_pauses_and_a_running_one_keeps_its_name(server: Server, visitor: Visitor) -> None:
    made = sequence(server, "Welcome")
    page = f"/console/sequences/{made['id']}"
    for action, status in (("run", "running"), ("pause", "paused"), ("run", "running")):
        assert visitor.post(f"{page}/status", {"action": action}).status == 303
        assert data_of(server.call("GET", f"/v1/sequences/{made['id']}"))["status"] == status
    refused = visitor.post(page, {"name": "Hello"})
    assert refused.status == 400
    assert data_of(server.call("GET", f"/v1/sequences/{made['id']}"))["name"] == "Welcome"


def test_list_is_searched_and_paged(server: Server, visitor: Visitor) -> None:
    for number in range(PAGE_SIZE + 1):
        tag(server, f"Tag {number}")
    first = visitor.get("/console/tags")
    assert "Tag 50" in text(first)
    assert "Tag 0" not in text(first).split()
    last = data_of(server.call("GET", f"/v1/tags?limit={PAGE_SIZE}"))[-1]
    assert f"before={last['id']}" in first.body.decode()
    older = text(visitor.get(f"/console/tags?before={last['id']}"))
    assert ("Tag 0" in older, "Tag 1" in older) == (True, False)
    matching = text(visitor.get("/console/tags?search=TAG+7"))
    assert ("Tag 7" in matching, "Tag 8" in matching) == (True, False)
    assert "No tag matches" in text(visitor.get("/console/tags?search=winter"))


def test_deletion_is_in_the_audit(server: Server, visitor: Visitor) -> None:
    made = tag(server, "Spring")
    visitor.post(f"/console/tags/{made['id']}/delete")
    assert server.rows("SELECT via, action FROM audit_entries WHERE object_id = ?", made["id"]) == [
        ("console", "tag.deleted")
    ]


def test_without_the_scope_a_list_has_no_form(server: Server) -> None:
    reader = signed_in(server, server.new_key(scopes=("tags:read",)))
    assert "New tag" not in text(reader.get("/console/tags"))
    assert reader.post("/console/tags", NEW["tags"]).status == 403
