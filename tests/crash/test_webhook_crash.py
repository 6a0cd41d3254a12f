"""Events survive SIGKILL at any moment of an import and of their delivery: each arrives, and none is about a change
that was not committed."""

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator

import pytest
from webhooks.receiver import Receiver

from crash.service import IMPORTS, MAPPINGS, ROUNDS, Service
from mailrith_lite import ids

ROWS = 1_000
PEOPLE = 750


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("MAILRITH_LITE_ALLOW_PRIVATE_WEBHOOKS", "on")
    with Receiver().running() as running:
        yield running


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_event_of_a_committed_change_arrives_despite_kills(
    service: Callable[[str], Service], receiver: Receiver, seed: int
) -> None:
    chance = random.Random(seed)
    killed = service("killed").start()
    body = {"name": "Receiver", "url": receiver.url, "event_patterns": ["subscriber.*", "subscriber_import.*"]}
    killed.call("POST", "/v1/webhook-subscriptions", body)
    lines = [f"user{number % PEOPLE}@example.com,Name {number}" for number in range(ROWS)]
    text = "Email,Name\n" + "\n".join(lines)
    job = killed.call("POST", IMPORTS, {"csv_text": text, "mappings": MAPPINGS[:2]})
    for _ in range(2):  # a job fails when its process dies three times without a checkpoint in between
        count = len(receiver.received) + chance.randrange(1, ROWS // 6)
        receiver.wait_until(lambda least=count: len(receiver.received) >= least)
        killed.restart()
    killed.finish(killed.call("GET", job["self"]))
    receiver.wait_until(lambda: "subscriber_import.completed" in [one.type for one in receiver.received[-400:]])
    people = {ids.encode(ids.SUBSCRIBER, number) for number in range(1, PEOPLE + 1)}

    events: dict[str, str] = {}
    read = 0

    def created() -> dict[str, str]:
        """Id of each event of a new subscriber -> id of the subscriber."""
        nonlocal read
        for one in receiver.received[read:]:
            read += 1
            if one.type == "subscriber.created":
                events[one.headers["webhook-id"]] = one.data["subscriber"]["id"]
        return events

    receiver.wait_until(lambda: len(created()) >= len(people))
    killed.stop()
    created()
    assert set(events.values()) == people
    assert len(events) == len(people)  # an event has the same id in all attempts
    with contextlib.closing(sqlite3.connect(killed.directory / "mailrith.db")) as connection:
        known = connection.execute("SELECT event_id, status FROM webhook_deliveries").fetchall()
    received = {one.headers["webhook-id"] for one in receiver.received}
    assert received <= {ids.encode(ids.EVENT, number) for number, _ in known}
    waiting = {ids.encode(ids.EVENT, number) for number, status in known if status == "waiting"}
    assert {ids.encode(ids.EVENT, number) for number, _ in known} - waiting <= received
