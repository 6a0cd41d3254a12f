"""/v1/subscribers"""

from typing import Any

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.api import codec
from mailrith_lite.api.context import Call
from mailrith_lite.audience import subscribers
from mailrith_lite.audience.subscribers import Subscriber, SubscriberFilter
from mailrith_lite.audience.values import STATUSES, Status

PATH = "/v1/subscribers"
NOT_SERVED_FILTERS = (
    "tag_id",
    "tag_ids",
    "tag_operator",
    "sequence_id",
    "sequence_ids",
    "sequence_operator",
)


class TagReference(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str


class SubscriberResource(msgspec.Struct, frozen=True, kw_only=True):
    """`custom_fields`: custom field's public id -> value."""

    id: str
    self_: str = msgspec.field(name="self")
    email: str
    name: str
    status: Status
    country: str | None
    subscribed_at: str
    last_opened_at: str | None
    tags: list[TagReference]
    sequence_ids: list[str]
    custom_fields: dict[str, Any]
    created_at: str
    updated_at: str


async def list_subscribers(call: Call) -> web.StreamResponse:
    page = codec.parse_page(call.request, ids.SUBSCRIBER)
    wanted = _filter(call.request)
    async with call.database.read() as connection:
        found = await subscribers.select_subscribers(
            connection,
            call.workspace_id,
            wanted,
            before_id=page.before_id,
            limit=page.fetched,
            now=clock.now(),
        )
    return codec.page_response(page, [_shown(subscriber) for subscriber in found])


async def get_subscriber(call: Call) -> web.StreamResponse:
    public_id = call.request.match_info["subscriber_id"]
    subscriber_id = ids.decode(ids.SUBSCRIBER, public_id)
    async with call.database.read() as connection:
        subscriber = subscriber_id and await subscribers.select_subscriber(
            connection, call.workspace_id, subscriber_id
        )
    if not subscriber:
        raise errors.NotFound.of("subscriber", public_id)
    return codec.json_response(codec.data(_shown(subscriber)))


def _filter(request: web.Request) -> SubscriberFilter:
    for name in NOT_SERVED_FILTERS:
        if name in request.query:  # better than a list that silently holds too many
            raise errors.InvalidQuery(f"{name} is not served yet; leave it out.", field=name)
    return SubscriberFilter(
        search=codec.parse_text(request, "search"),
        email=codec.parse_text(request, "email"),
        status=codec.parse_choice(request, "status", STATUSES),
        cold_only=codec.parse_flag(request, "cold_only"),
    )


def _shown(subscriber: Subscriber) -> SubscriberResource:
    public_id = ids.encode(ids.SUBSCRIBER, subscriber.id)
    return SubscriberResource(
        id=public_id,
        self_=f"{PATH}/{public_id}",
        email=subscriber.email,
        name=subscriber.name,
        status=subscriber.status,
        country=subscriber.country,
        subscribed_at=clock.rfc3339(subscriber.subscribed_at),
        last_opened_at=clock.optional_rfc3339(subscriber.last_opened_at),
        tags=[TagReference(id=ids.encode(ids.TAG, number), name=name) for number, name in subscriber.tags],
        sequence_ids=[ids.encode(ids.SEQUENCE, number) for number in subscriber.sequence_ids],
        custom_fields={
            ids.encode(ids.CUSTOM_FIELD, int(number)): value for number, value in subscriber.custom_fields.items()
        },
        created_at=clock.rfc3339(subscriber.created_at),
        updated_at=clock.rfc3339(subscriber.updated_at),
    )
