"""The pages of segments, without JavaScript: the list, and the form that builds one."""

from typing import Any

import pytest
from api_records import data_of, definition, field, segment, sequence, subscriber, tag
from conftest import Reply, Server

from mailrith_lite import ids

from .page_form import PageForm
from .visitor import Visitor, heading, signed_in, text

PAGE = "/console/segments"
NEW = f"{PAGE}/new"


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return signed_in(server)


def form(page: Reply) -> PageForm:
    return PageForm(page, "segment")


def with_rows(visitor: Visitor, *fields: str, path: str = NEW) -> PageForm:
    """The form of the page after a condition on each of these fields was added."""
    page = visitor.get(path)
    for chosen in fields:
        page = form(page).fill(new_0=chosen).press(visitor, path, "add:0")
        assert page.status == 200
    return form(page)


def saved(server: Server) -> Any:
    (summary,) = data_of(server.call("GET", "/v1/segments"))
    return data_of(server.call("GET", summary["self"]))


def conditions(resource: Any) -> list[tuple[str, str, Any]]:
    return [
        (one.get("customFieldId", one["field"]), one["operator"], one.get("value"))
        for group in resource["definition"]["groups"]
        for one in group["conditions"]
    ]


def test_segment_is_built_counted_saved_and_shown(server: Server, visitor: Visitor) -> None:
    subscriber(server, "ada@example.com", status="Active", country="DE")
    subscriber(server, "bob@example.com", status="Unsubscribed", country="DE")
    subscriber(server, "cyd@example.com", status="Active", country="FR")
    filled = with_rows(visitor, "country").fill(name="Germans", value_0_0=["germany", ""])
    counted = filled.press(visitor, NEW, "count")
    assert "2 subscribers, 1 of them Active" in text(counted)
    assert data_of(server.call("GET", "/v1/segments")) == []
    done = form(counted).press(visitor, NEW, "save")
    one = saved(server)
    assert (done.status, done.headers["location"]) == (303, f"{PAGE}/{one['id']}")
    assert conditions(one) == [("country", "is", "germany")]
    assert "Germans 2 1 Active" in text(visitor.get(PAGE))
    shown = visitor.get(done.headers["location"])
    assert heading(shown) == "Germans"
    assert f"/console/subscribers?segment={one['id']}" in shown.body.decode()
    assert "2 subscribers, 1 of them Active" in text(shown)


def test_every_kind_of_value_becomes_what_the_api_has(server: Server, visitor: Visitor) -> None:
    readers, welcome = tag(server, "Readers, old")["id"], sequence(server, "Welcome")["id"]
    inner = segment(server, "Inner", definition("country", "is", "DE"))
    kinds = {kind: field(server, kind, kind)["id"] for kind in ("Number", "Checkbox", "Date", "Text")}
    rows: list[tuple[str, str, list[str], Any]] = [
        ("subscriber_status", "has_any_of", ["Active", "Bounced"], ["Active", "Bounced"]),
        ("country", "in_region", ["Europe"], "Europe"),
        ("tag", "has_any_of", ["readers, OLD"], [readers]),
        ("sequence", "is_active_in_any_of", ["Welcome"], [welcome]),
        ("segment", "is_not", ["Inner"], inner["id"]),
        (kinds["Number"], "greater_than", ["1.5"], 1.5),
        (kinds["Number"], "is", ["2", "3"], ["2", "3"]),
        (kinds["Checkbox"], "is", ["yes"], True),
        (kinds["Date"], "in_last_days", ["30"], 30),
        (kinds["Text"], "contains", [" Berlin "], "Berlin"),
        (kinds["Text"], "is_empty", ["left over"], None),
    ]
    filled = with_rows(visitor, *(name for name, *_ in rows)).fill(name="All")
    for place, (_, operator, values, _) in enumerate(rows):
        filled.fill(**{f"operator-0-{place}": operator, f"value-0-{place}": values})
    assert filled.press(visitor, NEW, "save").status == 303
    one = data_of(server.call("GET", data_of(server.call("GET", "/v1/segments"))[0]["self"]))
    assert conditions(one) == [(name, operator, value) for name, operator, _, value in rows]


def test_form_of_a_segment_of_the_api_saves_it_unchanged(server: Server, visitor: Visitor) -> None:
    number, box = field(server, "Number", "Number")["id"], field(server, "Box", "Checkbox")["id"]
    one = {"id": "a", "field": "custom_field", "operator": "is", "value": 2.5, "customFieldId": number}
    two = {"id": "b", "field": "custom_field", "operator": "is", "value": False, "customFieldId": box}
    three = {"id": "c", "field": "tag", "operator": "has_none_of", "value": [tag(server, "Readers")["id"]]}
    four = {"id": "d", "field": "email_opened", "operator": "is", "value": False}
    five = {"id": "e", "field": "subscriber_status", "operator": "has_any_of", "value": ["active"]}
    groups = [{"id": "x", "match": "any", "conditions": [one, two]}, {"id": "y", "match": "all", "conditions": []}]
    groups[1]["conditions"] = [three, four, five]
    made = segment(server, "Made by a program", {"match": "any", "groups": groups})
    path = f"{PAGE}/{made['id']}"
    page = form(visitor.get(path))
    assert page.values["value-1-0"] == ["Readers", ""]
    assert page.press(visitor, path, "save").status == 303
    assert saved(server) == made


def test_groups_and_conditions_are_added_and_removed(server: Server, visitor: Visitor) -> None:
    page = with_rows(visitor, "country").fill(value_0_0="DE").press(visitor, NEW, "add-group")
    page = form(page).fill(new_1="tag").press(visitor, NEW, "add:1")
    page = form(page).fill(new_1="country").press(visitor, NEW, "add:1")
    page = form(page).fill(value_1_1="FR", match="any", name="Two").press(visitor, NEW, "remove:1-0")
    filled = form(page)
    assert [name for name in filled.values if name.startswith("field")] == ["field-0-0", "field-1-0"]
    assert filled.press(visitor, NEW, "save").status == 303
    one = saved(server)
    assert (one["definition"]["match"], conditions(one)) == (
        "any",
        [("country", "is", "DE"), ("country", "is", "FR")],
    )
    path = f"{PAGE}/{one['id']}"
    page = form(visitor.get(path)).press(visitor, path, "remove-group:0")
    assert form(page).press(visitor, path, "save").status == 303
    assert conditions(saved(server)) == [("country", "is", "FR")]


def test_problems_stand_beside_their_rows_and_in_the_summary(server: Server, visitor: Visitor) -> None:
    date = field(server, "Birthday", "Date")["id"]
    filled = with_rows(visitor, "country", "tag", date, "subscriber_status").fill(
        value_0_0="Atlantis", value_0_1="Readers", operator_0_2="before", value_0_2="soon"
    )
    refused = filled.press(visitor, NEW, "save")
    assert refused.status == 400
    html, words = refused.body.decode(), text(refused)
    assert "5 things need a change" in words
    for element, message in {
        "name": "Enter a name.",
        "value-0-0": "is not a country",
        "value-0-1": "There is no tag with this name.",
        "value-0-2": "is not a date",
        "value-0-3": "Enter a value.",
    }.items():
        assert f'href="#{element}"' in html
        assert f'id="{element}"' in html
        assert f'id="{element}-note"' in html
        assert message in words
    kept = form(refused)
    assert kept.values["value-0-0"][0] == "Atlantis"
    assert data_of(server.call("GET", "/v1/segments")) == []


def test_empty_group_and_taken_name_are_refused(server: Server, visitor: Visitor) -> None:
    segment(server, "Taken", definition("country", "is", "DE"))
    empty = form(visitor.get(NEW)).fill(name="New").press(visitor, NEW, "save")
    assert "Add a condition to this group, or remove the group." in text(empty)
    taken = with_rows(visitor, "country").fill(name="taken", value_0_0="FR").press(visitor, NEW, "save")
    assert (taken.status, 'href="#name"' in taken.body.decode()) == (400, True)


def test_segment_cannot_contain_itself(server: Server, visitor: Visitor) -> None:
    inner = segment(server, "Inner", definition("country", "is", "DE"))
    outer = segment(server, "Outer", definition("segment", "is", inner["id"]))
    path = f"{PAGE}/{inner['id']}"
    refused = with_rows(visitor, "segment", path=path).fill(value_0_1="Outer").press(visitor, path, "save")
    assert "A segment cannot contain itself" in text(refused)
    assert "The segment Outer uses it." in text(visitor.get(path))
    removed = visitor.post(f"{path}/delete")
    assert (removed.status, "change or delete the segment first" in text(removed)) == (400, True)
    assert visitor.post(f"{PAGE}/{outer['id']}/delete").headers["location"] == PAGE
    assert visitor.post(f"{path}/delete").headers["location"] == PAGE
    assert "No segments yet" in text(visitor.get(PAGE))


def test_segment_that_an_export_needs_is_not_deleted(server: Server, visitor: Visitor) -> None:
    one = segment(server, "Germans", definition("country", "is", "DE"))
    server.wait(server.services.runner.stop())
    assert server.call("POST", "/v1/jobs/subscriber-exports", {"segment_id": one["id"]}).status == 202
    refused = visitor.post(f"{PAGE}/{one['id']}/delete")
    assert "An export that is not finished names this segment" in text(refused)


def test_count_of_a_form_says_what_is_missing_and_saves_nothing(server: Server, visitor: Visitor) -> None:
    subscriber(server, "ada@example.com", country="DE")
    filled = with_rows(visitor, "country")
    filled.buttons.append("")
    assert "Enter a value." in text(filled.press(visitor, f"{PAGE}/count", ""))
    counted = filled.fill(value_0_0="DE").press(visitor, f"{PAGE}/count", "")
    assert (counted.status, text(counted)) == (200, "1 subscriber, 0 of them Active")
    assert data_of(server.call("GET", "/v1/segments")) == []


def test_count_of_a_saved_segment_is_a_part(server: Server, visitor: Visitor) -> None:
    subscriber(server, "ada@example.com", country="DE", status="Active")
    one = segment(server, "Germans", definition("country", "is", "DE"))
    assert text(visitor.get(f"{PAGE}/{one['id']}/count")) == "1 1 Active"


def test_reader_sees_the_form_and_no_button(server: Server) -> None:
    one = segment(server, "Readers", definition("tag", "is", tag(server, "Secret name")["id"]))
    visitor = signed_in(server, server.new_key(scopes=("segments:read",)))
    page = visitor.get(f"{PAGE}/{one['id']}")
    assert (page.status, form(page).buttons) == (200, ["remove:0-0", "add:0"])
    assert "<fieldset disabled>" in page.body.decode()
    assert "Secret name" not in page.body.decode()
    assert visitor.get(NEW).status == 403
    assert visitor.post(f"{PAGE}/{one['id']}/delete").status == 403


def test_foreign_segment_is_not_there(server: Server, visitor: Visitor) -> None:
    theirs = server.call(
        "POST",
        "/v1/segments",
        {"name": "Theirs", "definition": definition("country", "is", "DE")},
        key=server.new_key(workspace="Other"),
    ).json["data"]
    for path in (theirs["id"], f"{theirs['id']}/count", ids.encode(ids.SEGMENT, 99)):
        assert visitor.get(f"{PAGE}/{path}").status == 404


@pytest.mark.parametrize("action", ["add:9", "remove:0-9", "remove-group:7", "add:x", "add:0-0-0", "add:\u0661"])
def test_button_that_does_not_exist_changes_nothing(visitor: Visitor, action: str) -> None:
    filled = with_rows(visitor, "country").fill(value_0_0="DE")
    filled.buttons.append(action)
    page = filled.press(visitor, NEW, action)
    assert page.status in (200, 400)
    assert "field-0-0" in form(page).values
