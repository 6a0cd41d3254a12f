"""/v1/webhook-subscriptions"""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mailrith_lite import clock, ids
from mailrith_lite.access import audit
from mailrith_lite.api import codec, example, idempotency, resources, texts
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.codes import Codes
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.resources import Change
from mailrith_lite.api.responses import Created, Data, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.database import Connection, Reader
from mailrith_lite.webhooks import events, patterns, signing, subscription_table, subscriptions, targets
from mailrith_lite.webhooks.subscription_table import LastStatus, Subscription, SubscriptionStatus
from mailrith_lite.webhooks.subscriptions import SubscriptionInput, Terms

PATH = events.SUBSCRIPTIONS_PATH
RESOURCE = ids.WEBHOOK_SUBSCRIPTION
_CODES = Codes(
    fields={
        "name": "invalid_webhook_subscription_name",
        "url": "invalid_webhook_subscription_url",
        "event_patterns": "invalid_webhook_event_patterns",
        "status": "invalid_webhook_subscription_status",
    }
)

Name = Annotated[str, texts.name(subscriptions.MAX_NAME)]
Url = Annotated[
    str,
    Meta(
        description="A public HTTPS address, to which events are sent",
        extra_json_schema={"format": "uri", "maxLength": targets.MAX_URL},
    ),
]
Pattern = Annotated[str, Meta(extra_json_schema={"enum": list(patterns.PATTERNS)})]
Patterns = Annotated[
    list[Pattern],
    Meta(
        description="Which events to send. `*` includes all events of the contract that the key may read; events of"
        " jobs come only when named",
        extra_json_schema={"minItems": 1},
    ),
]


class WebhookSubscriptionRequest(msgspec.Struct, frozen=True, kw_only=True):
    CODES: ClassVar[Codes] = _CODES

    name: Name
    url: Url
    event_patterns: Patterns
    status: SubscriptionStatus = "active"

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "name": "Customer database",
        "url": "https://receiver.example/mailrith",
        "event_patterns": ["*"],
        "status": "active",
    }


class WebhookSubscriptionChange(Change, frozen=True, kw_only=True):
    CODES: ClassVar[Codes] = _CODES

    name: Name | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    event_patterns: Patterns | UnsetType = UNSET
    status: SubscriptionStatus | UnsetType = UNSET

    SCHEMA: ClassVar[dict[str, Any]] = {
        "anyOf": [{"required": [name]} for name in ("name", "url", "event_patterns", "status")]
    }
    EXAMPLE: ClassVar[dict[str, Any]] = {"status": "disabled"}


class WebhookSubscriptionResource(msgspec.Struct, frozen=True, kw_only=True):
    """`delivery_attempts`: attempts since the subscription was created."""

    id: str
    self_: str = msgspec.field(name="self")
    name: str
    url: str
    status: SubscriptionStatus
    event_patterns: list[str]
    signing_secret_preview: str
    delivery_attempts: int
    last_delivery_status: LastStatus | None
    last_delivery_error: str | None
    last_delivered_at: str | None
    last_failed_at: str | None
    created_at: str
    updated_at: str

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        RESOURCE,
        PATH,
        **WebhookSubscriptionRequest.EXAMPLE,
        signing_secret_preview="whsec_MfKQ…bXN3",  # noqa: S106 - no secret
        delivery_attempts=42,
        last_delivery_status="delivered",
        last_delivery_error=None,
        last_delivered_at=example.TIME,
        last_failed_at=None,
    )


class NewSecret(msgspec.Struct, frozen=True, kw_only=True):
    """Only this answer has `signing_secret`: save it."""

    subscription: WebhookSubscriptionResource
    signing_secret: str

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "subscription": WebhookSubscriptionResource.EXAMPLE,
        "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0Y6qvZ5bXN3",
    }
    ID: ClassVar[str] = "subscription/id"
    """Where the id of the new resource is, for the documentation."""


class DeletedSubscription(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    deleted: bool = True

    EXAMPLE: ClassVar[dict[str, Any]] = {"id": ids.encode(RESOURCE, 1), "deleted": True}


async def list_subscriptions(call: Call, query: PageQuery) -> PageOf[WebhookSubscriptionResource]:
    """List webhook subscriptions

    Newest first.
    """
    page = query.page(RESOURCE)
    async with call.database.read_list() as connection:
        selected = await subscription_table.select_subscriptions(
            connection, call.workspace_id, before_id=page.before_id, limit=page.fetched
        )
    return PageOf(page, [_resource(one) for one in selected])


@refuses(subscriptions.limit_exceeded(), subscriptions.name_taken())
async def create_subscription(call: Call, body: Body[WebhookSubscriptionRequest]) -> Created[NewSecret]:
    """Create a webhook subscription

    The answer has the secret that signs deliveries. No later answer has it. A workspace has at most 20
    subscriptions, disabled ones included. A pattern of subscribers also needs the scope `subscribers:read`, and a
    pattern of imports or exports the scope that reads these jobs.
    """
    return Created(await idempotency.create(call, body, Body.decode, _create, changes="nobody"))


async def get_subscription(call: Call) -> Data[WebhookSubscriptionResource]:
    """Get a webhook subscription"""
    return Data(_resource(await find(call, call.database.lookup)))


@refuses(subscriptions.name_taken())
async def update_subscription(call: Call, form: WebhookSubscriptionChange) -> Data[WebhookSubscriptionResource]:
    """Update a webhook subscription

    Absent fields stay as they are. A new address or new patterns need the scopes of a new subscription. While it is
    disabled, no event is kept for it. `active` continues with the events that waited before.
    """
    sent = SubscriptionInput(name=form.name, url=form.url, event_patterns=form.event_patterns, status=form.status)
    async with call.database.write(durable=True, changes="nobody") as connection:
        saved = await find(call, connection)
        changed = await subscriptions.change(connection, _terms(call, clock.now()), saved, sent)
        await audit.record(connection, call.actor, "webhook.updated", changed.public_id)
    call.services.dispatcher.reload(changed.id)
    return Data(_resource(changed))


async def delete_subscription(call: Call) -> Data[DeletedSubscription]:
    """Delete a webhook subscription

    Its deliveries are deleted too, also those that were waiting.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        subscription = await find(call, connection)
        await subscription_table.update_deleted(connection, call.workspace_id, subscription.id, clock.now())
        await audit.record(connection, call.actor, "webhook.deleted", subscription.public_id)
    call.services.dispatcher.reload(subscription.id)
    return Data(DeletedSubscription(id=subscription.public_id))


async def rotate_secret(call: Call) -> Data[NewSecret]:
    """Rotate a webhook signing secret

    The old secret is no longer valid. The answer has the new one; no later answer has it.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        rotated = await subscriptions.rotate(connection, await find(call, connection), clock.now())
        await audit.record(connection, call.actor, "webhook.secret_rotated", rotated.public_id)
    call.services.dispatcher.reload(rotated.id)
    return Data(_with_secret(rotated))


async def find(call: Call, connection: Reader) -> Subscription:
    """The subscription that the path names.

    Raises:
        NotFound
    """
    return await resources.find(call, connection, RESOURCE, subscription_table.select_subscription)


async def _create(call: Call, request: WebhookSubscriptionRequest, connection: Connection, now: int) -> Answer:
    sent = SubscriptionInput(
        name=request.name, url=request.url, event_patterns=request.event_patterns, status=request.status
    )
    created = _with_secret(await subscriptions.create(connection, _terms(call, now), sent))
    await audit.record(connection, call.actor, "webhook.created", created.subscription.id)
    return Answer(status=201, body=codec.data(created), location=created.subscription.self_)


def _terms(call: Call, now: int) -> Terms:
    return Terms(
        workspace_id=call.workspace_id,
        key_scopes=call.principal.scopes,
        allow_private=call.services.settings.allow_private_webhooks,
        now=now,
    )


def _with_secret(subscription: Subscription) -> NewSecret:
    return NewSecret(subscription=_resource(subscription), signing_secret=signing.as_text(subscription.secret))


def _resource(subscription: Subscription) -> WebhookSubscriptionResource:
    assert subscription.url is not None
    return WebhookSubscriptionResource(
        id=subscription.public_id,
        self_=f"{PATH}/{subscription.public_id}",
        name=subscription.name,
        url=subscription.url,
        status=subscription.status,
        event_patterns=subscription.event_patterns,
        signing_secret_preview=signing.preview(subscription.secret),
        delivery_attempts=subscription.delivery_attempts,
        last_delivery_status=subscription.last_delivery_status,
        last_delivery_error=subscription.last_delivery_error,
        last_delivered_at=clock.optional_rfc3339(subscription.last_delivered_at),
        last_failed_at=clock.optional_rfc3339(subscription.last_failed_at),
        created_at=clock.rfc3339(subscription.created_at),
        updated_at=clock.rfc3339(subscription.updated_at),
    )
