"""`mailrith.webhooks` and /sandbox/webhooks: events without a receiver, holds, planned failures."""

import threading
from collections.abc import Iterator

import pytest
from mailrith_sdk import MailrithClient

from mailrith_lite.testing import Mailrith
from mailrith_lite.testing.server import SeparateServer, Server
from webhooks.receiver import Receiver


@pytest.fixture(scope="module", params=[Server, SeparateServer], ids=["thread", "process"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Server | SeparateServer]:
    kind: type[Server | SeparateServer] = request.param
    with kind.running() as server:
        yield server


@pytest.fixture
def mailrith(sandbox: Server | SeparateServer) -> Iterator[Mailrith]:
    """A workspace of its own, because the start of a server takes longer than the test."""
    handle = sandbox.new_workspace()
    yield handle
    handle.close()
    handle.clock.reset()


def client(mailrith: Mailrith) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)


def test_events_are_recorded_without_a_subscription(mailrith: Mailrith) -> None:
    ada = client(mailrith).subscribers.upsert(body={"email": "ada@example.com"})["data"]
    client(mailrith).subscribers.update(path={"subscriber_id": ada["id"]}, body={"name": "Ada"})
    (updated,) = mailrith.webhooks.wait_for("subscriber.updated")
    assert updated.data["changed"] == ["name"]
    assert updated.data["subscriber"]["id"] == ada["id"]
    assert [event.type for event in mailrith.webhooks.events] == ["subscriber.created", "subscriber.updated"]
    assert mailrith.webhooks.deliveries == []
    assert client(mailrith).webhook_subscriptions.list()["data"] == []


def test_a_wait_ends_with_an_event_that_comes_later(mailrith: Mailrith) -> None:
    thread = threading.Timer(0.1, lambda: client(mailrith).subscribers.upsert(body={"email": "ada@example.com"}))
    thread.start()
    assert len(mailrith.webhooks.wait_for(count=1, timeout=20)) == 1
    thread.join()


def test_wait_that_times_out_lists_the_events_so_far(mailrith: Mailrith) -> None:
    client(mailrith).subscribers.upsert(body={"email": "ada@example.com"})
    with pytest.raises(TimeoutError, match=r"0 of 1 events subscriber.updated came .* were: subscriber.created"):
        mailrith.webhooks.wait_for("subscriber.updated", timeout=0.01)
    with pytest.raises(ValueError, match=r"there is no event subscriber.deleted"):
        mailrith.webhooks.wait_for("subscriber.deleted")


def test_seeds_make_no_events_and_workspaces_have_only_their_own_events(mailrith: Mailrith) -> None:
    other = mailrith.workspace()
    mailrith.seed(subscribers=["eve@example.com"])
    client(other).subscribers.upsert(body={"email": "ada@example.com"})
    assert len(other.webhooks.wait_for()) == 1
    assert mailrith.webhooks.events == []


def test_reset_forgets_events_and_subscriptions(mailrith: Mailrith) -> None:
    with Receiver().running() as receiver:
        body = {"name": "Receiver", "url": receiver.url, "event_patterns": ["*"]}
        client(mailrith).webhook_subscriptions.create(body=body)
        client(mailrith).subscribers.upsert(body={"email": "ada@example.com"})
        receiver.wait_for(1)
        mailrith.reset()
        assert mailrith.webhooks.events == []
        assert client(mailrith).webhook_subscriptions.list()["data"] == []
        client(mailrith).subscribers.upsert(body={"email": "ada@example.com"})
        assert len(mailrith.webhooks.wait_for()) == 1
        mailrith.webhooks.drain()
        assert len(receiver.received) == 1


def test_held_events_are_sent_after_the_release_and_planned_failures_reach_no_receiver(mailrith: Mailrith) -> None:
    with Receiver().running() as receiver:
        body = {"name": "Receiver", "url": receiver.url, "event_patterns": ["*"]}
        client(mailrith).webhook_subscriptions.create(body=body)
        mailrith.webhooks.hold()
        client(mailrith).subscribers.upsert(body={"email": "ada@example.com"})
        mailrith.webhooks.drain()
        (held,) = mailrith.webhooks.deliveries
        assert (held.subscription, held.status, held.attempts) == ("Receiver", "waiting", 0)
        mailrith.webhooks.fail_next(429)
        mailrith.webhooks.release()
        mailrith.webhooks.drain()
        (failed,) = mailrith.webhooks.deliveries
        assert (failed.status, failed.attempts, failed.answer_status) == ("waiting", 1, 429)
        assert receiver.received == []
        mailrith.clock.advance(seconds=6)
        mailrith.webhooks.drain()
        (delivered,) = mailrith.webhooks.deliveries
        assert (delivered.status, delivered.attempts) == ("delivered", 2)
        assert receiver.received[0].event["id"] == delivered.event.id
        with pytest.raises(ValueError, match="from 300 to 599"):
            mailrith.webhooks.fail_next(204)
