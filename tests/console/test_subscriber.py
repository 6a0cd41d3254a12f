"""The page of one subscriber: editing, status, tags and sequences, history, erasure."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MAPPINGS, Server

from mailrith_lite.jobs.kinds import IMPORT

from .visitor import Visitor, heading, signed_in, text

ALL_FIELDS = ("Text", "Text Area", "Number", "Date", "Checkbox", "Select (Dropdown)", "Multi Select")


@pytest.fixture
def person(server: Server) -> str:
    """The path of the API; the console's has /console in place of /v1."""
    body = {"email": "ada@example.com", "name": "Ada", "status": "Active", "new_tags": ["Red"]}
    return str(server.call("POST", "/v1/subscribers", body).json["data"]["self"])


def page_of(person: str) -> str:
    return person.replace("/v1/", "/console/")


def saved(server: Server, person: str) -> Any:
    return server.call("GET", person).json["data"]


def history(server: Server, person: str) -> list[Any]:
    return list(server.call("GET", f"{person}/history").json["data"])


def form_of(visitor: Visitor, path: str, **changes: str) -> dict[str, str]:
    """The fields of the first form of the page with a button `save`, as the browser would send them."""
    body = visitor.get(path).body.decode()
    form = next(part for part in body.split("<form")[1:] if 'value="save"' in part.partition("</form>")[0])
    inputs = re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form.partition("</form>")[0])
    fields = {name: value for name, value in inputs if name != "form_token"}
    return {**fields, "action": "save", **changes}


def test_members_are_edited_and_the_history_names_the_session(server: Server, person: str) -> None:
    visitor, path = signed_in(server), page_of(person)
    reply = visitor.post(path, form_of(visitor, path, name="Ada Lovelace", country="United Kingdom"))
    assert (reply.status, reply.headers["location"]) == (303, f"{path}?done=save")
    assert "Saved." in text(visitor.get(reply.headers["location"]))
    one = saved(server, person)
    assert (one["name"], one["country"], one["email"], one["status"]) == (
        "Ada Lovelace",
        "GB",
        "ada@example.com",
        "Active",
    )
    newest = history(server, person)[0]
    assert newest["source"]["type"] == "console"
    page = text(visitor.get(path))
    assert "Changed in the console with the key First key" in page
    assert "Name Ada → Ada Lovelace Country empty → GB" in page


def test_every_type_of_custom_field_is_edited(server: Server, person: str) -> None:
    fields = {}
    for kind in ALL_FIELDS:
        body: dict[str, Any] = {"label": kind, "type": kind}
        if "Select" in kind:
            body["settings"] = {"options": ["S", "L"]}
        fields[kind] = server.call("POST", "/v1/custom-fields", body).json["data"]["id"]
    typed = ["word", "two\r\nlines", "2.50", "2025-04-11", "false", "L", "S"]
    visitor, path = signed_in(server), page_of(person)
    sent = {f"field-{fields[kind]}": value for kind, value in zip(ALL_FIELDS, typed, strict=True)}
    assert visitor.post(path, form_of(visitor, path, **sent)).status == 303
    values = saved(server, person)["custom_fields"]
    assert [values[fields[kind]] for kind in ALL_FIELDS] == [
        "word",
        "two\r\nlines",
        2.5,
        "2025-04-11",
        False,
        "L",
        ["S"],
    ]
    assert visitor.post(path, form_of(visitor, path, **dict.fromkeys(sent, ""))).status == 303
    assert saved(server, person)["custom_fields"] == values


@pytest.mark.parametrize(
    ("changes", "status", "field", "message"),
    [
        ({"email": "broken"}, 400, "email", "email"),
        ({"email": "bob@example.com"}, 409, "email", "exists already"),
        ({"country": "Atlantis"}, 400, "country", "Atlantis"),
        ({"subscribed_on": "2999-01-01"}, 400, "subscribed_on", "up to today"),
    ],
)
def test_a_refused_form_comes_back_with_its_values_and_the_problem(
    server: Server, person: str, changes: dict[str, str], status: int, field: str, message: str
) -> None:
    server.call("POST", "/v1/subscribers", {"email": "bob@example.com"})
    visitor, path = signed_in(server), page_of(person)
    reply = visitor.post(path, form_of(visitor, path, name="Kept", **changes))
    html = reply.body.decode()
    assert reply.status == status
    assert f'<a href="#{field}">' in html
    assert f'id="{field}-note"' in html
    assert message in text(reply)
    assert 'value="Kept"' in html
    assert f'value="{changes[field]}"' in html
    assert saved(server, person)["name"] == "Ada"


def test_a_form_of_an_older_state_is_refused(server: Server, person: str) -> None:
    visitor, path = signed_in(server), page_of(person)
    form = form_of(visitor, path, name="Mine")
    server.call("PATCH", person, {"name": "Theirs", "country": "DE"})
    reply = visitor.post(path, form)
    assert (reply.status, "Somebody has changed this subscriber meanwhile" in text(reply)) == (409, True)
    assert saved(server, person)["name"] == "Theirs"


def test_unsubscribing_takes_one_button(server: Server, person: str) -> None:
    visitor, path = signed_in(server), page_of(person)
    assert visitor.post(path, {"action": "unsubscribe"}).status == 303
    assert saved(server, person)["status"] == "Unsubscribed"
    assert 'value="unsubscribe"' not in visitor.get(path).body.decode()


def test_who_has_opted_out_comes_back_only_with_a_reason(server: Server, person: str) -> None:
    server.call("PUT", f"{person}/status", {"status": "Unsubscribed"})
    visitor, path = signed_in(server), page_of(person)
    refused = visitor.post(path, {"action": "status", "status": "Active", "reason": " "})
    assert (refused.status, "Say why somebody who is Unsubscribed" in text(refused)) == (400, True)
    assert saved(server, person)["status"] == "Unsubscribed"
    reason = "asked for it on the phone"
    assert visitor.post(path, {"action": "status", "status": "Active", "reason": reason}).status == 303
    assert saved(server, person)["status"] == "Active"
    newest = history(server, person)[0]
    assert newest["reason"] == reason
    assert f"Reason: {reason} Status Unsubscribed → Active" in text(visitor.get(path))


def test_active_needs_evidence_where_the_setting_says_so(serve: Callable[..., Server]) -> None:
    server = serve(require_consent_evidence=True)
    person = server.call("POST", "/v1/subscribers", {"email": "ada@example.com"}).json["data"]["self"]
    visitor, path = signed_in(server), page_of(person)
    refused = visitor.post(path, {"action": "status", "status": "Active"})
    assert (refused.status, '<a href="#lawful_basis">' in refused.body.decode()) == (400, True)
    evidence = {"lawful_basis": "consent", "collected_at": "2025-04-11", "evidence_reference": ""}
    refused = visitor.post(path, {"action": "status", "status": "Active", **evidence})
    assert (refused.status, '<a href="#evidence_reference">' in refused.body.decode()) == (400, True)
    evidence["evidence_reference"] = "form/1"
    assert visitor.post(path, {"action": "status", "status": "Active", **evidence}).status == 303
    assert history(server, person)[0]["consent_evidence"] is True
    assert "With evidence of consent" in text(visitor.get(path))


def test_tags_and_sequences_are_added_and_removed(server: Server, person: str) -> None:
    body = {"name": "Welcome", "definition": {"emails": []}}
    sequence = server.call("POST", "/v1/sequences", body).json["data"]["id"]
    visitor, path = signed_in(server), page_of(person)
    for fields in (
        {"action": "add-tag", "tag": "Blue"},
        {"action": "remove-tag", "tag": saved(server, person)["tags"][0]["id"]},
        {"action": "add-sequence", "sequence": sequence},
    ):
        assert visitor.post(path, fields).status == 303
    one = saved(server, person)
    assert ([tag["name"] for tag in one["tags"]], one["sequence_ids"]) == (["Blue"], [sequence])
    visitor.post(path, {"action": "remove-sequence", "sequence": sequence})
    assert saved(server, person)["sequence_ids"] == []
    page = text(visitor.get(path))
    for line in ("Sequences − Welcome", "Sequences + Welcome", "Tags − Red", "Tags + Blue"):
        assert line in page


@pytest.mark.parametrize("fields", [{"action": "add-tag", "tag": " "}, {"action": "add-sequence", "sequence": ""}])
def test_an_empty_choice_is_a_problem_of_its_field(server: Server, person: str, fields: dict[str, str]) -> None:
    server.call("POST", "/v1/sequences", {"name": "Welcome", "definition": {"emails": []}})
    visitor = signed_in(server)
    reply = visitor.post(page_of(person), fields)
    assert (reply.status, f'href="#{list(fields)[1]}"' in reply.body.decode()) == (400, True)


def test_history_leads_to_the_import_and_the_undo(server: Server, person: str) -> None:
    job = server.import_csv("Email,Name\nada@example.com,Ada King\n", MAPPINGS)
    done = server.call("POST", f"{IMPORT.path}/{job['id']}/undo").json["data"]
    server.drain()
    visitor, path = signed_in(server), page_of(person)
    page = visitor.get(path)
    assert "Restored by the undo" in text(page)
    assert f'/console/imports/{job["id"]}">' in page.body.decode()
    assert f'/console/undos/{done["id"]}">' in page.body.decode()
    little = signed_in(server, server.new_key(scopes=("subscribers:read",))).get(path)
    assert "/console/imports/" not in little.body.decode()
    assert job["id"] in text(little)


@pytest.mark.slow
def test_history_has_pages_of_fifty(server: Server, person: str) -> None:
    for number in range(51):
        server.call("PATCH", person, {"name": f"Name {number}"})
    visitor, path = signed_in(server), page_of(person)
    first = visitor.get(path)
    assert first.body.decode().count("<li>\n<p>") == 50
    (older,) = re.findall(r'href="[^"]*(\?before=change_[a-z0-9]+)#history"', first.body.decode())
    second = text(visitor.get(f"{path}{older}"))
    assert "Name 0" in second
    assert "Created over the API with the key" in second


def test_erasure_says_what_goes_and_then_erases(server: Server, person: str) -> None:
    server.call("PUT", f"{person}/status", {"status": "Unsubscribed"})
    visitor, path = signed_in(server), page_of(person)
    page = visitor.get(f"{path}/erase")
    assert heading(page) == "Erase this subscriber"
    assert "an import of the same address would make them Active" in text(page)
    assert server.call("GET", person).status == 200
    reply = visitor.post(f"{path}/erase")
    assert (reply.status, reply.headers["location"]) == (303, "/console/subscribers")
    assert server.call("GET", person).status == 404


@pytest.mark.parametrize(
    ("scopes", "buttons"),
    [
        (("subscribers:read",), []),
        (("subscribers:read", "subscribers:write"), ["save"]),
        (
            ("subscribers:read", "subscribers:write", "live_actions:write"),
            ["unsubscribe", "save", "status", "remove-tag", "add-tag"],
        ),
    ],
)
def test_buttons_and_forms_need_the_scopes_of_the_api(
    server: Server, person: str, scopes: tuple[str, ...], buttons: list[str]
) -> None:
    visitor, path = signed_in(server, server.new_key(scopes=scopes)), page_of(person)
    assert re.findall(r'name="action" value="([^"]+)"', visitor.get(path).body.decode()) == buttons
    before = saved(server, person)
    for action in ("unsubscribe", "status", "add-tag", "save"):
        if action not in buttons:
            fields = {"action": action, "status": "Blocked", "tag": "X", "name": "X"}
            assert visitor.post(path, fields).status == 403
    if not buttons:
        assert visitor.get(f"{path}/erase").status == 403
        assert visitor.post(f"{path}/erase").status == 403
    assert saved(server, person) == before


def test_events_of_an_edit_name_the_console(server: Server, person: str) -> None:
    body = {"name": "Own", "url": "https://localhost/hook", "event_patterns": ["*"]}
    server.call("POST", "/v1/webhook-subscriptions", body)
    visitor, path = signed_in(server), page_of(person)
    visitor.post(path, form_of(visitor, path, name="Ada Lovelace"))
    assert server.rows("SELECT details FROM webhook_deliveries") == [
        ('{"source":{"type":"console"},"changed":["name"]}',)
    ]


def test_an_unknown_button_is_refused(server: Server, person: str) -> None:
    assert signed_in(server).post(page_of(person), {"action": "promote"}).status == 400
