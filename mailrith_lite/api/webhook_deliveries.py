"""/v1/webhook-subscriptions/{webhook_subscription_id}/deliveries and …/test"""

from typing import Any, ClassVar

import msgspec

from mailrith_lite import clock, ids
from mailrith_lite.api import codec, example, resources
from mailrith_lite.api.call import Call
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.responses import Accepted, Data, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.api.webhooks import PATH, find
from mailrith_lite.database import Connection
from mailrith_lite.webhooks import delivery_table, patterns, subscriptions
from mailrith_lite.webhooks.delivery_table import Delivery, DeliveryStatus
from mailrith_lite.webhooks.subscription_table import Subscription


class WebhookDeliveryResource(msgspec.Struct, frozen=True, kw_only=True):
    """`event_id`: the header `webhook-id`. `answer`: the first 200 characters of the receiver's last answer.

    `milliseconds`: how long the last attempt took. `next_attempt_at`: null when no attempt follows.
    """

    id: str
    event_id: str
    event_type: str
    status: DeliveryStatus
    attempts: int
    answer_status: int | None
    answer: str | None
    error: str | None
    milliseconds: int | None
    occurred_at: str
    last_attempt_at: str | None
    next_attempt_at: str | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "id": ids.encode(ids.DELIVERY, 1),
        "event_id": ids.encode(ids.EVENT, 1),
        "event_type": patterns.CREATED,
        "status": "waiting",
        "attempts": 1,
        "answer_status": 503,
        "answer": "Down for maintenance",
        "error": "The receiver answered 503.",
        "milliseconds": 87,
        "occurred_at": example.TIME,
        "last_attempt_at": "2025-04-11T12:00:00.120Z",
        "next_attempt_at": "2025-04-11T12:00:05.300Z",
    }
    QUEUED_EXAMPLE: ClassVar[dict[str, Any]] = {
        **EXAMPLE,
        "attempts": 0,
        **dict.fromkeys(("answer_status", "answer", "error", "milliseconds", "last_attempt_at")),
        "next_attempt_at": example.TIME,
    }


async def list_deliveries(call: Call, query: PageQuery) -> PageOf[WebhookDeliveryResource]:
    """List the deliveries of a webhook subscription

    Newest first. Deliveries are kept for 30 days unless the operator sets another time, and at most the newest
    10,000 besides those that wait. The hosted service does not have this operation.
    """
    page = query.page(ids.DELIVERY)
    async with call.database.read() as connection:
        subscription = await find(call, connection)
        selected = await delivery_table.select_deliveries(
            connection, call.workspace_id, subscription.id, before_id=page.before_id, limit=page.fetched
        )
    return PageOf(page, [_resource(one) for one in selected])


@refuses(subscriptions.disabled(1))
async def resend_delivery(call: Call) -> Accepted[WebhookDeliveryResource]:
    """Send an event to a webhook subscription again

    With the same `webhook-id` as before. The hosted service does not have this operation.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        subscription = await find(call, connection)
        delivery = await _find_delivery(call, connection, subscription)
        due = await subscriptions.resend(connection, subscription, delivery, clock.now())
        call.services.outbox.notify()
    return _accepted(subscription, due)


@refuses(subscriptions.disabled(1))
async def send_test(call: Call) -> Accepted[WebhookDeliveryResource]:
    """Send a test event to a webhook subscription

    Its type is `webhook.test`, which no pattern chooses. The hosted service does not have this operation.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        subscription = await find(call, connection)
        subscriptions.check_active(subscription)
        number = await call.services.outbox.record_test(connection, subscription, clock.now())
        delivery = await delivery_table.select_delivery(connection, call.workspace_id, subscription.id, number)
    assert delivery is not None
    return _accepted(subscription, delivery)


async def get_delivery(call: Call) -> Data[WebhookDeliveryResource]:
    """Get a delivery of a webhook subscription

    The hosted service does not have this operation.
    """
    async with call.database.read() as connection:
        return Data(_resource(await _find_delivery(call, connection, await find(call, connection))))


async def _find_delivery(call: Call, connection: Connection, subscription: Subscription) -> Delivery:
    async def select(connection: Connection, workspace_id: int, delivery_id: int) -> Delivery | None:
        return await delivery_table.select_delivery(connection, workspace_id, subscription.id, delivery_id)

    return await resources.find(call, connection, ids.DELIVERY, select)


def _accepted(subscription: Subscription, delivery: Delivery) -> Accepted[WebhookDeliveryResource]:
    location = f"{PATH}/{subscription.public_id}/deliveries/{delivery.public_id}"
    return Accepted(Answer(status=202, body=codec.data(_resource(delivery)), location=location))


def _resource(delivery: Delivery) -> WebhookDeliveryResource:
    return WebhookDeliveryResource(
        id=delivery.public_id,
        event_id=delivery.public_event_id,
        event_type=delivery.type,
        status=delivery.status,
        attempts=delivery.attempts,
        answer_status=delivery.answer_status,
        answer=delivery.answer,
        error=delivery.error,
        milliseconds=delivery.milliseconds,
        occurred_at=clock.rfc3339(delivery.occurred_at),
        last_attempt_at=clock.optional_rfc3339(delivery.tried_at),
        next_attempt_at=clock.optional_rfc3339(delivery.due_at),
    )
