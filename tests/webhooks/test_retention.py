"""Old deliveries are deleted, those that wait stay, and a deleted subscription leaves nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from api_records import data_of, execute, subscriber
from conftest import Server

from mailrith_lite import clock
from mailrith_lite.webhooks import retention
from mailrith_lite.webhooks.retention import Retention

PATH = "/v1/webhook-subscriptions"


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    server = serve()
    server.wait(server.services.dispatcher.stop())
    return server


def subscribe(server: Server, name: str = "Receiver") -> Any:
    body = {"name": name, "url": "https://receiver.example/", "event_patterns": ["*"]}
    return data_of(server.call("POST", PATH, body))["subscription"]


def change(server: Server, count: int) -> None:
    for number in range(count):
        subscriber(server, f"person{number}@example.com")


def remove_expired(server: Server) -> None:
    server.wait(Retention(server.services.database, ttl=server.settings.webhook_ttl).remove_expired())


def left(server: Server) -> list[int]:
    return [row[0] for row in server.rows("SELECT id FROM webhook_deliveries ORDER BY id")]


def test_delivery_is_deleted_when_its_event_is_older_than_the_setting(server: Server) -> None:
    subscribe(server)
    change(server, 4)
    moment = clock.now() - server.settings.webhook_ttl * clock.SECOND
    execute(server, "UPDATE webhook_deliveries SET occurred_at = ? WHERE id < 3", moment - 1)
    execute(server, "UPDATE webhook_deliveries SET status = 'failed', due_at = NULL WHERE id = 1")
    remove_expired(server)
    assert left(server) == [3, 4]


def test_only_the_newest_ended_deliveries_and_all_waiting_ones_stay(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_DELIVERIES", 2)
    subscribe(server)
    change(server, 6)
    execute(server, "UPDATE webhook_deliveries SET status = 'delivered', due_at = NULL WHERE id <> 2")
    remove_expired(server)
    assert left(server) == [2, 5, 6]


def test_a_deleted_subscription_leaves_no_row_and_others_stay(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    gone = subscribe(server)
    subscribe(server, "Other")
    change(server, 5)
    assert server.call("DELETE", gone["self"]).status == 200
    remove_expired(server)
    assert len(left(server)) == 5
    assert server.rows("SELECT name FROM webhook_subscriptions") == [("Other",)]
