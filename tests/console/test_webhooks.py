"""The pages of webhooks: subscriptions, deliveries, and the buttons."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_records import data_of, subscriber
from conftest import KEY, Server
from webhooks.receiver import Receiver

from mailrith_lite import clock
from mailrith_lite.console.column_chart import HEIGHT
from mailrith_lite.console.webhook_chart import HOUR, HOURS, draw_hours, first_hour
from mailrith_lite.webhooks.delivery_table import HourCount

from .test_live import events
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


def test_webhook_that_fails_is_changed_in_the_page_and_its_event_sent_again(
    server: Server, visitor: Visitor, receiver: Receiver
) -> None:
    one = subscribe(server, receiver)
    page = f"{PAGE}/{one['id']}"
    wrong = {"action": "save", "name": "CRM", "url": f"{receiver.url}/wrong", "pattern": "subscriber.*"}
    assert visitor.post(page, wrong).status == 303
    receiver.answer(404)
    subscriber(server)
    drain(server)
    assert "The receiver answered 404." in text(visitor.get(page))
    assert visitor.post(page, {**wrong, "name": "Shop", "url": receiver.url}).status == 303
    (delivery,) = data_of(server.call("GET", f"{one['self']}/deliveries"))
    visitor.post(page, {"action": "resend", "delivery": delivery["id"]})
    drain(server)
    shown = visitor.get(page)
    assert heading(shown) == "Shop Active"
    assert "1 delivered, 0 failed" in text(shown)
    saved = data_of(server.call("GET", one["self"]))
    assert (saved["url"], saved["event_patterns"]) == (receiver.url, ["subscriber.*"])
    actions = server.rows("SELECT action FROM audit_entries WHERE action LIKE 'webhook.%' AND via = 'console'")
    assert actions == [("webhook.updated",)] * 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"url": "ftp://example.com"}, "url takes an address"),
        ({"name": "Taken"}, "A webhook subscription of this name exists already"),
        ({"pattern": ""}, "event_patterns takes"),
    ],
)
def test_change_that_breaks_a_rule_keeps_the_form_and_changes_nothing(
    server: Server, visitor: Visitor, receiver: Receiver, change: dict[str, str], sentence: str
) -> None:
    subscribe(server, receiver, "Taken")
    one = subscribe(server, receiver)
    saved = data_of(server.call("GET", one["self"]))
    form = {"action": "save", "name": "New name", "url": receiver.url, "pattern": "subscriber.*", **change}
    refused = visitor.post(f"{PAGE}/{one['id']}", form)
    assert refused.status == 400
    body = refused.body.decode()
    assert sentence in text(refused)
    assert 'role="alert"' in body
    assert f'name="name" value="{form["name"]}"' in body
    assert data_of(server.call("GET", one["self"])) == saved


def test_form_keeps_an_event_that_it_does_not_offer(server: Server, visitor: Visitor, receiver: Receiver) -> None:
    body = {"name": "CRM", "url": receiver.url, "event_patterns": ["form.submitted", "subscriber.created"]}
    one = data_of(server.call("POST", PATH, body))["subscription"]
    page = visitor.get(f"{PAGE}/{one['id']}").body.decode()
    assert re.findall(r'value="([^"]+)" checked', page) == ["subscriber.created", "form.submitted"]


def test_picture_counts_the_deliveries_of_each_hour(server: Server, visitor: Visitor, receiver: Receiver) -> None:
    one = subscribe(server, receiver)
    page = f"{PAGE}/{one['id']}"
    assert "Deliveries of the last 24 hours" not in text(visitor.get(page))
    receiver.answer(500)
    for number in range(5):
        subscriber(server, f"person{number}@example.com")
        drain(server)
    shown = visitor.get(page)
    assert "4 delivered, 1 failed" in text(shown)
    assert "1 failed</title>" in shown.body.decode()
    age(server, hours=2)
    assert "4 delivered, 1 failed" in text(visitor.get(page))
    age(server, hours=22)
    assert "Deliveries of the last 24 hours" not in text(visitor.get(page))


def test_failed_part_of_a_column_stands_on_the_delivered_part() -> None:
    now = 1_000 * HOUR + 5
    counts = [
        HourCount(start=first_hour(now), delivered=6, failed=2),
        HourCount(start=1_000 * HOUR, delivered=3, failed=1),
    ]
    columns = draw_hours(counts, now)
    assert len(columns) == HOURS
    first, *between, last = columns
    assert not any(column.whole.count for column in between)
    assert (first.whole.y, first.whole.height, first.failed_height) == (0, HEIGHT, HEIGHT / 4)
    assert (last.whole.y, last.whole.height, last.failed_height) == (HEIGHT / 2, HEIGHT / 2, HEIGHT / 8)
    assert draw_hours([], now) == []


def age(server: Server, hours: int) -> None:
    """Moves all attempts into the past."""

    async def move() -> None:
        async with server.services.database.write() as connection:
            await connection.execute(
                "UPDATE webhook_deliveries SET tried_at = tried_at - ?", (hours * 3_600 * clock.SECOND,)
            )

    server.wait(move())


def test_page_follows_an_event_until_it_was_sent(server: Server, visitor: Visitor, receiver: Receiver) -> None:
    one = subscribe(server, receiver)
    page = f"{PAGE}/{one['id']}"
    assert b"data-live" not in visitor.get(page).body
    receiver.answer(500)
    visitor.post(page, {"action": "test"})
    drain(server)
    stream = events(visitor, f"{page}/live")  # the next attempt is due within a minute
    assert "The receiver answered 500." in next(stream)[1]
    (delivery,) = data_of(server.call("GET", f"{one['self']}/deliveries"))
    visitor.post(page, {"action": "resend", "delivery": delivery["id"]})
    *_, (last, _) = ((name, data) for name, data in stream)
    assert last == "end"
    assert "Delivered" in text(visitor.get(f"{page}/part"))


def test_older_deliveries_are_on_further_pages(server: Server, visitor: Visitor, receiver: Receiver) -> None:
    one = subscribe(server, receiver)
    for number in range(27):
        subscriber(server, f"person{number}@example.com")
    first = visitor.get(f"{PAGE}/{one['id']}")
    (older,) = re.findall(r'href="[^"]*(\?before=delivery_[^"]+)"', first.body.decode())
    second = visitor.get(f"{PAGE}/{one['id']}{older}")
    assert [page.body.decode().count('value="resend"') for page in (first, second)] == [25, 2]


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
