"""Webhook subscriptions and deliveries over HTTP."""

import asyncio
import re

import msgspec

from mailrith_lite.cli.http_client import ApiClient, Document, read_as
from mailrith_lite.errors import StartError
from mailrith_lite.webhooks.events import SUBSCRIPTIONS_PATH as PATH

__all__ = [
    "PATH",
    "Delivery",
    "NewSecret",
    "Subscription",
    "delivery_of",
    "delivery_path",
    "path_of",
    "wait_for_try",
]

_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0  # seconds between polls
_PATIENCE = 20.0  # seconds: an attempt takes at most 15


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    url: str
    status: str
    event_patterns: list[str]
    delivery_attempts: int
    last_delivery_status: str | None
    last_delivery_error: str | None


class NewSecret(msgspec.Struct, frozen=True, kw_only=True):
    subscription: Subscription
    signing_secret: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    event_id: str
    event_type: str
    status: str
    attempts: int
    answer_status: int | None
    answer: str | None
    error: str | None
    occurred_at: str
    last_attempt_at: str | None
    next_attempt_at: str | None


def path_of(subscription_id: str) -> str:
    """
    Raises:
        StartError: this is not a subscription's id.
    """
    if not re.fullmatch(r"webhook_subscription_[A-Za-z0-9_-]+", subscription_id):
        raise StartError(f"{subscription_id} is not a subscription's id; `mailrith-lite webhooks list` shows them")
    return f"{PATH}/{subscription_id}"


def delivery_path(subscription_path: str, delivery_id: str) -> str:
    """
    Raises:
        StartError: this is not a delivery's id.
    """
    if not re.fullmatch(r"delivery_[A-Za-z0-9_-]+", delivery_id):
        raise StartError(f"{delivery_id} is not a delivery's id; `mailrith-lite webhooks deliveries ID` shows them")
    return f"{subscription_path}/deliveries/{delivery_id}"


def delivery_of(document: Document) -> Delivery:
    """
    Raises:
        StartError: the API describes no delivery so.
    """
    return read_as(document, Delivery)


async def wait_for_try(client: ApiClient, subscription_path: str, sent: Delivery) -> Document:
    """The delivery after the attempt that `sent` waits for.

    Raises:
        Unreachable, Refused
        StartError: the service has not tried in time.
    """
    path, wait = delivery_path(subscription_path, sent.id), _FIRST_WAIT
    try:
        async with asyncio.timeout(_PATIENCE):
            while True:
                document = await client.get(path, Document)
                if delivery_of(document).attempts != sent.attempts:
                    return document
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
    except TimeoutError:
        raise StartError("the event still waits: see `mailrith-lite webhooks deliveries` later") from None
