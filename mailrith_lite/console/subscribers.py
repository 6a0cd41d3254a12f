"""/console/subscribers: the filtered list, and the page of a subscriber."""

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import listing, subscribers
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.values import field_text
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console import filter_form, names, templating
from mailrith_lite.console.names import Option
from mailrith_lite.console.session_request import SessionRequest

PAGE_SIZE = 50


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list. `id`: public."""

    id: str
    subscriber: Subscriber


class FieldValue(msgspec.Struct, frozen=True, kw_only=True):
    """`label`: the id of the custom field where the key may not read its label."""

    label: str
    text: str


async def show_subscribers(call: SessionRequest) -> web.StreamResponse:
    """Newest first. The parameter `before` names the last subscriber of the page before."""
    query = call.request.query
    form, before_id = filter_form.parse(query), ids.decode(ids.SUBSCRIBER, query.get("before", ""))
    async with call.database.read() as connection:
        matching = await listing.select_subscribers(
            connection,
            call.workspace_id,
            form.subscriber_filter(),
            before_id=before_id,
            limit=PAGE_SIZE + 1,
            now=clock.now(),
        )
        tags = await names.tag_options(connection, call)
        sequences = await names.sequence_options(connection, call)
    return await templating.render_page(
        call.request,
        "subscribers.html",
        entries=[
            Entry(id=ids.encode(ids.SUBSCRIBER, subscriber.id), subscriber=subscriber)
            for subscriber in matching[:PAGE_SIZE]
        ],
        form=form,
        statuses=STATUSES,
        tags=tags,
        sequences=sequences,
        more=len(matching) > PAGE_SIZE,
        first=before_id is None,
    )


async def show_subscriber(call: SessionRequest) -> web.StreamResponse:
    public_id = call.request.match_info["subscriber_id"]
    number = ids.decode(ids.SUBSCRIBER, public_id) or 0
    async with call.database.read() as connection:
        subscriber = await subscribers.select_subscriber(connection, call.workspace_id, number)
        if subscriber is None:
            raise errors.NotFound.of("subscriber", public_id)
        labels = await names.field_labels(connection, call)
        sequences = await names.sequence_names(connection, call, subscriber.sequence_ids)
    return await templating.render_page(
        call.request,
        "subscriber.html",
        subscriber=subscriber,
        public_id=public_id,
        values=_values(subscriber, labels),
        tags=[Option(id=ids.encode(ids.TAG, tag.id), name=tag.name) for tag in subscriber.tags],
        sequences=sequences,
    )


def _values(subscriber: Subscriber, labels: dict[int, str]) -> list[FieldValue]:
    """`labels`: by integer id."""
    return [
        FieldValue(
            label=labels.get(int(key)) or ids.encode(ids.CUSTOM_FIELD, int(key)),
            text=field_text(value),
        )
        for key, value in subscriber.custom_fields.items()
    ]
