"""Deliveries go to public addresses only, in whatever form an address is written."""

import asyncio
import socket
import threading
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from conftest import Server

from mailrith_lite.webhooks import targets
from mailrith_lite.webhooks.delivery_table import Delivery
from mailrith_lite.webhooks.sender import Outcome, Sender
from mailrith_lite.webhooks.subscription_table import Subscription
from webhooks.receiver import Receiver

PRIVATE = "The address is private, local or reserved; deliveries go to public addresses only."
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # IPv4-compatible
    "::ffff:127.0.0.1",  # IPv4-mapped
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",  # IPv4-translated
    "64:ff9b::7f00:1",  # NAT64
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",  # Teredo
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",  # 6to4 of 127.0.0.1
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1"]
DISGUISES = [
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0x7f.1",
    "127.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "0",
    "3232235777",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[::1]",
    "[fe80::1%25lo]",
    "127\N{FULLWIDTH FULL STOP}0.0.1",
    "\N{FULLWIDTH DIGIT ONE}27.0.0.1",
]


class Resolver(AbstractResolver):
    """Answers every name with these addresses, one list after the other, as a hostile name server can."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


def subscription(url: str) -> Subscription:
    return Subscription(
        id=1,
        workspace_id=1,
        name="Receiver",
        url=url,
        status="active",
        event_patterns=["*"],
        sees_subscribers=True,
        secret=b"s" * 32,
        created_at=0,
        updated_at=0,
    )


DELIVERY = Delivery(
    id=1,
    workspace_id=1,
    subscription_id=1,
    event_id=1,
    type="webhook.test",
    subscriber_id=None,
    details="{}",
    occurred_at=0,
    status="waiting",
    attempts=0,
    retries=0,
    due_at=0,
    tried_at=None,
    answer_status=None,
    answer=None,
    error=None,
    milliseconds=None,
)


async def attempt_once(
    url: str, *, resolver: Any = None, allow_private: bool = False, seconds: float = 10
) -> Outcome:
    async with Sender.open(allow_private=allow_private, resolver=resolver, seconds=seconds) as sender:
        return await sender.send(subscription(url), DELIVERY)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_of_a_special_network_is_not_public(address: str) -> None:
    assert not targets.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert targets.is_public(address)


@pytest.mark.parametrize("host", [*(f"[{one}]" if ":" in one else one for one in NOT_PUBLIC), *DISGUISES])
def test_a_subscription_to_a_private_address_is_refused_in_every_form(server: Server, host: str) -> None:
    body = {"name": "Inside", "url": f"https://{host}/hook", "event_patterns": ["*"]}
    reply = server.call("POST", "/v1/webhook-subscriptions", body)
    assert (reply.status, reply.error["code"]) == (400, "invalid_webhook_subscription_url")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", *DISGUISES])
async def test_attempt_connects_to_no_private_address_although_the_subscription_has_it(
    receiver: Receiver, host: str
) -> None:
    """As after a change of the setting, or of the addresses of a name."""
    outcome = await attempt_once(f"http://{host}:{receiver.port}/hook")
    assert outcome.status is None
    assert outcome.error is not None
    assert receiver.received == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
async def test_a_name_with_a_private_address_is_refused_with_a_sentence(receiver: Receiver, address: str) -> None:
    url = f"http://public.example:{receiver.port}/hook"
    assert (await attempt_once(url, resolver=Resolver([address]))).error == PRIVATE
    assert receiver.received == []


async def test_the_second_answer_of_a_resolver_is_checked_like_the_first(receiver: Receiver) -> None:
    """The first address is public and unreachable here, so each attempt resolves the name again."""
    resolver = Resolver(["192.0.2.1"], ["127.0.0.1"])
    async with Sender.open(allow_private=False, resolver=resolver) as sender:
        for _ in range(3):
            outcome = await sender.send(subscription(f"http://public.example:{receiver.port}/hook"), DELIVERY)
            assert outcome.error == PRIVATE
    assert receiver.received == []


async def test_the_connection_goes_to_the_address_that_was_resolved_without_another_look_up(
    receiver: Receiver,
) -> None:
    resolver = Resolver(["127.0.0.1"], ["192.0.2.1"])
    outcome = await attempt_once(
        f"http://receiver.example:{receiver.port}/hook", resolver=resolver, allow_private=True
    )
    assert (outcome.status, outcome.error) == (204, None)
    assert receiver.received[0].headers["host"] == f"receiver.example:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answer(status, headers={"Location": f"{receiver.url}/other"})
    outcome = await attempt_once(receiver.url, allow_private=True)
    assert outcome.status == status
    assert "Redirects are not followed" in (outcome.error or "")
    assert len(receiver.received) == 1


async def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await attempt_once(receiver.url, allow_private=True)).status == 204


async def test_receiver_that_does_not_answer_in_time_is_a_failure(receiver: Receiver) -> None:
    blocked = threading.Event()
    receiver.answer(204, wait=blocked)
    try:
        outcome = await attempt_once(receiver.url, allow_private=True, seconds=0.2)
    finally:
        blocked.set()
    assert (outcome.status, outcome.error) == (None, "The receiver did not answer in time.")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "The receiver closed the connection without a valid answer."),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "The receiver closed the connection without a valid answer."),
    ],
)
async def test_an_answer_that_is_not_http_is_a_failure(answer: bytes, error: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outcome = await attempt_once(f"http://127.0.0.1:{port}/", allow_private=True)
    assert (outcome.status, outcome.error) == (None, error)


async def test_closed_port_and_unknown_name_are_explained_in_a_sentence(receiver: Receiver) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = await attempt_once(f"http://127.0.0.1:{unused.getsockname()[1]}/", allow_private=True)
    assert outcome.error == "No connection to the receiver is possible."
    assert (await attempt_once(receiver.url.replace("http:", "https:"), allow_private=True)).error is not None


async def test_only_the_beginning_of_a_long_answer_is_kept(receiver: Receiver) -> None:
    receiver.answer(500, body=b"\xff\0" + b"x" * 1_000_000)
    outcome = await attempt_once(receiver.url, allow_private=True)
    assert outcome.status == 500
    assert outcome.answer == "\N{REPLACEMENT CHARACTER}" * 2 + "x" * 198


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("999999", 86_400),
        ("0", 0),
        ("-5", 0),
        ("soon", 0),
        ("1e3", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 2100 00:00:00 GMT", 86_400),
    ],
)
async def test_retry_after_has_seconds_or_a_date_and_a_limit(receiver: Receiver, header: str, seconds: int) -> None:
    receiver.answer(503, headers={"Retry-After": header})
    assert (await attempt_once(receiver.url, allow_private=True)).retry_after == seconds * 1_000


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com",
        "example.com",
        "https://",
        "https:///hook",
        "https://user:secret@example.com/",
        "https://user@example.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "javascript:alert(1)",
        "",
        "https://example.com/" + "x" * 2_048,
    ],
)
def test_an_address_that_is_not_https_is_refused(server: Server, url: str) -> None:
    body = {"name": "Receiver", "url": url, "event_patterns": ["*"]}
    reply = server.call("POST", "/v1/webhook-subscriptions", body)
    assert (reply.status, reply.error["code"]) == (400, "invalid_webhook_subscription_url")
    assert reply.error["details"]["field"] == "url"


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://receiver.example:8443/a?b=c", "https://1.1.1.1/", "https://localhost/"]
)
def test_a_name_is_not_looked_up_when_a_subscription_is_made(server: Server, url: str) -> None:
    body = {"name": "Receiver", "url": url, "event_patterns": ["form.*"]}
    assert server.call("POST", "/v1/webhook-subscriptions", body).status == 201
