"""The commands `webhooks …`, against a running service and a receiver."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_records import subscriber
from conftest import KEY, Server
from webhooks.receiver import Receiver

from cli.command_line import assert_fails, client_environment, data_rows, line_with, run, start_process

PATH = "/v1/webhook-subscriptions"


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve(allow_private_webhooks=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as running:
        yield running


@pytest.fixture
def webhooks(server: Server, cwd: Path) -> Callable[..., Any]:
    return lambda *arguments: run("webhooks", *arguments, env=client_environment(server), cwd=cwd)


def created(server: Server) -> Any:
    return server.call("GET", PATH).json["data"][0]


def test_create_prints_the_secret_alone_and_list_shows_the_subscription(
    server: Server, receiver: Receiver, webhooks: Callable[..., Any]
) -> None:
    events = ("--event", "subscriber.*", "--event", "form.submitted")
    result = webhooks("create", receiver.url, "--name", "CRM", *events)
    one = created(server)
    assert (result.exit_code, one["event_patterns"]) == (0, ["subscriber.*", "form.submitted"])
    assert result.stdout.startswith("whsec_")
    assert one["id"] in result.stderr
    subscriber(server)
    assert receiver.wait_for(1)[0].verified(result.stdout.strip())["type"] == "subscriber.created"
    server.wait(server.services.dispatcher.drain())
    assert data_rows(webhooks("list")) == [
        [one["id"], "CRM", "active", "subscriber.*, form.submitted", "1", "delivered", receiver.url]
    ]
    (line,) = webhooks("list", "--json").stdout.splitlines()
    assert json.loads(line)["delivery_attempts"] == 1


def test_create_without_options_takes_everything_of_the_contract(
    server: Server, receiver: Receiver, webhooks: Callable[..., Any]
) -> None:
    made = json.loads(webhooks("create", receiver.url, "--json").stdout)
    assert (made["subscription"]["name"], made["subscription"]["event_patterns"]) == (receiver.url, ["*"])


def test_rotate_prints_another_secret_and_delete_ends_the_subscription(
    server: Server, receiver: Receiver, webhooks: Callable[..., Any]
) -> None:
    first = webhooks("create", receiver.url).stdout
    second = webhooks("rotate", created(server)["id"]).stdout
    assert second.startswith("whsec_")
    assert first != second
    public_id = created(server)["id"]
    assert_fails(webhooks("delete", public_id), "nothing was changed; say --yes")
    assert created(server)["id"] == public_id
    assert webhooks("delete", public_id, "--yes").stdout == f"deleted {public_id}\n"
    assert data_rows(webhooks("list")) == []
    assert_fails(webhooks("delete", public_id, "--yes"), "webhook_subscription_not_found")


def test_test_and_resend_print_the_result_and_set_the_exit_code(
    server: Server, receiver: Receiver, webhooks: Callable[..., Any]
) -> None:
    webhooks("create", receiver.url)
    public_id = created(server)["id"]
    receiver.answer(500, body=b"sorry")
    failed = webhooks("test", public_id)
    assert failed.exit_code == 1
    cells = failed.stdout.rstrip("\n").split("\t")
    assert (cells[1:5], cells[6]) == (["webhook.test", "waiting", "1", "500"], "The receiver answered 500.")
    again = webhooks("resend", public_id, cells[0], "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["status"] == "delivered"
    assert [row[2] for row in data_rows(webhooks("deliveries", public_id))] == ["delivered"]
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rotate", "tag_1"), "is not a subscription's id"),
        (("test", "../x"), "is not a subscription's id"),
        (("resend", "webhook_subscription_x", "x"), "is not a delivery's id"),
        (("deliveries", "webhook_subscription_x"), "webhook_subscription_not_found"),
        (("create", "ftp://example.com"), "invalid_webhook_subscription_url"),
        (("create", "https://example.com", "--event", "tag.*"), "invalid_webhook_event_patterns"),
    ],
)
def test_wrong_argument_is_a_one_line_error(
    webhooks: Callable[..., Any], arguments: tuple[str, ...], message: str
) -> None:
    assert_fails(webhooks(*arguments), message)


def test_listen_prints_each_event_and_deletes_its_subscription_at_the_end(server: Server, cwd: Path) -> None:
    command = ("webhooks", "listen", "--event", "subscriber.created")
    with start_process(*command, env=client_environment(server), cwd=cwd) as process:
        line_with(process.stderr, "listening on http://127.0.0.1:")
        person = subscriber(server)
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        assert event["data"]["subscriber"]["id"] == person["id"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert server.call("GET", PATH).json["data"] == []


def test_listen_says_how_to_start_the_service_that_sends_to_this_machine(tmp_path: Path, cwd: Path) -> None:
    from mailrith_lite.settings import Settings

    settings = Settings(port=0, data_dir=tmp_path / "strict", bootstrap_key=KEY)
    with Server(settings).serving() as strict:
        result = run("webhooks", "listen", env=client_environment(strict), cwd=cwd)
    assert_fails(result, "MAILRITH_LITE_ALLOW_PRIVATE_WEBHOOKS=on")
