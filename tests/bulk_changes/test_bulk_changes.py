"""A bulk change alters the people that it selects, counts everybody once, and keeps history and counts."""

from typing import Any

import pytest
from api_records import LONG_AGO, definition, field, segment, subscriber, tag
from conftest import MAPPINGS, Server

from bulk_changes.bulk import PATH, Audience, change, counts, miscounts, people, report, undo
from mailrith_lite import clock

ACTIONS = {
    # action: (changed, unchanged), and who is changed
    "add_tag": (5, 1, {"joined", "left", "out", "bounced", "plain"}),
    "remove_tag": (1, 5, {"tagged"}),
    "add_to_sequence": (5, 1, {"tagged", "left", "out", "bounced", "plain"}),
    "remove_from_sequence": (1, 5, {"joined"}),
    "unsubscribe": (4, 2, {"tagged", "joined", "left", "plain"}),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_changes_those_who_are_not_so_already(server: Server, action: str) -> None:
    audience = Audience(server)
    before, _ = audience.state()
    job = audience.change(action)
    changed, unchanged, names = ACTIONS[action]
    assert counts(job) == (changed, unchanged, 0)
    after, _ = audience.state()
    assert {email.partition("@")[0] for email in after if after[email] != before[email]} == names
    assert miscounts(server) == []


@pytest.mark.parametrize(
    ("action", "member", "value"),
    [
        ("add_tag", "tags", "Readers"),
        ("add_to_sequence", "sequence_ids", "Welcome"),
        ("unsubscribe", "status", "Unsubscribed"),
    ],
)
def test_everybody_has_the_result_afterwards(server: Server, action: str, member: str, value: str) -> None:
    audience = Audience(server)
    audience.change(action, filter={"status": "Active"})
    for name in ("tagged", "joined", "plain"):
        person = people(server)[f"{name}@x.com"]
        if member == "tags":
            assert [one["name"] for one in person["tags"]] == [value]
        elif member == "sequence_ids":
            assert person["sequence_ids"] == [audience.sequence]
        else:
            assert person["status"] == value


@pytest.mark.slow
@pytest.mark.parametrize("action", ACTIONS)
def test_undo_restores_everybody_as_before(server: Server, action: str) -> None:
    audience = Audience(server)
    before = audience.state()
    job = audience.change(action)
    done = undo(server, job)
    assert counts(done) == (ACTIONS[action][0], 0, 0)
    assert audience.state() == before
    assert miscounts(server) == []
    assert (done["action"], done["undone_job_id"]) == ("undo_bulk_change", job["id"])
    again = server.call("GET", job["self"]).json["data"]
    assert again["undo"] == {"status": "done", "job_id": done["id"]}


def test_erased_people_are_gone_and_the_others_stay(server: Server) -> None:
    audience = Audience(server)
    job = audience.change("erase", filter={"status": "Active"}, expected_count=3)
    assert counts(job) == (3, 0, 0)
    assert sorted(people(server)) == ["bounced@x.com", "left@x.com", "out@x.com"]
    assert job["undo"] == {"status": "not_possible", "job_id": None}
    refused = server.call("POST", f"{job['self']}/undo")
    assert (refused.status, refused.error["code"], refused.error["details"]["reason"]) == (
        409,
        "undo_not_possible",
        "erased",
    )
    assert server.rows("SELECT count(*) FROM erasures") == [(3,)]
    assert server.rows(
        "SELECT object_id, workspace_id, details FROM audit_entries WHERE action = 'bulk_change.erased'"
    ) == [(job["id"], 1, '{"people_count":3}')]
    assert miscounts(server) == []


def test_erasing_needs_the_number_of_people(server: Server) -> None:
    audience = Audience(server)
    reply = server.call("POST", PATH, audience.request("erase"))
    assert (reply.status, reply.error["details"]) == (400, {"field": "expected_count", "reason": "missing"})
    preview = server.call("POST", f"{PATH}/preview", audience.request("erase"))
    assert preview.json["data"] == {"action": "erase", "people_count": 6}


@pytest.mark.parametrize("action", ["erase", "add_tag"])
def test_another_number_of_people_than_expected_changes_nobody(server: Server, action: str) -> None:
    audience = Audience(server)
    before = audience.state()
    job = audience.change(action, expected_count=5)
    assert (job["status"], job["progress"]["changed_count"]) == ("Failed", 0)
    assert "6 people" in job["error_message"] and "expects 5" in job["error_message"]
    assert audience.state() == before


def test_listed_people_are_changed_and_unknown_ones_are_skipped_with_a_report(server: Server) -> None:
    audience = Audience(server)
    gone = subscriber(server, "gone@x.com")
    assert server.call("DELETE", gone["self"]).status == 204
    other = server.new_key(workspace="Other")
    theirs = server.call("POST", "/v1/subscribers", {"email": "plain@x.com"}, key=other).json["data"]
    listed = [audience.ids["plain"], audience.ids["tagged"], gone["id"], theirs["id"], audience.ids["plain"]]
    request = audience.request("add_tag", subscriber_ids=listed)
    assert server.call("POST", f"{PATH}/preview", request).json["data"]["people_count"] == 2
    job = change(server, request | {"expected_count": 2})
    assert (counts(job), job["listed_count"]) == ((1, 1, 2), 4)
    assert sorted(report(server, job)) == sorted([f"{gone['id']},,not_found", f"{theirs['id']},,not_found"])
    assert server.call("GET", theirs["self"], key=other).json["data"]["tags"] == []


FILTERS = {
    "search": ({"search": "PLAIN"}, {"plain"}),
    "email": ({"email": "Left@x.com"}, {"left"}),
    "status": ({"status": "Bounced"}, {"bounced"}),
    "a tag": (lambda at: {"tag_ids": [at.tag]}, {"tagged"}),
    "no tag": (
        lambda at: {"tag_ids": [at.tag], "tag_operator": "has_none_of", "status": "Active"},
        {"joined", "plain"},
    ),
    "a sequence": (lambda at: {"sequence_ids": [at.sequence]}, {"joined"}),
    "country": ({"country": "Germany"}, {"joined"}),
    "segment": (lambda at: {"segment_id": at.segment}, {"bounced"}),
    "import": (lambda at: {"import_job_id": at.imported}, {"tagged"}),
    "custom field": (
        lambda at: {"custom_fields": [{"custom_field_id": at.field, "operator": "is", "value": "M"}]},
        {"left"},
    ),
    "cold": ({"cold_only": True}, {"plain"}),
}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_selects_its_people(server: Server, name: str) -> None:
    audience: Any = Audience(server)
    audience.field = field(server, "Size")["id"]
    audience.segment = segment(server, "Bad", definition("subscriber_status", "is", "Bounced"))["id"]
    subscriber(server, "joined@x.com", country="DE")
    subscriber(server, "left@x.com", custom_fields={audience.field: "M"})
    subscriber(server, "plain@x.com", subscribed_on=LONG_AGO[:10])
    audience.imported = server.import_csv("Email,Name\ntagged@x.com,Ada\n")["id"]
    other = tag(server, "Selected")["id"]
    made, names = FILTERS[name]
    chosen = made(audience) if callable(made) else made
    job = change(server, {"action": "add_tag", "tag_id": other, "filter": chosen})
    assert counts(job) == (len(names), 0, 0)
    having = server.call("GET", f"/v1/subscribers?tag_ids={other}").json["data"]
    assert {one["email"].partition("@")[0] for one in having} == names


REFUSED = {
    "no one": ({"action": "unsubscribe"}, "filter"),
    "both": ({"action": "unsubscribe", "filter": {}, "subscriber_ids": ["subscriber_x"]}, "filter"),
    "no tag": ({"action": "add_tag", "filter": {}}, "tag_id"),
    "a tag too many": ({"action": "unsubscribe", "filter": {}, "tag_id": "tag_x"}, "tag_id"),
    "unknown tag": ({"action": "add_tag", "filter": {}, "tag_id": "tag_x"}, "tag_id"),
    "unknown sequence": ({"action": "add_to_sequence", "filter": {}, "sequence_id": "x"}, "sequence_id"),
    "unknown action": ({"action": "delete", "filter": {}}, "action"),
    "misspelled member": ({"action": "unsubscribe", "filters": {}}, "filters"),
    "misspelled filter": ({"action": "unsubscribe", "filter": {"state": "Active"}}, "filter.state"),
    "unknown tag in the filter": ({"action": "unsubscribe", "filter": {"tag_ids": ["tag_x"]}}, "filter.tag_ids[0]"),
    "unknown segment": ({"action": "unsubscribe", "filter": {"segment_id": "x"}}, "filter.segment_id"),
    "unknown country": ({"action": "unsubscribe", "filter": {"country": "Atlantis"}}, "filter.country"),
    "nobody": ({"action": "unsubscribe", "subscriber_ids": []}, "subscriber_ids"),
    "no id": ({"action": "unsubscribe", "subscriber_ids": ["ada@x.com"]}, "subscriber_ids[0]"),
    "a number below 0": ({"action": "unsubscribe", "filter": {}, "expected_count": -1}, "expected_count"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("path", [PATH, f"{PATH}/preview"])
def test_wrong_request_is_refused_with_its_field(server: Server, name: str, path: str) -> None:
    body, member = REFUSED[name]
    reply = server.call("POST", path, body)
    assert (reply.status, reply.error["details"].get("field")) == (400, member)
    assert server.rows("SELECT count(*) FROM jobs") == [(0,)]


def test_history_names_the_job_and_what_it_did(server: Server) -> None:
    audience = Audience(server)
    jobs = [audience.change("add_tag", filter={"search": "plain"}), audience.change("unsubscribe")]
    entries = server.call("GET", f"/v1/subscribers/{audience.ids['plain']}/history").json["data"]
    assert [(one["source"], one["changes"]) for one in entries[:2]] == [
        (
            {"type": "bulk_change", "id": jobs[1]["id"]},
            [{"member": "status", "before": "Active", "after": "Unsubscribed"}],
        ),
        (
            {"type": "bulk_change", "id": jobs[0]["id"]},
            [{"member": "tags", "added": [audience.tag], "removed": []}],
        ),
    ]


@pytest.mark.parametrize("kind", ["tag", "sequence"])
def test_tag_or_sequence_of_an_unfinished_bulk_change_cannot_be_deleted(server: Server, kind: str) -> None:
    audience = Audience(server)
    path = f"/v1/{kind}s/{audience.tag if kind == 'tag' else audience.sequence}"
    server.wait(server.services.runner.stop())
    action = "add_tag" if kind == "tag" else "remove_from_sequence"
    job = server.call("POST", PATH, audience.request(action)).json["data"]
    refused = server.call("DELETE", path)
    assert (refused.status, refused.error["code"], refused.error["details"]["reason"]) == (
        409,
        f"{kind}_in_use",
        "named_by_bulk_change",
    )
    assert server.call("POST", f"{job['self']}/cancel").status == 200
    assert server.call("DELETE", path).status == 204


@pytest.mark.parametrize("kind", ["segment", "custom_field"])
def test_what_the_filter_of_an_unfinished_bulk_change_names_cannot_be_deleted(server: Server, kind: str) -> None:
    made = {
        "segment": segment(server, "Bad", definition("subscriber_status", "is", "Bounced")),
        "custom_field": field(server, "Size"),
    }[kind]
    server.wait(server.services.runner.stop())
    test = {"custom_field_id": made["id"], "operator": "is_empty"}
    chosen = {"segment_id": made["id"]} if kind == "segment" else {"custom_fields": [test]}
    job = server.call("POST", PATH, {"action": "unsubscribe", "filter": chosen}).json["data"]
    refused = server.call("DELETE", made["self"])
    assert (refused.status, refused.error["details"]["reason"]) == (409, "named_by_bulk_change")
    assert server.call("POST", f"{job['self']}/cancel").status == 200
    assert server.call("DELETE", made["self"]).status == 204


def test_opt_out_that_a_bulk_change_repeats_survives_the_undo_of_the_import_that_made_it(server: Server) -> None:
    subscriber(server, "a@x.com", status="Active")
    imported = server.import_csv(
        "Email,Status\na@x.com,Unsubscribed\n",
        [MAPPINGS[0], {"csv_column": "Status", "field": {"type": "subscriber-status"}}],
    )
    job = change(server, {"action": "unsubscribe", "filter": {}})
    assert counts(job) == (0, 1, 0)
    assert server.call("POST", f"{imported['self']}/undo").status == 202
    server.drain()
    assert people(server)["a@x.com"]["status"] == "Unsubscribed"
    history = server.call("GET", f"/v1/subscribers/{people(server)['a@x.com']['id']}/history").json["data"]
    assert history[0]["source"]["id"] == job["id"]


@pytest.mark.parametrize("status", ["Unsubscribed", "Complained", "Bounced", "Blocked"])
def test_undo_brings_nobody_back_who_has_opted_out_since(server: Server, status: str) -> None:
    audience = Audience(server)
    job = audience.change("unsubscribe", filter={"search": "plain"})
    path = f"/v1/subscribers/{audience.ids['plain']}/status"
    assert server.call("PUT", path, {"status": status}).status == 200
    done = undo(server, job)
    assert counts(done) == (0, 0, 1)
    assert people(server)["plain@x.com"]["status"] == status
    assert report(server, done) == [f"{audience.ids['plain']},plain@x.com,changed_since"]


def test_imports_and_bulk_changes_are_undone_in_turn(server: Server) -> None:
    audience = Audience(server)
    before = audience.state()
    imported = server.import_csv("Email,Name\nplain@x.com,Changed\n")
    between = audience.state()
    job = audience.change("add_tag")
    refused = server.call("POST", f"{imported['self']}/undo").json["data"]
    server.drain()
    assert server.call("GET", refused["self"]).json["data"]["progress"]["skipped_count"] == 1
    assert counts(undo(server, job)) == (5, 0, 0)
    assert audience.state() == between
    later = server.import_csv("Email,Name\nplain@x.com,Third\n")
    server.call("POST", f"{later['self']}/undo")
    server.drain()
    assert audience.state() == between
    assert before != between


def test_undo_of_a_deleted_tag_changes_nobody(server: Server) -> None:
    audience = Audience(server)
    job = audience.change("remove_tag")
    assert server.call("DELETE", f"/v1/tags/{audience.tag}").status == 204
    assert counts(undo(server, job)) == (0, 1, 0)


@pytest.mark.parametrize("reason", ["is_undo", "nothing_changed", "already_undone"])
def test_undo_that_is_not_possible_is_refused_with_its_reason(server: Server, reason: str) -> None:
    audience = Audience(server)
    job = audience.change("add_tag", filter={"search": "tagged" if reason == "nothing_changed" else "plain"})
    if reason != "nothing_changed":
        done = undo(server, job)
        job = done if reason == "is_undo" else job
    reply = server.call("POST", f"{job['self']}/undo")
    assert (reply.status, reply.error["code"]) == (409, "undo_not_possible")
    assert reply.error["details"]["reason"] == reason


def test_import_whose_people_an_unfinished_bulk_change_selects_is_not_deleted(server: Server) -> None:
    audience = Audience(server)
    imported = server.import_csv("Email,Name\nplain@x.com,Ada\n")
    server.wait(server.services.runner.stop())
    job = server.call("POST", PATH, audience.request("add_tag", filter={"import_job_id": imported["id"]})).json[
        "data"
    ]
    refused = server.call("DELETE", imported["self"])
    assert (refused.status, refused.error["details"]["resource"]["id"]) == (409, job["id"])
    assert server.call("POST", f"{job['self']}/cancel").status == 200
    assert server.call("DELETE", imported["self"]).status == 204


def test_undo_is_off_when_undo_ttl_is_0(serve: Any) -> None:
    server = serve(undo_ttl=0)
    job = Audience(server).change("add_tag")
    assert job["undo"] == {"status": "not_possible", "job_id": None}
    assert server.call("POST", f"{job['self']}/undo").error["details"]["reason"] == "undo_is_off"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("undo_ttl", "history_ttl", "status"),
    [(86_400, 1, "expired"), (1, 86_400, "expired"), (86_400, 0, "available"), (86_400, 86_400, "available")],
)
def test_undo_is_possible_while_both_it_and_the_history_are_kept(
    serve: Any, monkeypatch: pytest.MonkeyPatch, undo_ttl: int, history_ttl: int, status: str
) -> None:
    server = serve(undo_ttl=undo_ttl, history_ttl=history_ttl)
    job = Audience(server).change("add_tag")
    later = clock.now() + 10 * clock.SECOND
    monkeypatch.setattr(clock, "now", lambda: later)
    assert server.call("GET", job["self"]).json["data"]["undo"]["status"] == status
    reply = server.call("POST", f"{job['self']}/undo")
    assert reply.status == (410 if status == "expired" else 202)


def test_deleted_bulk_change_takes_its_part_of_the_history_along(server: Server) -> None:
    audience = Audience(server)
    job = audience.change("add_tag")
    assert server.call("DELETE", job["self"]).status == 204
    assert server.call("GET", job["self"]).status == 404
    entries = server.call("GET", f"/v1/subscribers/{audience.ids['plain']}/history").json["data"]
    assert [one["source"]["type"] for one in entries] == ["api"]
    assert [one["name"] for one in people(server)["plain@x.com"]["tags"]] == ["Readers"]
