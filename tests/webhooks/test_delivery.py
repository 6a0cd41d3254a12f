"""Retries, parallel attempts, and what ends a delivery: with a real receiver, and a clock that the test moves."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from mailrith_sdk import MailrithClient
from standardwebhooks import Webhook, WebhookVerificationError

from mailrith_lite.testing import Mailrith, serve
from webhooks.receiver import Planned, Receiver

SCHEDULE = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]  # seconds


class Box:
    """A sandbox whose clock does not move by itself, and a client of it."""

    def __init__(self, mailrith: Mailrith, receiver: Receiver) -> None:
        self.mailrith = mailrith
        self.receiver = receiver
        self.client = MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)
        self.hooks = self.client.webhook_subscriptions

    def subscribe(self, *, url: str = "", name: str = "Receiver", patterns: Any = ("*",)) -> Any:
        body = {"name": name, "url": url or self.receiver.url, "event_patterns": list(patterns)}
        return self.hooks.create(body=body)["data"]

    def change(self, *names: str) -> None:
        """Makes an event for each name."""
        for name in names:
            self.client.subscribers.upsert(body={"email": f"{name}@example.com"})

    def drain(self) -> None:
        self.mailrith.webhooks.drain()

    def advance(self, seconds: float) -> None:
        """Moves the clock, and lets all attempts that are due end."""
        self.mailrith.clock.advance(seconds=seconds)
        self.drain()

    def subscription(self, created: Any) -> Any:
        return self.hooks.get(path={"webhook_subscription_id": created["subscription"]["id"]})["data"]

    def update(self, created: Any, **members: Any) -> Any:
        path = {"webhook_subscription_id": created["subscription"]["id"]}
        return self.hooks.update(path=path, body=members)["data"]

    @property
    def delivery(self) -> Any:
        """The only one."""
        (one,) = self.mailrith.webhooks.deliveries
        return one

    def seconds_to_next_attempt(self) -> float:
        due, now = self.delivery.next_attempt_at, self.mailrith.clock.now()
        return (datetime.fromisoformat(due) - datetime.fromisoformat(now)).total_seconds()


@pytest.fixture
def box(receiver: Receiver) -> Iterator[Box]:
    with serve(seed_ids=True) as mailrith:
        yield Box(mailrith, receiver)


def test_a_delivery_that_always_fails_is_tried_ten_times_within_four_days_and_then_fails(box: Box) -> None:
    box.receiver.answer(*[500] * 20, body=b"sorry")
    created = box.subscribe()
    box.change("ada")
    box.drain()
    for number, delay in enumerate(SCHEDULE, 1):
        assert (box.delivery.status, box.delivery.attempts) == ("waiting", number)
        assert 0.8 * delay <= box.seconds_to_next_attempt() <= 1.2 * delay
        box.advance(0.79 * delay)
        assert box.delivery.attempts == number
        box.advance(0.42 * delay)
    one = box.delivery
    assert (one.status, one.attempts, one.next_attempt_at) == ("failed", 10, None)
    assert (one.answer_status, one.answer, one.error) == (500, "sorry", "The receiver answered 500.")
    assert {request.headers["webhook-id"] for request in box.receiver.received} == {one.event.id}
    assert len({request.body for request in box.receiver.received}) == 1
    timestamps = [int(request.headers["webhook-timestamp"]) for request in box.receiver.received]
    assert timestamps == sorted(set(timestamps))
    subscription = box.subscription(created)
    assert (subscription["delivery_attempts"], subscription["last_delivery_status"]) == (10, "failed")
    assert subscription["last_delivery_error"] == "The receiver answered 500."
    assert (subscription["status"], subscription["last_delivered_at"]) == ("active", None)


def test_a_delivery_succeeds_at_a_later_attempt(box: Box) -> None:
    box.receiver.answer(500, 404)
    created = box.subscribe()
    box.change("ada")
    box.drain()
    box.advance(6)
    box.advance(360)
    assert (box.delivery.status, box.delivery.attempts, box.delivery.answer_status) == ("delivered", 3, 204)
    subscription = box.subscription(created)
    assert subscription["last_delivery_status"] == "delivered"
    assert subscription["last_delivery_error"] is None
    assert subscription["last_delivered_at"] == box.mailrith.clock.now()
    assert subscription["last_failed_at"] is not None


@pytest.mark.parametrize(("header", "seconds"), [("60", 60), ("1", 4), ("9999999", 86_400)])
def test_retry_is_not_sent_before_the_time_that_the_receiver_asks_for(box: Box, header: str, seconds: int) -> None:
    box.receiver.answer(429, headers={"Retry-After": header})
    box.subscribe()
    box.change("ada")
    box.drain()
    assert seconds <= box.seconds_to_next_attempt() <= max(6, seconds)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226])
def test_every_status_of_success_delivers(box: Box, status: int) -> None:
    box.receiver.answer(status)
    box.subscribe()
    box.change("ada")
    box.drain()
    assert (box.delivery.status, box.delivery.answer_status) == ("delivered", status)


def test_410_disables_the_subscription_and_active_resumes_the_waiting_events(box: Box) -> None:
    box.receiver.answer(410)
    created = box.subscribe()
    box.change("ada")
    box.drain()
    subscription = box.subscription(created)
    assert (subscription["status"], subscription["last_delivery_status"]) == ("disabled", "failed")
    assert "410" in subscription["last_delivery_error"]
    box.change("lost")
    box.advance(86_400)
    assert len(box.receiver.received) == 1
    assert box.update(created, status="active")["status"] == "active"
    box.drain()
    assert [one.event.type for one in box.mailrith.webhooks.deliveries] == ["subscriber.created"]
    assert (box.delivery.status, box.delivery.attempts) == ("delivered", 2)


def test_a_subscription_whose_every_attempt_fails_for_five_days_is_disabled(box: Box) -> None:
    box.receiver.otherwise = Planned(status=503)
    created = box.subscribe()
    for day in range(5):
        box.change(f"day{day}")
        box.drain()
        assert box.subscription(created)["status"] == "active"
        box.advance(86_400)
    subscription = box.subscription(created)
    assert subscription["status"] == "disabled"
    assert "5 days" in subscription["last_delivery_error"]
    attempts = len(box.receiver.received)
    box.advance(86_400)
    assert len(box.receiver.received) == attempts
    box.update(created, status="active")
    box.drain()
    assert box.subscription(created)["status"] == "active"  # five days begin again
    assert len(box.receiver.received) > attempts


def test_one_success_restarts_the_five_days(box: Box) -> None:
    created = box.subscribe()
    for day in range(8):
        box.receiver.answer(204 if day == 4 else 503)
        box.change(f"day{day}")
        box.drain()
        box.receiver.plans.clear()
        box.receiver.plans.extend([Planned(status=503)] * 50)
        box.advance(86_400)
        box.receiver.plans.clear()
    assert box.subscription(created)["status"] == "active"


def test_a_receiver_that_does_not_answer_delays_no_other_one(box: Box) -> None:
    blocked = threading.Event()
    with Receiver().running() as dead:
        dead.otherwise = Planned(status=500, wait=blocked)
        try:
            box.subscribe(url=dead.url, name="Dead")
            box.subscribe(name="Alive")
            dead_first = [f"person{number}" for number in range(20)]
            box.change(*dead_first)
            box.receiver.wait_for(20)
            assert len(dead.received) <= 4
        finally:
            blocked.set()


def test_four_attempts_of_a_subscription_run_at_the_same_time(box: Box) -> None:
    blocked = threading.Event()
    box.receiver.otherwise = Planned(wait=blocked)
    try:
        box.subscribe()
        box.change(*"abcdefgh")
        box.receiver.wait_for(4)
    finally:
        blocked.set()
    box.receiver.wait_for(8)
    box.drain()
    assert len(box.receiver.received) == 8


def test_a_slow_answer_does_not_hold_back_later_events(box: Box) -> None:
    blocked = threading.Event()
    box.receiver.answer(204, wait=blocked)
    try:
        box.subscribe()
        box.change("slow")
        box.receiver.wait_for(1)
        box.change(*"abcdef")
        box.receiver.wait_for(7)
    finally:
        blocked.set()


def test_many_events_of_an_import_are_each_delivered_once(box: Box) -> None:
    box.subscribe(patterns=["subscriber.created", "subscriber_import.completed"])
    import_people(box, 450)
    box.drain()
    ids = [request.headers["webhook-id"] for request in box.receiver.received]
    assert len(ids) == len(set(ids)) == 451
    people = {request.data["subscriber"]["id"] for request in box.receiver.received if "subscriber" in request.data}
    assert len(people) == 450


def test_410_among_many_events_stops_the_rest_until_the_subscription_is_active_again(box: Box) -> None:
    before = 160  # more than a page, so the next page is fetched or read when the answer comes
    box.receiver.answer(*[204] * before, 410)
    created = box.subscribe(patterns=["subscriber.created"])
    import_people(box, 450)
    box.drain()
    assert box.subscription(created)["status"] == "disabled"
    assert before < len(box.receiver.received) <= before + 4  # three more attempts can be under way
    box.update(created, status="active")
    box.advance(60)
    box.drain()
    ids = [request.headers["webhook-id"] for request in box.receiver.received]
    assert (len(ids), len(set(ids))) == (451, 450)


def import_people(box: Box, count: int) -> None:
    text = "Email\n" + "".join(f"person{number}@example.com\n" for number in range(count))
    mappings = [{"csv_column": "Email", "field": {"type": "email"}}]
    box.client.jobs.create_import(body={"csv_text": text, "mappings": mappings})
    box.mailrith.jobs.drain()


def test_a_rotated_secret_is_not_used_any_more(box: Box) -> None:
    box.mailrith.webhooks.hold()
    created = box.subscribe()
    box.change("ada")
    path = {"webhook_subscription_id": created["subscription"]["id"]}
    rotated = box.hooks.rotate_secret(path=path)["data"]
    assert rotated["signing_secret"] != created["signing_secret"]
    assert rotated["subscription"]["signing_secret_preview"] != created["subscription"]["signing_secret_preview"]
    box.mailrith.webhooks.release()
    (request,) = box.receiver.wait_for(1)
    signed_at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    own = Webhook(rotated["signing_secret"])
    assert (
        own.sign(request.headers["webhook-id"], signed_at, request.body.decode())
        == (request.headers["webhook-signature"])
    )
    with pytest.raises(WebhookVerificationError):
        Webhook(created["signing_secret"]).verify(request.body, dict(request.headers))


def test_waiting_events_go_to_a_new_address_and_not_to_a_deleted_subscription(box: Box) -> None:
    box.mailrith.webhooks.hold()
    moved, deleted = box.subscribe(name="Moved"), box.subscribe(name="Deleted")
    box.change("ada")
    box.update(moved, url=f"{box.receiver.url}/new")
    box.hooks.delete(path={"webhook_subscription_id": deleted["subscription"]["id"]})
    box.mailrith.webhooks.release()
    box.drain()
    assert [request.path for request in box.receiver.received] == ["/hook/new"]


def test_an_event_of_a_disabled_subscription_waits_until_it_is_active(box: Box) -> None:
    box.mailrith.webhooks.hold()
    created = box.subscribe()
    box.change("ada")
    box.update(created, status="disabled")
    box.mailrith.webhooks.release()
    box.drain()
    assert box.receiver.received == []
    box.update(created, status="active")
    box.drain()
    assert len(box.receiver.received) == 1
