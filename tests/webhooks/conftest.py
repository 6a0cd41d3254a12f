"""A service that may send to loopback, and a receiver."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_records import data_of
from conftest import Server

from webhooks.receiver import Receiver

PATH = "/v1/webhook-subscriptions"


class Hooks:
    """The service with its receiver."""

    def __init__(self, server: Server, receiver: Receiver) -> None:
        self.server = server
        self.receiver = receiver

    def subscribe(self, *patterns: str, name: str = "Receiver", **members: Any) -> Any:
        """The answer to the creation: `subscription` and `signing_secret`."""
        body = {"name": name, "url": self.receiver.url, "event_patterns": patterns or ["*"], **members}
        return data_of(self.server.call("POST", PATH, body))

    def subscription(self, created: Any) -> Any:
        """The subscription as it is now."""
        return data_of(self.server.call("GET", created["subscription"]["self"]))

    def deliveries(self, created: Any) -> list[Any]:
        """Oldest first, with all results saved."""
        self.drain()
        return list(
            reversed(data_of(self.server.call("GET", f"{created['subscription']['self']}/deliveries?limit=100")))
        )

    def drain(self) -> None:
        self.server.wait(self.server.services.dispatcher.drain())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as running:
        yield running


@pytest.fixture
def hooks(serve: Callable[..., Server], receiver: Receiver) -> Hooks:
    return Hooks(serve(allow_private_webhooks=True), receiver)
