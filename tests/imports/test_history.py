"""The history of a subscriber: what has happened, when, through which door, with the values before and after."""

from collections.abc import Callable
from typing import Any

import pytest
from api_records import execute, tag
from bulk_changes import bulk
from conftest import Server
from undone import mapped, undo

from mailrith_lite import clock, ids
from mailrith_lite.audience import changes, history_retention
from mailrith_lite.audience.history_retention import HistoryRetention
from mailrith_lite.imports.undo.image_retention import ImageRetention

SUBSCRIBERS = "/v1/subscribers"
EVIDENCE = {"lawful_basis": "consent", "collected_at": "2025-04-11T13:59:30Z", "evidence_reference": "form/1"}
EMAIL, NAME, STATUS, TAGS = (
    mapped("Email", "email"),
    mapped("Name", "name"),
    mapped("Status", "subscriber-status"),
    mapped("Tags", "tags"),
)


def create(server: Server, email: str = "a@x.com", **members: Any) -> str:
    """The address of the subscriber."""
    reply = server.call("POST", SUBSCRIBERS, {"email": email, **members})
    assert reply.status in (200, 201), reply.body
    return str(reply.json["data"]["self"])


def history(server: Server, person: str, query: str = "?limit=100") -> list[dict[str, Any]]:
    reply = server.call("GET", f"{person}/history{query}")
    assert reply.status == 200, reply.body
    return list(reply.json["data"])


def changed(entry: dict[str, Any]) -> dict[str, Any]:
    """Member -> (before, after), or (added, removed); "?" for a value that is not kept."""
    return {
        one["member"]: (one["added"], one["removed"])
        if "added" in one
        else (one.get("before", "?"), one.get("after", "?"))
        for one in entry["changes"]
    }


def sources(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["source"]["type"] for entry in entries]


def key_id(server: Server) -> str:
    ((number,),) = server.rows("SELECT id FROM api_keys")
    return ids.encode(ids.API_KEY, number)


def person_of(server: Server, email: str = "a@x.com") -> str:
    (one,) = server.call("GET", f"{SUBSCRIBERS}?email={email}").json["data"]
    return str(one["self"])


def test_history_has_key_values_and_time_of_a_creation_and_an_edit(server: Server) -> None:
    person = create(server, name="Ada", status="Active")
    assert server.call("PATCH", person, {"name": "Ada King", "country": "GB"}).status == 200
    edit, creation = history(server, person)
    assert changed(edit) == {"name": ("Ada", "Ada King"), "country": (None, "GB")}
    assert (edit["action"], creation["action"]) == ("updated", "created")
    assert changed(creation) == {"status": ("?", "Active")}
    saved = server.call("GET", person).json["data"]
    assert (creation["occurred_at"], edit["occurred_at"]) == (saved["created_at"], saved["updated_at"])
    for entry in (edit, creation):
        assert entry["source"] == {"type": "api", "id": key_id(server)}
        assert entry["consent_evidence"] is False


def test_every_member_is_in_the_history(server: Server) -> None:
    field = server.call("POST", "/v1/custom-fields", {"label": "Size", "type": "Number"}).json["data"]["id"]
    person = create(server)
    body = {"email": "b@x.com", "subscribed_on": "2025-04-11", "custom_fields": {"Size": 2.50}}
    before = server.call("GET", person).json["data"]["subscribed_at"]
    server.call("PATCH", person, body)
    assert changed(history(server, person)[0]) == {
        "email": ("a@x.com", "b@x.com"),
        "subscribed_at": (before, "2025-04-11T00:00:00.000Z"),
        f"custom_fields.{field}": (None, 2.5),
    }


def test_a_request_that_alters_nothing_is_not_in_the_history(server: Server) -> None:
    person = create(server, name="Ada", new_tags=["Red"])
    server.call("PATCH", person, {"name": "Ada", "new_tags": ["Red"]})
    create(server, name="Ada")
    assert len(history(server, person)) == 1


def test_memberships_have_what_was_added_and_removed(server: Server) -> None:
    tag = server.call("POST", "/v1/tags", {"name": "Red"}).json["data"]["id"]
    body = {"name": "Welcome", "definition": {"emails": []}}
    sequence = server.call("POST", "/v1/sequences", body).json["data"]["id"]
    person = create(server, existing_tag_ids=[tag])
    server.call("PUT", f"{person}/sequences/{sequence}")
    server.call("DELETE", f"{person}/tags/{tag}")
    server.call("DELETE", f"{person}/sequences/{sequence}")
    assert [changed(entry) for entry in history(server, person)] == [
        {"sequence_ids": ([], [sequence])},
        {"tags": ([], [tag])},
        {"sequence_ids": ([sequence], [])},
        {"status": ("?", "Unconfirmed"), "tags": ([tag], [])},
    ]


@pytest.mark.parametrize("path", ["tags", "sequences", "custom-fields"])
def test_who_loses_a_deleted_tag_sequence_or_field_has_it_in_the_history(server: Server, path: str) -> None:
    body: dict[str, Any] = {
        "tags": {"name": "Red"},
        "sequences": {"name": "Welcome", "definition": {"emails": []}},
        "custom-fields": {"label": "Size", "type": "Text"},
    }[path]
    one = server.call("POST", f"/v1/{path}", body).json["data"]
    given = {
        "tags": {"existing_tag_ids": [one["id"]]},
        "sequences": {"sequence_ids": [one["id"]]},
        "custom-fields": {"custom_fields": {one["id"]: "M"}},
    }[path]
    person, other = create(server), create(server, "b@x.com")
    server.call("PATCH", person, given)
    assert server.call("DELETE", one["self"]).status == 204
    lost = {
        "tags": {"tags": ([], [one["id"]])},
        "sequences": {"sequence_ids": ([], [one["id"]])},
        "custom-fields": {f"custom_fields.{one['id']}": ("?", "?")},
    }[path]
    entries = history(server, person)
    assert (changed(entries[0]), sources(entries)) == (lost, ["api"] * 3)
    assert len(history(server, other)) == 1


def test_a_status_has_who_said_so_also_when_it_is_repeated(server: Server) -> None:
    person = create(server)
    server.call("PUT", f"{person}/status", {"status": "Active", "consent_evidence": EVIDENCE})
    for _ in range(2):
        server.call("PUT", f"{person}/status", {"status": "Unsubscribed"})
    again, left, joined, _ = history(server, person)
    assert (changed(joined), joined["consent_evidence"]) == ({"status": ("Unconfirmed", "Active")}, True)
    assert changed(left) == {"status": ("Active", "Unsubscribed")}
    assert changed(again) == {"status": ("Unsubscribed", "Unsubscribed")}


def test_an_import_is_in_the_history_of_whom_it_created_and_changed(server: Server) -> None:
    create(server, name="Before", status="Active")
    text = "Email,Name,Status,Tags\na@x.com,After,Unsubscribed,Red\nb@x.com,Bob,,\n"
    job = server.import_csv(text, [EMAIL, NAME, STATUS, TAGS])
    (tag,) = server.call("GET", "/v1/tags").json["data"]
    entries = history(server, person_of(server))
    assert entries[0]["source"] == {"type": "import", "id": job["id"]}
    assert changed(entries[0]) == {
        "name": ("Before", "After"),
        "status": ("Active", "Unsubscribed"),
        "tags": ([tag["id"]], []),
    }
    (creation,) = history(server, person_of(server, "b@x.com"))
    assert (creation["action"], creation["source"]) == ("created", {"type": "import", "id": job["id"]})
    assert changed(creation) == {"status": ("?", "Active")}
    assert creation["occurred_at"] == server.call("GET", person_of(server, "b@x.com")).json["data"]["created_at"]


def test_values_after_an_import_are_the_values_before_the_next_change(server: Server) -> None:
    person = create(server, name="Zero")
    first = server.import_csv("Email,Name,Country\na@x.com,One,DE\n", [EMAIL, NAME, mapped("Country", "country")])
    server.call("PATCH", person, {"name": "Two"})
    second = server.import_csv("Email,Name\na@x.com,Three\n")
    server.call("PATCH", person, {"country": "FR"})
    entries = history(server, person)
    assert [changed(entry) for entry in entries[:4]] == [
        {"country": ("DE", "FR")},
        {"name": ("Two", "Three")},
        {"name": ("One", "Two")},
        {"name": ("Zero", "One"), "country": (None, "DE")},
    ]
    assert [entry["source"]["id"] for entry in (entries[1], entries[3])] == [second["id"], first["id"]]


def test_an_undo_is_in_the_history_and_the_import_stays(server: Server) -> None:
    person = create(server, name="Zero")
    job = server.import_csv("Email,Name,Tags\na@x.com,One,Red\n", [EMAIL, NAME, TAGS])
    ((number,),) = server.rows("SELECT id FROM tags")
    tag = ids.encode(ids.TAG, number)
    done = undo(server, job)
    restored, imported, _ = history(server, person)
    assert restored["source"] == {"type": "undo", "id": done["id"]}
    assert changed(restored) == {"name": ("?", "Zero"), "tags": ([], [tag])}
    assert changed(imported) == {"name": ("Zero", "?"), "tags": ([tag], [])}


def test_what_happened_before_an_undone_import_keeps_its_values(server: Server) -> None:
    person = create(server, name="Zero")
    first = server.import_csv("Email,Name\na@x.com,One\n")
    second = server.import_csv("Email,Name\na@x.com,Two\n")
    undo(server, second)
    assert [changed(entry)["name"] for entry in history(server, person)[:3]] == [
        ("?", "One"),
        ("One", "?"),
        ("Zero", "One"),
    ]
    undo(server, first)
    assert changed(history(server, person)[0]) == {"name": ("?", "Zero")}


def test_an_import_that_repeats_an_unsubscribe_is_in_the_history(server: Server) -> None:
    text = "Email,Status\na@x.com,Unsubscribed\n"
    server.import_csv(text, [EMAIL, STATUS])
    again = server.import_csv(text, [EMAIL, STATUS])
    entries = history(server, person_of(server))
    assert entries[0]["source"]["id"] == again["id"]
    assert changed(entries[0]) == {"status": ("Unsubscribed", "Unsubscribed")}


def test_values_after_an_unrecorded_change_are_not_claimed(server: Server) -> None:
    person = create(server, name="Zero")
    server.import_csv("Email,Name\na@x.com,One\n")
    unrecorded = server.import_csv("Email,Name\na@x.com,Two\n")
    server.call("PATCH", person, {"name": "Three"})
    assert server.call("DELETE", unrecorded["self"]).status == 204
    entries = history(server, person)
    assert unrecorded["id"] not in [entry["source"]["id"] for entry in entries]
    assert [changed(entry)["name"] for entry in entries[:2]] == [("Two", "Three"), ("Zero", "?")]


@pytest.mark.slow
@pytest.mark.parametrize("undone", [False, True])
def test_values_after_an_import_stay_known_after_bulk_changes(server: Server, undone: bool) -> None:
    person = create(server, name="Zero")
    server.import_csv("Email,Name\na@x.com,One\n")
    for name in ("Red", "Blue"):
        job = bulk.change(server, {"action": "add_tag", "tag_id": tag(server, name)["id"], "filter": {}})
    if undone:
        bulk.undo(server, job)
    entries = history(server, person)
    assert sources(entries) == ["bulk_change"] * (2 + undone) + ["import", "api"]
    assert changed(entries[-2]) == {"name": ("Zero", "One")}


def test_values_after_an_import_stay_known_after_a_bulk_change_repeats_an_opt_out(server: Server) -> None:
    person = create(server, name="Zero")
    server.import_csv("Email,Name,Status\na@x.com,One,Unsubscribed\n", [EMAIL, NAME, STATUS])
    bulk.change(server, {"action": "unsubscribe", "filter": {}})
    repeated, imported, _ = history(server, person)
    assert changed(repeated) == {"status": ("Unsubscribed", "Unsubscribed")}
    assert changed(imported)["name"] == ("Zero", "One")


@pytest.mark.slow
@pytest.mark.parametrize("undone", [False, True])
def test_values_before_an_unrecorded_change_stay_unknown_after_bulk_changes(server: Server, undone: bool) -> None:
    person = create(server, name="Zero")
    server.import_csv("Email,Name\na@x.com,One\n")
    job = bulk.change(server, {"action": "add_tag", "tag_id": tag(server, "Red")["id"], "filter": {}})
    if undone:
        bulk.undo(server, job)
    unrecorded = server.import_csv("Email,Name\na@x.com,Two\n")
    assert server.call("DELETE", unrecorded["self"]).status == 204
    assert changed(history(server, person)[-2]) == {"name": ("Zero", "?")}


def test_pages_continue_after_the_cursor(server: Server) -> None:
    person = create(server)
    for number in range(5):
        server.call("PATCH", person, {"name": str(number)})
    everything = history(server, person)
    listed: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = server.call("GET", f"{person}/history?limit=2{cursor}").json
        listed += page["data"]
        if not page["pagination"]["has_more"]:
            break
        cursor = f"&starting_after={page['pagination']['next_cursor']}"
    assert listed == everything
    assert len(everything) == 6


def test_history_goes_with_the_subscriber(server: Server) -> None:
    person = create(server, name="Secret")
    server.call("PATCH", person, {"name": "Other"})
    server.call("DELETE", person)
    assert server.call("GET", f"{person}/history").status == 404
    assert server.rows("SELECT * FROM subscriber_changes") == []


def test_values_end_with_undo_ttl_and_the_changes_with_history_ttl(server: Server) -> None:
    person = create(server, name="Zero", status="Active")
    job = server.import_csv("Email,Name,Tags\na@x.com,One,Red\n", [EMAIL, NAME, TAGS])
    server.call("PATCH", person, {"name": "Two", "status": "Unsubscribed"})
    (tag,) = server.call("GET", "/v1/tags").json["data"]
    now = clock.now()
    execute(server, "UPDATE changes SET occurred_at = ?", now - 40 * 86_400 * clock.SECOND)
    execute(server, "UPDATE jobs SET completed_at = ?", now - 40 * 86_400 * clock.SECOND)
    remove_expired(server)
    entries = history(server, person)
    assert [changed(entry) for entry in entries] == [
        {"status": ("Active", "Unsubscribed"), "name": ("?", "?")},
        {"name": ("?", "?"), "tags": ([tag["id"]], [])},
        {"status": ("?", "Active")},
    ]
    assert entries[1]["source"]["id"] == job["id"]
    for text in ("Zero", "One"):
        assert text not in repr(server.rows("SELECT details FROM subscriber_changes"))
        assert text not in repr(server.rows("SELECT image, kept FROM import_changes"))
    execute(server, "UPDATE changes SET occurred_at = ?", now - 366 * 86_400 * clock.SECOND)
    remove_expired(server)
    assert history(server, person) == []


def remove_expired(server: Server) -> None:
    settings = server.settings
    images = ImageRetention(server.services.database, ttl=settings.undo_ttl)
    old = HistoryRetention(server.services.database, ttl=settings.history_ttl, values_ttl=settings.undo_ttl)
    server.wait(images.remove_expired())
    server.wait(old.remove_expired())


def test_history_is_removed_in_batches(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_retention, "_BATCH", 2)
    person = create(server, new_tags=["Red"])
    for number in range(5):
        create(server, f"{number}@x.com", new_tags=["Red"])
        server.call("PATCH", person, {"name": str(number)})
    (tag,) = server.call("GET", "/v1/tags").json["data"]
    server.call("DELETE", tag["self"])
    execute(server, "UPDATE changes SET occurred_at = 1")
    remove_expired(server)
    assert history(server, person) == []
    assert server.rows("SELECT * FROM changes") == []


def test_without_undos_no_value_is_kept(serve: Callable[..., Server]) -> None:
    server = serve(undo_ttl=0)
    person = create(server, name="Zero", status="Active")
    server.call("PATCH", person, {"name": "One", "status": "Unsubscribed"})
    edit = {"status": ("Active", "Unsubscribed"), "name": ("?", "?")}
    assert changed(history(server, person)[0]) == edit


def test_only_the_newest_changes_of_a_subscriber_are_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_CHANGES", 3)
    person = create(server)
    for number in range(5):
        server.call("PATCH", person, {"name": str(number)})
    assert [changed(entry)["name"] for entry in history(server, person)] == [("3", "4"), ("2", "3"), ("1", "2")]
    assert server.rows("SELECT count(*) FROM changes") == [(3,)]


def test_long_values_are_not_kept(server: Server) -> None:
    field = server.call("POST", "/v1/custom-fields", {"label": "Note", "type": "Text Area"}).json["data"]["id"]
    person = create(server)
    server.call("PATCH", person, {"custom_fields": {"Note": "x" * 9_000}, "name": "Ada"})
    note = mapped("Note", "custom-field")
    note["field"]["custom_field_id"] = field
    server.import_csv("Email,Note\na@x.com,short\n", [EMAIL, note])
    entries = history(server, person)
    assert changed(entries[0]) == {f"custom_fields.{field}": ("?", "?")}
    assert changed(entries[1]) == {"name": ("?", "?"), f"custom_fields.{field}": ("?", "?")}


def test_history_of_another_workspace_is_not_found(server: Server) -> None:
    person = create(server)
    other = server.new_key(workspace="Other")
    assert server.call("GET", f"{person}/history", key=other).status == 404
    reader = server.new_key(scopes=("subscribers:read",))
    assert server.call("GET", f"{person}/history", key=reader).status == 200
