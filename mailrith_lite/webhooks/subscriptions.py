"""The rules for subscriptions: create, change, rotate the secret, delete, and send an event again."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite import errors, ids
from mailrith_lite.access import scopes
from mailrith_lite.audience.input_checks import check_label
from mailrith_lite.database import Connection
from mailrith_lite.unicode_forms import compose
from mailrith_lite.webhooks import delivery_table, patterns, signing, subscription_table, targets
from mailrith_lite.webhooks.subscription_table import Subscription, SubscriptionStatus

MAX_SUBSCRIPTIONS: Final = 20
MAX_NAME: Final = 80


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what the operator allows. `key_scopes`: of the key that makes the change."""

    workspace_id: int
    key_scopes: tuple[str, ...]
    allow_private: bool
    now: int


class SubscriptionInput(msgspec.Struct, frozen=True, kw_only=True):
    """The members as a request sends them, unchecked. UNSET keeps the saved value."""

    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    event_patterns: Sequence[str] | UnsetType = UNSET
    status: SubscriptionStatus | UnsetType = UNSET


async def create(connection: Connection, terms: Terms, sent: SubscriptionInput) -> Subscription:
    """
    Raises:
        InvalidRequest: a member breaks a rule or is missing.
        InsufficientScope: the key may not read what a pattern names.
        Conflict: the workspace has as many subscriptions as it can have, or one of this name, ignoring case.
    """
    blank = Subscription(
        id=0,
        workspace_id=terms.workspace_id,
        name="",
        url="",
        status="active",
        event_patterns=[],
        sees_subscribers=False,
        secret=signing.new_secret(),
        created_at=terms.now,
        updated_at=terms.now,
    )
    new = await _apply(connection, terms, blank, sent)
    if len(await subscription_table.select_subscriptions(connection, terms.workspace_id)) >= MAX_SUBSCRIPTIONS:
        raise limit_exceeded()
    number = await subscription_table.insert_subscription(connection, new)
    return msgspec.structs.replace(new, id=number)


async def change(
    connection: Connection, terms: Terms, saved: Subscription, sent: SubscriptionInput
) -> Subscription:
    """A subscription that becomes active again starts without failures, and continues with the waiting events.

    Raises:
        InvalidRequest, InsufficientScope, Conflict: as `create`.
    """
    changed = await _apply(connection, terms, saved, sent)
    if changed.status == "active" and saved.status == "disabled":
        changed = msgspec.structs.replace(changed, failing_since=None)
    if changed == saved:
        return saved
    changed = msgspec.structs.replace(changed, updated_at=terms.now)
    await subscription_table.update_subscription(connection, changed)
    return changed


async def rotate(connection: Connection, saved: Subscription, now: int) -> Subscription:
    """Gives the subscription a new secret. The old one is no longer valid."""
    rotated = msgspec.structs.replace(saved, secret=signing.new_secret(), updated_at=now)
    await subscription_table.update_subscription(connection, rotated)
    return rotated


async def resend(
    connection: Connection, subscription: Subscription, delivery: delivery_table.Delivery, now: int
) -> delivery_table.Delivery:
    """The event is due at once, with all its retries.

    Raises:
        Conflict: the subscription is disabled.
    """
    check_active(subscription)
    await delivery_table.update_due_again(connection, subscription.workspace_id, subscription.id, delivery.id, now)
    return msgspec.structs.replace(delivery, status="waiting", retries=0, due_at=now)


def check_active(subscription: Subscription) -> None:
    """
    Raises:
        Conflict: the subscription is disabled.
    """
    if subscription.status != "active":
        raise disabled(subscription.id)


async def _apply(
    connection: Connection, terms: Terms, saved: Subscription, sent: SubscriptionInput
) -> Subscription:
    new: dict[str, object] = {}
    if not isinstance(sent.name, UnsetType):
        new["name"] = await _free_name(connection, saved, sent.name)
    if not isinstance(sent.url, UnsetType):
        new["url"] = _url(sent.url, terms)
    if not isinstance(sent.event_patterns, UnsetType):
        new["event_patterns"] = _patterns(sent.event_patterns)
    if not isinstance(sent.status, UnsetType):
        new["status"] = sent.status
    changed = msgspec.structs.replace(saved, **new)
    if changed.url != saved.url or changed.event_patterns != saved.event_patterns:
        _check_scopes(terms, saved, changed)
        sees = set(patterns.SUBSCRIBER_SCOPES) <= set(terms.key_scopes)
        changed = msgspec.structs.replace(changed, sees_subscribers=sees)
    return changed


def _check_scopes(terms: Terms, saved: Subscription, changed: Subscription) -> None:
    """Whoever chooses where events go must be allowed to read them, those included that wait already.

    Raises:
        InsufficientScope
    """
    if saved.sees_subscribers and "*" in saved.event_patterns:
        scopes.require(terms.key_scopes, patterns.SUBSCRIBER_SCOPES)
    for pattern in (*saved.event_patterns, *changed.event_patterns):
        scopes.require(terms.key_scopes, patterns.required_scopes(pattern))


async def _free_name(connection: Connection, saved: Subscription, sent: str) -> str:
    name = compose(sent.strip())
    check_label(name, "name", MAX_NAME)
    other_id = await subscription_table.select_id_by_name(connection, saved.workspace_id, name)
    if other_id not in (None, saved.id):
        raise name_taken()
    return name


def _url(sent: str, terms: Terms) -> str:
    try:
        return targets.check_url(sent, allow_private=terms.allow_private)
    except targets.InvalidUrl as error:
        raise errors.InvalidRequest(f"url takes {error}.", field="url") from None


def _patterns(sent: Sequence[str]) -> list[str]:
    """Each once, in the order of the request."""
    if not sent:
        raise errors.InvalidRequest("event_patterns takes at least one pattern, such as *.", field="event_patterns")
    for position, pattern in enumerate(sent):
        if pattern not in patterns.PATTERNS:
            raise errors.InvalidRequest(
                f"event_patterns takes {', '.join(patterns.PATTERNS)}.", field=f"event_patterns[{position}]"
            )
    return list(dict.fromkeys(sent))


def limit_exceeded() -> errors.Conflict:
    return errors.Conflict(
        f"A workspace has at most {MAX_SUBSCRIPTIONS} webhook subscriptions, disabled ones included; delete one.",
        code="webhook_subscription_limit_exceeded",
    )


def name_taken() -> errors.Conflict:
    return errors.Conflict(
        "A webhook subscription of this name exists already; choose another name.",
        code="webhook_subscription_name_conflict",
        field="name",
    )


def disabled(subscription_id: int) -> errors.Conflict:
    return errors.Conflict(
        "This webhook subscription is disabled; set its status to active first.",
        code="webhook_subscription_disabled",
        resource=(ids.WEBHOOK_SUBSCRIPTION, ids.encode(ids.WEBHOOK_SUBSCRIPTION, subscription_id)),
    )
