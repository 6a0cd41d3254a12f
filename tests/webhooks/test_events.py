"""Which change makes which event, through the API, imports and jobs, and that nothing else makes one."""

from typing import Any

import pytest
from api_records import SUBSCRIBERS, data_of, field, sequence, subscriber, tag
from standardwebhooks import Webhook, WebhookVerificationError

from webhooks.conftest import Hooks


def received(hooks: Hooks) -> list[tuple[str, Any]]:
    """(type, data without the workspace) of all events so far."""
    hooks.drain()
    return [
        (one.type, {name: value for name, value in one.data.items() if name != "workspace_id"})
        for one in sorted(hooks.receiver.received, key=lambda one: one.event["timestamp"])
    ]


def forget(hooks: Hooks) -> None:
    hooks.drain()
    hooks.receiver.received.clear()


def reference(person: Any) -> Any:
    return {"id": person["id"], "self": person["self"]}


def test_a_new_subscriber_with_tags_and_a_status_makes_one_event_without_an_address(hooks: Hooks) -> None:
    created = hooks.subscribe("*")
    person = subscriber(
        hooks.server, "ada@example.com", name="Ada Lovelace", status="Active", new_tags=["Newsletter"]
    )
    ((event_type, data),) = received(hooks)
    assert (event_type, data) == (
        "subscriber.created",
        {"subscriber": reference(person), "source": {"type": "api"}},
    )
    (request,) = hooks.receiver.received
    assert b"ada" not in request.body.lower()
    workspace = data_of(hooks.server.call("GET", "/v1/workspace"))
    assert request.verified(created["signing_secret"]) == {
        "id": request.headers["webhook-id"],
        "type": "subscriber.created",
        "timestamp": person["created_at"],
        "data": {"workspace_id": workspace["id"], **data},
    }
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("mailrith-lite/")
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 43 + "=").verify(request.body, dict(request.headers))


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"email": "ada.king@example.com"}, ["email"]),
        ({"name": "Ada King"}, ["name"]),
        ({"country": "GB", "name": "A"}, ["name", "country"]),
        ({"subscribed_on": "2020-01-02"}, ["subscribed_at"]),
        ({"custom_fields": {"Size": "M"}}, ["custom_fields"]),
        ({"new_tags": ["Newsletter"]}, ["tags"]),
        ({"name": "Ada"}, None),
        ({"country": None}, None),
    ],
)
def test_an_update_names_the_members_that_it_changes(
    hooks: Hooks, body: dict[str, Any], changed: list[str] | None
) -> None:
    person = subscriber(hooks.server, name="Ada")
    size = field(hooks.server, "Size")
    hooks.subscribe("subscriber.*")
    assert hooks.server.call("PATCH", person["self"], body).status == 200
    events = received(hooks)
    if changed is None:
        assert events == []
        return
    named = [f"custom_fields.{size['id']}" if name == "custom_fields" else name for name in changed]
    assert events == [
        ("subscriber.updated", {"subscriber": reference(person), "source": {"type": "api"}, "changed": named})
    ]


def test_a_changed_status_makes_an_event_of_its_own(hooks: Hooks) -> None:
    person = subscriber(hooks.server)
    hooks.subscribe("subscriber.*")
    hooks.server.call("PUT", f"{person['self']}/status", {"status": "Active"})
    moved = {
        "subscriber": reference(person),
        "source": {"type": "api"},
        "status": "Active",
        "previous_status": "Unconfirmed",
    }
    assert received(hooks) == [("subscriber.status_changed", moved)]
    forget(hooks)
    hooks.server.call("POST", SUBSCRIBERS, {"email": person["email"], "status": "Blocked", "name": "Ada"})
    assert sorted(one for one, _ in received(hooks)) == ["subscriber.status_changed", "subscriber.updated"]


def test_memberships_make_an_event_when_they_change(hooks: Hooks) -> None:
    person, spring, welcome = subscriber(hooks.server), tag(hooks.server, "Spring"), sequence(hooks.server)
    hooks.subscribe("subscriber.updated")
    for path, changed in ((f"tags/{spring['id']}", "tags"), (f"sequences/{welcome['id']}", "sequence_ids")):
        for method in ("PUT", "PUT", "DELETE", "DELETE"):  # every second one changes nothing
            assert hooks.server.call(method, f"{person['self']}/{path}").status == 200
        assert [data["changed"] for _, data in received(hooks)] == [[changed], [changed]]
        forget(hooks)


def test_deletion_of_a_tag_sequence_or_field_makes_an_event_for_each_subscriber_who_had_it(hooks: Hooks) -> None:
    spring, size, welcome = tag(hooks.server, "Spring"), field(hooks.server, "Size"), sequence(hooks.server)
    mine = {"new_tags": ["Spring"], "custom_fields": {"Size": "M"}, "sequence_ids": [welcome["id"]]}
    ada, bob = (subscriber(hooks.server, f"{name}@example.com", **mine) for name in ("ada", "bob"))
    subscriber(hooks.server, "eve@example.com")
    hooks.subscribe("*")
    for one, changed in ((spring, "tags"), (size, f"custom_fields.{size['id']}"), (welcome, "sequence_ids")):
        assert hooks.server.call("DELETE", one["self"]).status == 204
        events = received(hooks)
        assert {event_type for event_type, _ in events} == {"subscriber.updated"}
        assert sorted(data["subscriber"]["id"] for _, data in events) == sorted([ada["id"], bob["id"]])
        assert all(data["changed"] == [changed] for _, data in events)
        forget(hooks)


def test_a_converted_value_makes_an_event_and_one_that_stays_the_same_none(hooks: Hooks) -> None:
    size = field(hooks.server, "Size", "Number")
    subscriber(hooks.server, "ada@example.com", custom_fields={"Size": 1})
    hooks.subscribe("*")
    assert hooks.server.call("PUT", size["self"], {"type": "Text"}).status == 200
    assert [data["changed"] for _, data in received(hooks)] == [[f"custom_fields.{size['id']}"]]
    forget(hooks)
    assert hooks.server.call("PUT", size["self"], {"type": "Text Area", "label": "Shoe"}).status == 200
    assert received(hooks) == []


def test_a_deleted_subscriber_makes_no_event(hooks: Hooks) -> None:
    person = subscriber(hooks.server)
    hooks.subscribe("*")
    assert hooks.server.call("DELETE", person["self"]).status == 204
    assert received(hooks) == []


def test_an_import_makes_the_events_of_its_rows(hooks: Hooks) -> None:
    ada = subscriber(hooks.server, "ada@example.com", name="Ada", status="Active")
    bob = subscriber(hooks.server, "bob@example.com", name="Bob", status="Active", new_tags=["Spring"])
    eve = subscriber(hooks.server, "eve@example.com", status="Unsubscribed", new_tags=["Spring"])
    hooks.subscribe("subscriber.*", "subscriber_import.completed")
    mappings = [
        {"csv_column": name, "field": {"type": kind}}
        for name, kind in (("Email", "email"), ("Name", "name"), ("Status", "subscriber-status"))
    ]
    job = hooks.server.import_csv(
        "Email,Name,Status\nada@example.com,Ada King,Blocked\nbob@example.com,Bob,\neve@example.com,,Active\n"
        "new@example.com,New,\nnew@example.com,Newer,\nbroken,,\n",
        mappings,
        new_tag_name="Spring",
    )
    source = {"type": "import", "id": job["id"]}
    events = received(hooks)
    new = data_of(hooks.server.call("GET", f"{SUBSCRIBERS}?email=new@example.com"))[0]
    assert [data for one, data in events if one == "subscriber.created"] == [
        {"subscriber": reference(new), "source": source}
    ]
    assert [data for one, data in events if one == "subscriber.updated"] == [
        {"subscriber": reference(ada), "source": source, "changed": ["name", "tags"]}
    ]
    assert [data for one, data in events if one == "subscriber.status_changed"] == [
        {"subscriber": reference(ada), "source": source, "status": "Blocked", "previous_status": "Active"}
    ]
    assert not {bob["id"], eve["id"]} & {data.get("subscriber", {}).get("id") for _, data in events}
    assert [data for one, data in events if one == "subscriber_import.completed"] == [
        {
            "job": {"id": job["id"], "self": job["self"], "status": "Completed"},
            "counts": job["progress"],
        }
    ]


def test_tags_and_times_of_the_rows_of_an_import_are_in_its_events(hooks: Hooks) -> None:
    ada, bob = (subscriber(hooks.server, f"{name}@example.com", new_tags=["Spring"]) for name in ("ada", "bob"))
    hooks.subscribe("subscriber.updated")
    mappings = [
        {"csv_column": "Email", "field": {"type": "email"}},
        {"csv_column": "Tags", "field": {"type": "tags"}},
        {"csv_column": "Since", "field": {"type": "subscribed-at"}},
    ]
    rows = 'ada@example.com,"Spring, Autumn",\nbob@example.com,Spring,2020-01-02\n'
    hooks.server.import_csv(f"Email,Tags,Since\n{rows}", mappings)
    changed = {data["subscriber"]["id"]: data["changed"] for _, data in received(hooks)}
    assert changed == {ada["id"]: ["tags"], bob["id"]: ["subscribed_at"]}


def test_job_events_are_sent_only_if_a_pattern_names_them(hooks: Hooks) -> None:
    hooks.subscribe("*", name="Everything of the contract")
    hooks.subscribe("subscriber_export.*", "subscriber_import.failed", name="Jobs")
    hooks.server.import_csv("Email,Name\nada@example.com,Ada\n", dry_run=True)
    hooks.server.import_csv("Email,Name\nada@example.com,Ada\n")
    hooks.server.export_csv()
    hooks.drain()
    assert sorted(hooks.receiver.types()) == ["subscriber.created", "subscriber_export.completed"]
    failed = hooks.server.sdk().jobs.create_import(
        body={
            "csv_text": 'Email,Name\n"ada@example.com,Ada\n',
            "mappings": [{"csv_column": "Email", "field": {"type": "email"}}],
        }
    )
    hooks.server.drain()
    assert received(hooks)[-1][1]["job"] == {
        "id": failed["data"]["id"],
        "self": failed["data"]["self"],
        "status": "Failed",
    }


def test_event_that_several_patterns_match_is_sent_once_and_has_one_id_for_all_subscriptions(hooks: Hooks) -> None:
    hooks.subscribe("*", "subscriber.*", "subscriber.created", name="One")
    hooks.subscribe("subscriber.created", name="Two")
    hooks.subscribe("subscriber.updated", "form.submitted", name="Three")
    subscriber(hooks.server, "ada@example.com")
    subscriber(hooks.server, "bob@example.com")
    hooks.drain()
    ids = [one.headers["webhook-id"] for one in hooks.receiver.received]
    assert (len(ids), len(set(ids))) == (4, 2)


def test_star_matches_no_event_of_subscribers_for_a_key_that_cannot_read_them(hooks: Hooks) -> None:
    key = hooks.server.new_key(scopes=("webhooks:write", "live_actions:write"))
    body = {"name": "Blind", "url": hooks.receiver.url, "event_patterns": ["*"]}
    assert hooks.server.call("POST", "/v1/webhook-subscriptions", body, key=key).status == 201
    subscriber(hooks.server)
    hooks.drain()
    assert hooks.receiver.received == []


def test_a_disabled_subscription_keeps_no_event(hooks: Hooks) -> None:
    created = hooks.subscribe("*", status="disabled")
    subscriber(hooks.server, "ada@example.com")
    hooks.server.call("PUT", created["subscription"]["self"], {"status": "active"})
    subscriber(hooks.server, "bob@example.com")
    assert len(received(hooks)) == 1


def test_no_row_is_written_without_a_subscription_that_gets_the_event(hooks: Hooks) -> None:
    hooks.subscribe("form.*")
    subscriber(hooks.server)
    hooks.server.import_csv("Email,Name\nada@example.com,Ada King\n")
    assert hooks.server.rows("SELECT count(*) FROM webhook_deliveries") == [(0,)]


def test_a_refused_change_makes_no_event(hooks: Hooks) -> None:
    subscriber(hooks.server, "ada@example.com")
    person = subscriber(hooks.server, "bob@example.com")
    hooks.subscribe("*")
    assert hooks.server.call("PATCH", person["self"], {"email": "ada@example.com", "name": "B"}).status == 409
    assert hooks.server.call("PATCH", person["self"], {"name": "B", "sequence_ids": ["x"]}).status == 400
    assert received(hooks) == []


def bulk(hooks: Hooks, action: str, **members: Any) -> Any:
    """A bulk change of everybody, after its end."""
    body = {"action": action, "filter": {}, **members}
    job = data_of(hooks.server.call("POST", "/v1/jobs/subscriber-bulk-changes", body))
    hooks.server.drain()
    return job


def test_bulk_changes_and_their_undos_make_events_of_those_who_change(hooks: Hooks) -> None:
    ada, bob = subscriber(hooks.server, "ada@x.com", status="Active"), subscriber(hooks.server, "bob@x.com")
    readers = tag(hooks.server, "Readers")
    assert hooks.server.call("PUT", f"{bob['self']}/tags/{readers['id']}").status == 200
    hooks.subscribe("*")
    tagging = bulk(hooks, "add_tag", tag_id=readers["id"])
    assert received(hooks) == [
        (
            "subscriber.updated",
            {
                "subscriber": reference(ada),
                "source": {"type": "bulk_change", "id": tagging["id"]},
                "changed": ["tags"],
            },
        )
    ]
    forget(hooks)
    leaving = bulk(hooks, "unsubscribe")
    moved = {one["subscriber"]["id"]: (one["previous_status"], one["status"]) for _, one in received(hooks)}
    assert moved == {
        ada["id"]: ("Active", "Unsubscribed"),
        bob["id"]: ("Unconfirmed", "Unsubscribed"),
    }
    forget(hooks)
    undo = data_of(hooks.server.call("POST", f"{leaving['self']}/undo"))
    hooks.server.drain()
    back = received(hooks)
    assert {one["source"]["id"] for _, one in back} == {undo["id"]}
    assert {(one["subscriber"]["id"], one["status"]) for _, one in back} == {
        (ada["id"], "Active"),
        (bob["id"], "Unconfirmed"),
    }
    forget(hooks)
    bulk(hooks, "erase", expected_count=2)
    assert received(hooks) == []
