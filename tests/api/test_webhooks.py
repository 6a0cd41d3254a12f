"""/v1/webhook-subscriptions: codes, limits, scopes, secrets, and the operations that the contract does not have."""

from typing import Any

import pytest
from api_records import data_of, subscriber
from conftest import KEY, Server
from wire import envelope

from mailrith_lite import ids

PATH = "/v1/webhook-subscriptions"
BODY = {"name": "Customers", "url": "https://receiver.example/hook", "event_patterns": ["form.*"]}


def create(server: Server, **members: Any) -> Any:
    return data_of(server.call("POST", PATH, {**BODY, **members}))


def code(reply: Any) -> tuple[int, str]:
    return reply.status, reply.error["code"]


def test_a_new_subscription_has_every_member_and_shows_its_secret_once(server: Server) -> None:
    created = create(server)
    one, secret = created["subscription"], created["signing_secret"]
    assert one == {
        "id": one["id"],
        "self": f"{PATH}/{one['id']}",
        **BODY,
        "status": "active",
        "signing_secret_preview": f"{secret[:10]}…{secret[-4:]}",
        "delivery_attempts": 0,
        **dict.fromkeys(["last_delivery_status", "last_delivery_error", "last_delivered_at", "last_failed_at"]),
        "created_at": one["created_at"],
        "updated_at": one["created_at"],
    }
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44
    assert data_of(server.call("GET", one["self"])) == one
    assert data_of(server.call("GET", PATH)) == [one]
    assert secret.encode() not in server.call("GET", PATH).body


@pytest.mark.parametrize(
    ("change", "expected", "field"),
    [
        ({"name": None}, "invalid_webhook_subscription_name", "name"),
        ({"name": " "}, "invalid_webhook_subscription_name", "name"),
        ({"name": "x" * 81}, "invalid_webhook_subscription_name", "name"),
        ({"name": "a\nb"}, "invalid_webhook_subscription_name", "name"),
        ({"url": 1}, "invalid_webhook_subscription_url", "url"),
        ({"url": "http://receiver.example/"}, "invalid_webhook_subscription_url", "url"),
        ({"event_patterns": []}, "invalid_webhook_event_patterns", "event_patterns"),
        ({"event_patterns": "*"}, "invalid_webhook_event_patterns", "event_patterns"),
        ({"event_patterns": ["form.*", "tag.*"]}, "invalid_webhook_event_patterns", "event_patterns[1]"),
        ({"event_patterns": ["webhook.test"]}, "invalid_webhook_event_patterns", "event_patterns[0]"),
        ({"event_patterns": ["SUBSCRIBER.*"]}, "invalid_webhook_event_patterns", "event_patterns[0]"),
        ({"status": "paused"}, "invalid_webhook_subscription_status", "status"),
    ],
)
def test_a_wrong_member_has_a_code_of_its_own_at_creation_and_update(
    server: Server, change: dict[str, Any], expected: str, field: str
) -> None:
    one = create(server, name="Another")["subscription"]
    for reply in (server.call("POST", PATH, BODY | change), server.call("PUT", one["self"], change)):
        assert envelope(reply) == (400, "invalid_request", expected)
        assert reply.error["details"]["field"] == field
    assert data_of(server.call("GET", PATH)) == [one]


@pytest.mark.parametrize("missing", BODY)
def test_a_missing_member_has_the_code_of_that_member(server: Server, missing: str) -> None:
    reply = server.call("POST", PATH, {name: value for name, value in BODY.items() if name != missing})
    assert reply.status == 400
    assert reply.error["code"].startswith("invalid_webhook_")
    assert reply.error["details"] == {"field": missing, "reason": "missing"}


def test_an_unknown_member_is_ignored_and_an_empty_update_refused(server: Server) -> None:
    one = create(server, secret="mine", filter={})["subscription"]
    assert code(server.call("PUT", one["self"], {})) == (400, "empty_update")
    assert code(server.call("PUT", one["self"], {"unknown": 1})) == (400, "empty_update")


def test_a_workspace_has_at_most_twenty_subscriptions_with_disabled_ones(server: Server) -> None:
    made = [
        create(server, name=f"Number {number}", status="disabled" if number % 2 else "active")["subscription"]
        for number in range(20)
    ]
    reply = server.call("POST", PATH, {**BODY, "name": "One more"})
    assert envelope(reply) == (409, "conflict", "webhook_subscription_limit_exceeded")
    assert len(data_of(server.call("GET", PATH))) == 20
    assert server.call("DELETE", made[3]["self"]).json == {"data": {"id": made[3]["id"], "deleted": True}}
    create(server, name="One more")
    assert server.call("POST", PATH, BODY, key=server.new_key(workspace="Other")).status == 201


def test_the_name_is_unique_ignoring_case_until_the_subscription_is_deleted(server: Server) -> None:
    one = create(server, name="Été")["subscription"]
    other = create(server, name="Winter")["subscription"]
    for reply in (
        server.call("POST", PATH, {**BODY, "name": " E\N{COMBINING ACUTE ACCENT}TE\N{COMBINING ACUTE ACCENT}"}),
        server.call("PUT", other["self"], {"name": "été"}),
    ):
        assert envelope(reply) == (409, "conflict", "webhook_subscription_name_conflict")
    assert data_of(server.call("PUT", one["self"], {"name": "ÉTÉ"}))["name"] == "ÉTÉ"
    assert server.call("DELETE", one["self"]).status == 200
    create(server, name="Été")


def test_a_deleted_subscription_is_not_found_by_any_operation(server: Server) -> None:
    one = create(server)["subscription"]
    server.call("DELETE", one["self"])
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
    ):
        reply = server.call(method, one["self"] + path, body)
        assert code(reply) == (404, "webhook_subscription_not_found")
    assert data_of(server.call("GET", PATH)) == []


def test_an_update_changes_only_the_members_that_it_has(server: Server) -> None:
    one = create(server)["subscription"]
    changed = data_of(
        server.call("PUT", one["self"], {"status": "disabled", "event_patterns": ["*", "form.*", "*"]})
    )
    assert changed == one | {
        "status": "disabled",
        "event_patterns": ["*", "form.*"],
        "updated_at": changed["updated_at"],
    }
    assert data_of(server.call("PUT", one["self"], {"status": "disabled"})) == changed


def test_a_repeated_creation_gets_its_first_answer_with_the_secret(server: Server) -> None:
    replies = [server.call("POST", PATH, BODY, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert replies[0].status == replies[1].status == 201
    assert replies[0].body == replies[1].body
    assert replies[1].headers["idempotent-replayed"] == "true"
    assert len(data_of(server.call("GET", PATH))) == 1


def test_rotation_replaces_the_secret(server: Server) -> None:
    created = create(server)
    rotated = data_of(server.call("POST", f"{created['subscription']['self']}/rotate-secret"))
    assert set(rotated) == {"subscription", "signing_secret"}
    assert rotated["signing_secret"] != created["signing_secret"]
    assert rotated["subscription"]["id"] == created["subscription"]["id"]


LIVE = ("webhooks:write", "live_actions:write")


@pytest.mark.parametrize(
    ("pattern", "scope"),
    [
        ("subscriber.*", "subscribers:read"),
        ("subscriber.created", "subscribers:read"),
        ("subscriber_import.completed", "subscribers:import"),
        ("subscriber_import.*", "subscribers:import"),
        ("subscriber_export.failed", "subscribers:export"),
    ],
)
def test_a_pattern_needs_the_scope_that_reads_its_events(server: Server, pattern: str, scope: str) -> None:
    body = BODY | {"event_patterns": ["form.*", pattern]}
    key = server.new_key(scopes=LIVE)
    reply = server.call("POST", PATH, body, key=key)
    assert envelope(reply) == (403, "permission_error", "insufficient_scope")
    assert reply.error["missing_scopes"] == [scope]
    mine = server.call("POST", PATH, BODY, key=key).json["data"]["subscription"]
    assert code(server.call("PUT", mine["self"], body, key=key)) == (403, "insufficient_scope")
    assert server.call("PUT", mine["self"], body, key=server.new_key(scopes=(*LIVE, scope))).status == 200


@pytest.mark.parametrize("pattern", ["*", "subscriber.*", "subscriber.created"])
@pytest.mark.parametrize("change", [{}, {"event_patterns": ["form.*"]}])
def test_a_key_that_cannot_read_subscribers_cannot_send_their_events_to_another_address(
    server: Server, pattern: str, change: dict[str, Any]
) -> None:
    """Also not those that wait already, by a change of the patterns in the same request."""
    one = create(server, event_patterns=[pattern])["subscription"]
    key = server.new_key(scopes=LIVE)
    reply = server.call("PUT", one["self"], {"url": "https://thief.example/", **change}, key=key)
    assert code(reply) == (403, "insufficient_scope")
    assert reply.error["missing_scopes"] == ["subscribers:read"]
    assert server.call("PUT", one["self"], {"name": "Renamed"}, key=key).status == 200


def test_a_test_event_has_a_delivery_and_can_be_sent_again(server: Server) -> None:
    """The address is refused before anything is sent, so the delivery waits for its next attempt."""
    one = create(server, url="https://localhost/hook")["subscription"]
    reply = server.call("POST", f"{one['self']}/test")
    assert reply.status == 202
    sent = reply.json["data"]
    assert (sent["event_type"], sent["status"], sent["attempts"]) == ("webhook.test", "waiting", 0)
    server.wait(server.services.dispatcher.drain())
    (tried,) = data_of(server.call("GET", f"{one['self']}/deliveries"))
    assert (tried["id"], tried["status"], tried["attempts"]) == (sent["id"], "waiting", 1)
    assert tried["error"].startswith("The address is private")
    again = server.call("POST", f"{one['self']}/deliveries/{sent['id']}/resend")
    assert again.status == 202
    assert again.json["data"]["event_id"] == sent["event_id"]
    server.wait(server.services.dispatcher.drain())
    assert data_of(server.call("GET", f"{one['self']}/deliveries/{sent['id']}"))["attempts"] == 2
    now = data_of(server.call("GET", one["self"]))
    assert (now["delivery_attempts"], now["last_delivery_status"]) == (2, "failed")
    assert now["last_delivery_error"] == tried["error"]


def test_a_disabled_subscription_refuses_tests_and_resends(server: Server) -> None:
    one = create(server, url="https://localhost/hook")["subscription"]
    sent = data_of(server.call("POST", f"{one['self']}/test"))
    server.call("PUT", one["self"], {"status": "disabled"})
    for path in ("/test", f"/deliveries/{sent['id']}/resend"):
        assert code(server.call("POST", one["self"] + path)) == (409, "webhook_subscription_disabled")


def test_deliveries_have_pages_and_belong_to_their_subscription(server: Server) -> None:
    one = create(server, url="https://localhost/hook", event_patterns=["subscriber.*"])["subscription"]
    other = create(server, name="Other")["subscription"]
    for number in range(5):
        subscriber(server, f"person{number}@example.com")
    first = server.call("GET", f"{one['self']}/deliveries?limit=3").json
    rest = server.call("GET", f"{one['self']}/deliveries?starting_after={first['pagination']['next_cursor']}").json
    found = [delivery["id"] for delivery in first["data"] + rest["data"]]
    assert (len(first["data"]), len(rest["data"]), rest["pagination"]["has_more"]) == (3, 2, False)
    numbers = [ids.decode(ids.DELIVERY, one) for one in found]
    assert numbers == sorted(numbers, reverse=True)
    assert data_of(server.call("GET", f"{other['self']}/deliveries")) == []
    reply = server.call("GET", f"{other['self']}/deliveries/{found[0]}")
    assert code(reply) == (404, "delivery_not_found")


def test_the_service_keeps_no_readable_address_or_key_in_the_log_of_a_delivery(server: Server) -> None:
    create(server, url="https://localhost/hook", event_patterns=["*"])
    subscriber(server, "ada@example.com", name="Ada Lovelace")
    rows = server.rows("SELECT * FROM webhook_deliveries")
    assert len(rows) == 1
    assert not any(word in repr(rows).lower() for word in ("ada", "lovelace", KEY))
