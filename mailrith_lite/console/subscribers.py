"""/console/subscribers: search, filter, page through, and look at one."""

from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import listing, subscribers
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.values import field_text
from mailrith_lite.console import filter_form, names, templating
from mailrith_lite.console.session_request import Visit

SHOWN = 50


async def show_subscribers(visit: Visit) -> web.StreamResponse:
    """Newest first, from behind the subscriber that the address names."""
    query = visit.request.query
    choice, before_id = filter_form.parse(query), ids.decode(ids.SUBSCRIBER, query.get("before", ""))
    wanted, now = choice.subscriber_filter(), clock.now()
    async with visit.database.read() as connection:
        found = await listing.select_subscribers(
            connection, visit.workspace_id, wanted, before_id=before_id, limit=SHOWN + 1, now=now
        )
        offered = await names.groups(connection, visit)
    return await templating.page(
        visit.request,
        "subscribers.html",
        subscribers=[(ids.encode(ids.SUBSCRIBER, one.id), one) for one in found[:SHOWN]],
        choice=choice,
        more=len(found) > SHOWN,
        first=before_id is None,
        **offered,
    )


async def show_subscriber(visit: Visit) -> web.StreamResponse:
    public_id = visit.request.match_info["subscriber_id"]
    number = ids.decode(ids.SUBSCRIBER, public_id)
    async with visit.database.read() as connection:
        subscriber = number and await subscribers.select_subscriber(connection, visit.workspace_id, number)
        if not subscriber:
            raise errors.NotFound.of("subscriber", public_id)
        fields = await names.all_fields(connection, visit)
        sequences = await names.sequence_names(connection, visit, subscriber.sequence_ids)
    return await templating.page(
        visit.request,
        "subscriber.html",
        subscriber=subscriber,
        public_id=public_id,
        values=_values(subscriber, fields),
        tags=[(ids.encode(ids.TAG, tag_id), name) for tag_id, name in subscriber.tags],
        sequences=sequences,
    )


def _values(subscriber: Subscriber, fields: list[CustomField]) -> list[tuple[str, str]]:
    """(label, value) of the fields that have one; the id stands for a label that the key may not read."""
    labels = {str(field.id): field.label for field in fields}
    return [
        (labels.get(key) or ids.encode(ids.CUSTOM_FIELD, int(key)), field_text(value))
        for key, value in subscriber.custom_fields.items()
    ]
