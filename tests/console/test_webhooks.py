"""The pages of webhooks: subscriptions, deliveries, and the buttons."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_records import data_of, subscriber
from conftest import KEY, Server
from webhooks.receiver import Receiver

from .visitor import Visitor, heading, signed_in, text

PATH = "/v1/webhook-subscriptions"
PAGE = "/console/webhooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as running:
        yield running


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve(allow_private_webhooks=True)


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return signed_in(server)


def subscribe(server: Server, receiver: Receiver, name: str = "CRM") -> Any:
    body = {"name": name, "url": receiver.url, "event_patterns": ["*"]}
    return data_of(server.call("POST", PATH, body))["subscription"]


def drain(server: Server) -> None:
    server.wait(server.services.dispatcher.drain())


def test_webhook_is_created_in_the_page_and_its_secret_verifies_its_events(
    server: Server, visitor: Visitor, receiver: Receiver
) -> None:
    assert "No webhooks yet" in text(visitor.get(PAGE))
    made = visitor.post(PAGE, {"name": "CRM", "url": receiver.url, "pattern": "subscriber.*"})
    assert (made.status, heading(made)) == (200, "CRM Active")
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", made.body.decode())
    subscriber(server)
    assert receiver.wait_for(1)[0].verified(secret)["type"] == "subscriber.created"
    listed = text(visitor.get(PAGE))
    assert all(part in listed for part in ("CRM", receiver.url, "subscriber.*"))
    assert secret not in visitor.get(f"{PAGE}/{data_of(server.call('GET', PATH))[0]['id']}").body.decode()


def test_the_page_lists_deliveries_and_its_buttons_work(
    server: Server, visitor: Visitor, receiver: Receiver
) -> None:
    one = subscribe(server, receiver)
    page = f"{PAGE}/{one['id']}"
    receiver.answer(500, body=b"<b>sorry</b>")
    sent = visitor.post(page, {"action": "test"})
    assert (sent.status, sent.headers["location"]) == (303, page)
    drain(server)
    shown = visitor.get(page)
    for part in ("webhook.test", "The receiver answered 500.", "<b>sorry</b>", "next attempt"):
        assert part in text(shown)
    assert "<b>sorry</b>" not in shown.body.decode()
    (delivery,) = data_of(server.call("GET", f"{one['self']}/deliveries"))
    assert visitor.post(page, {"action": "resend", "delivery": delivery["id"]}).status == 303
    drain(server)
    assert "Delivered" in text(visitor.get(page))
    for action, status in (("disable", "disabled"), ("activate", "active")):
        assert visitor.post(page, {"action": action}).status == 303
        assert data_of(server.call("GET", one["self"]))["status"] == status
    rotated = visitor.post(page, {"action": "rotate"})
    assert data_of(server.call("GET", one["self"]))["signing_secret_preview"] != one["signing_secret_preview"]
    assert "whsec_" in text(rotated)
    gone = visitor.post(page, {"action": "delete"})
    assert (gone.status, gone.headers["location"]) == (303, PAGE)
    assert server.call("GET", one["self"]).status == 404


def test_older_deliveries_are_on_further_pages(server: Server, visitor: Visitor, receiver: Receiver) -> None:
    one = subscribe(server, receiver)
    for number in range(27):
        subscriber(server, f"person{number}@example.com")
    first = visitor.get(f"{PAGE}/{one['id']}")
    (older,) = re.findall(r'href="[^"]*(\?before=delivery_[^"]+)"', first.body.decode())
    second = visitor.get(f"{PAGE}/{one['id']}{older}")
    assert [page.body.decode().count('scope="row"') for page in (first, second)] == [25, 2]


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"name": "CRM", "url": "ftp://example.com", "pattern": "*"}, 400, "url takes an address"),
        ({"name": "CRM", "url": "https://example.com"}, 400, "at least one pattern"),
        ({"name": "", "url": "https://example.com", "pattern": "*"}, 400, "name takes 1 to 80 characters"),
    ],
)
def test_page_explains_a_wrong_field_in_a_sentence(
    visitor: Visitor, fields: dict[str, str], status: int, sentence: str
) -> None:
    refused = visitor.post(PAGE, fields)
    assert refused.status == status
    assert sentence in text(refused)


def test_reading_needs_one_scope_and_every_button_two(server: Server, receiver: Receiver) -> None:
    one = subscribe(server, receiver)
    reader = signed_in(server, server.new_key(scopes=("webhooks:read",)))
    page = reader.get(f"{PAGE}/{one['id']}")
    assert page.status == 200
    assert 'name="action"' not in page.body.decode()
    assert reader.post(f"{PAGE}/{one['id']}", {"action": "delete"}).status == 403
    assert signed_in(server, server.new_key(scopes=("tags:read",))).get(PAGE).status == 403
    other = signed_in(server, server.new_key(workspace="Other"))
    assert other.get(f"{PAGE}/{one['id']}").status == 404
    assert other.post(f"{PAGE}/{one['id']}", {"action": "delete"}).status == 404
    assert signed_in(server, KEY).post(f"{PAGE}/{one['id']}", {"action": "x"}).status == 400
