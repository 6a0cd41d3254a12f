"""What happened, as rows of the table of deliveries, and the body that a receiver gets."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mailrith_lite import clock, ids
from mailrith_lite.audience import alterations
from mailrith_lite.audience.alterations import Alteration
from mailrith_lite.audience.bulk_plan import Plan
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.jobs.queue import Job
from mailrith_lite.webhooks import patterns
from mailrith_lite.webhooks.delivery_table import Delivery, Events
from mailrith_lite.webhooks.subscription_table import Subscription

SUBSCRIPTIONS_PATH = "/v1/webhook-subscriptions"
_SUBSCRIBERS_PATH = "/v1/subscribers"
_details_decoder = msgspec.json.Decoder(dict[str, Any])
_NO_SUBSCRIBER = "[[null]]"


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What changed the subscribers: `api`, `console`, or the name of a kind of job. `id`: the id of the job."""

    type: str
    id: str | None = None

    @classmethod
    def of_job(cls, job: Job) -> "Source":
        return cls(type=job.kind.name, id=job.public_id)


API = Source(type="api")
CONSOLE = Source(type="console")


def of_change(before: Subscriber | None, after: Subscriber, source: Source) -> list[Events]:
    """`before`: None for a new subscriber. The list is empty if nothing is altered."""
    if before is None:
        return _created([after.id], source)
    return of_alterations([alterations.of_subscriber(before, after)], source)


def of_plan(plan: Plan, source: Source) -> list[Events]:
    """Takes long for a large plan: run it in a thread."""
    created = range(plan.first_id, plan.first_id + plan.outcome.created)
    return [*_created(created, source), *of_alterations(alterations.of_changed(plan.changed), source)]


def of_members(rows: str, count: int, changed: str, source: Source) -> Events:
    """Each subscriber of the rows with the same changed member."""
    return Events(
        type=patterns.UPDATED, rows=rows, count=count, details=_json({"source": source, "changed": [changed]})
    )


def of_job(job: Job) -> Events:
    counts = job.counts
    reference = {"id": job.public_id, "self": f"{job.kind.path}/{job.public_id}", "status": job.status}
    return Events(
        type=patterns.job_event(job.kind, completed=job.status == "Completed"),
        rows=_NO_SUBSCRIBER,
        count=1,
        details=_json({"job": reference, "counts": counts}),
    )


def of_test(subscription: Subscription) -> Events:
    reference = {"id": subscription.public_id, "self": f"{SUBSCRIPTIONS_PATH}/{subscription.public_id}"}
    return Events(
        type=patterns.TEST, rows=_NO_SUBSCRIBER, count=1, details=_json({"webhook_subscription": reference})
    )


def body(delivery: Delivery) -> bytes:
    """The body of the request: the same bytes at every attempt."""
    return msgspec.json.encode(as_received(delivery))


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver gets. It has ids and references, never an address, a name or a cell."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


def as_received(delivery: Delivery) -> Event:
    data: dict[str, Any] = {"workspace_id": ids.encode(ids.WORKSPACE, delivery.workspace_id)}
    if delivery.subscriber_id is not None:
        public_id = ids.encode(ids.SUBSCRIBER, delivery.subscriber_id)
        data["subscriber"] = {"id": public_id, "self": f"{_SUBSCRIBERS_PATH}/{public_id}"}
    return Event(
        id=delivery.public_event_id,
        type=delivery.type,
        timestamp=clock.rfc3339(delivery.occurred_at),
        data=data | _details_decoder.decode(delivery.details),
    )


def _created(subscriber_ids: Iterable[int], source: Source) -> list[Events]:
    rows = [[number] for number in subscriber_ids]
    if not rows:
        return []
    return [Events(type=patterns.CREATED, rows=_json(rows), count=len(rows), details=_json({"source": source}))]


def of_alterations(altered: Sequence[Alteration], source: Source) -> list[Events]:
    """A changed status makes an event of its own, and another one if anything else changed."""
    updated = [
        (one.subscriber_id, _json({"source": source, "changed": one.changed})) for one in altered if one.changed
    ]
    moved = [
        (
            one.subscriber_id,
            _json({"source": source, "status": one.status, "previous_status": one.previous_status}),
        )
        for one in altered
        if one.status != one.previous_status
    ]
    return [
        Events(type=event_type, rows=_json(rows), count=len(rows), details="{}")
        for event_type, rows in ((patterns.UPDATED, updated), (patterns.STATUS_CHANGED, moved))
        if rows
    ]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
