"""/v1/subscribers"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import workspaces
from mailrith_lite.api import codec, idempotency, parameters, resources, texts
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.parameters import PageQuery, Text
from mailrith_lite.audience import listing, memberships, sequences, subscribers, tags, upsert, values
from mailrith_lite.audience.conditions import SequenceOperator, TagOperator
from mailrith_lite.audience.consent import ConsentEvidence
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.upsert import SubscriberInput, UpsertContext
from mailrith_lite.audience.values import Status
from mailrith_lite.database import Connection

PATH = "/v1/subscribers"
MAX_LISTED = 100

Email = Annotated[str, texts.of_format("email", "The whole address")]
Name = Annotated[str, texts.without_nul(values.MAX_NAME)]
Country = Annotated[str, Meta(description="An ISO 3166-1 code or an English name of a country")]
Day = Annotated[str, texts.of_format("date", "From 1970-01-02 up to today; counts from midnight in the workspace")]
CustomFields = Annotated[
    dict[str, Any],
    Meta(description="A custom field's id, or its label, and its value; a blank value leaves the saved one"),
]
NewTags = Annotated[
    list[Annotated[str, texts.name(tags.MAX_NAME)]],
    texts.listed(upsert.MAX_NEW_TAGS, "Names of tags to give; one that is not there is made"),
]
Ids = Annotated[
    list[str],
    Meta(max_length=MAX_LISTED, description="at most 100 ids, with commas between them or the parameter repeated"),
]


class SubscriberQuery(PageQuery, frozen=True, kw_only=True):
    search: Text | None = None
    email: Text | None = None
    status: Status | None = None
    cold_only: Annotated[bool, Meta(description="true or false")] = False
    tag_id: Ids | None = None
    tag_ids: Ids | None = None
    tag_operator: TagOperator = "has_any_of"
    sequence_id: Ids | None = None
    sequence_ids: Ids | None = None
    sequence_operator: SequenceOperator = "is_active_in_any_of"


class SubscriberChange(msgspec.Struct, frozen=True, kw_only=True):
    """`custom_fields`: custom field's public id -> value; a blank value leaves the saved one."""

    email: Email | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    country: Country | UnsetType | None = UNSET
    subscribed_on: Day | UnsetType = UNSET
    custom_fields: CustomFields | UnsetType = UNSET


class SubscriberRequest(SubscriberChange, frozen=True, kw_only=True):
    """`create_only`: an email that is there already is a conflict. `new_tags`: names, made if need be."""

    email: Email
    status: Status | UnsetType = UNSET
    create_only: bool = False
    consent_evidence: ConsentEvidence | None = None
    new_tags: NewTags = []


class StatusRequest(msgspec.Struct, frozen=True, kw_only=True):
    status: Status
    consent_evidence: ConsentEvidence | None = None


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
    """List subscribers

    Newest first. Everything that is asked for must hold: `search` (an id, a status, or part of a name or email, in
    any case), `email` (the whole address), `status`, `cold_only` (Active, and not opened for 90 days or never
    opened and subscribed for 30), tags and sequences. An id that the workspace does not have is one that nobody is
    in.
    """
    query = parameters.parse(call.request, SubscriberQuery)
    page = query.page(ids.SUBSCRIBER)
    async with call.database.read() as connection:
        wanted = await _filter(connection, call.workspace_id, query)
        found = await listing.select_subscribers(
            connection, call.workspace_id, wanted, before_id=page.before_id, limit=page.fetched, now=clock.now()
        )
    return codec.page_response(page, [_shown(subscriber) for subscriber in found])


async def get_subscriber(call: Call) -> web.StreamResponse:
    """Get a subscriber"""
    async with call.database.read() as connection:
        subscriber = await resources.find(call, connection, "subscriber", subscribers.select_subscriber)
    return _response(subscriber)


async def upsert_subscriber(call: Call) -> web.StreamResponse:
    """Create or upsert a subscriber

    The email is the key. 201 when the subscriber is new (`Unconfirmed` unless `status` says otherwise), 200 when
    one was updated: what is left out then stays as it is.
    """
    return await idempotency.create(call, _parse, _upsert, changes=call.workspace_id)


async def update_subscriber(call: Call) -> web.StreamResponse:
    """Update a subscriber

    What is left out stays as it is.
    """
    request = await resources.receive_form(call, SubscriberChange)

    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        return await upsert.change(connection, terms, saved, _profile(request), None)

    return _response(await _change(call, change))


async def update_subscriber_status(call: Call) -> web.StreamResponse:
    """Change a subscriber's status

    The setting `require_consent_evidence` decides whether `Active` takes `consent_evidence`.
    """
    request = await resources.receive_form(call, StatusRequest)

    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        profile = SubscriberInput(status=request.status)
        return await upsert.change(connection, terms, saved, profile, request.consent_evidence)

    return _response(await _change(call, change))


async def delete_subscriber(call: Call) -> web.StreamResponse:
    """Delete a subscriber

    For good, with memberships and evidence of consent.
    """
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        subscriber = await resources.find(call, connection, "subscriber", subscribers.select_subscriber)
        await subscribers.delete_subscriber(connection, call.workspace_id, subscriber.id)
    return web.Response(status=204)


async def add_subscriber_tag(call: Call) -> web.StreamResponse:
    """Add a tag to a subscriber

    Answers with the subscriber, also when they have the tag already.
    """
    return await _change_membership(call, "tag", tags.select_tag, memberships.insert_tag)


async def remove_subscriber_tag(call: Call) -> web.StreamResponse:
    """Remove a tag from a subscriber

    Answers with the subscriber, also when they do not have the tag.
    """
    return await _change_membership(call, "tag", tags.select_tag, memberships.delete_tag)


async def add_subscriber_sequence(call: Call) -> web.StreamResponse:
    """Add a subscriber to a sequence

    Answers with the subscriber, also when they are in it already. Nothing is ever sent.
    """
    return await _change_membership(call, "sequence", sequences.select_sequence, memberships.insert_sequence)


async def remove_subscriber_sequence(call: Call) -> web.StreamResponse:
    """Remove a subscriber from a sequence

    Answers with the subscriber, also when they are not in it. That they were in it stays on record.
    """
    return await _change_membership(
        call, "sequence", sequences.select_sequence, memberships.update_sequence_removed
    )


async def _change(
    call: Call, change: Callable[[Connection, Subscriber, UpsertContext], Awaitable[Subscriber]]
) -> Subscriber:
    """The subscriber of the path, changed in a transaction."""
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        saved = await resources.find(call, connection, "subscriber", subscribers.select_subscriber)
        return await change(connection, saved, await _terms(call, connection, clock.now()))


async def _change_membership(
    call: Call,
    resource: str,
    select: Callable[[Connection, int, int], Awaitable[Any]],
    alter: Callable[[Connection, int, int], Awaitable[bool]],
) -> web.StreamResponse:
    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        other = await resources.find(call, connection, resource, select)
        if not await alter(connection, saved.id, other.id):
            return saved
        return await upsert.touch(connection, terms.workspace_id, saved.id, terms.now)

    return _response(await _change(call, change))


async def _terms(call: Call, connection: Connection, now: int) -> UpsertContext:
    workspace = await workspaces.select_own(connection, call.workspace_id)
    return UpsertContext(
        workspace_id=call.workspace_id,
        time_zone=workspace.time_zone,
        require_evidence=call.services.settings.require_consent_evidence,
        now=now,
    )


async def _filter(connection: Connection, workspace_id: int, query: SubscriberQuery) -> SubscriberFilter:
    """With the ids that the workspace knows: a foreign one is as good as none."""
    tag_ids = sequence_ids = None
    if query.tag_id is not None or query.tag_ids is not None:
        numbers = _numbers(ids.TAG, "tag_ids", [*(query.tag_id or []), *(query.tag_ids or [])])
        tag_ids = tuple(sorted(await tags.select_known_tag_ids(connection, workspace_id, numbers)))
    if query.sequence_id is not None or query.sequence_ids is not None:
        numbers = _numbers(ids.SEQUENCE, "sequence_ids", [*(query.sequence_id or []), *(query.sequence_ids or [])])
        known = await sequences.select_known_sequence_ids(connection, workspace_id, numbers)
        sequence_ids = tuple(sorted(known))
    return SubscriberFilter(
        search=query.search,
        email=query.email,
        status=query.status,
        cold_only=query.cold_only,
        tag_ids=tag_ids,
        tag_operator=query.tag_operator,
        sequence_ids=sequence_ids,
        sequence_operator=query.sequence_operator,
    )


def _numbers(prefix: str, name: str, public_ids: list[str]) -> list[int]:
    if len(public_ids) > MAX_LISTED:
        raise errors.InvalidQuery(f"{name} takes at most {MAX_LISTED} ids.", field=name)
    return [number for public_id in public_ids if (number := ids.decode(prefix, public_id)) is not None]


def _parse(body: Body) -> SubscriberRequest:
    return codec.decode(body.data, SubscriberRequest)


async def _upsert(call: Call, request: SubscriberRequest, connection: Connection, now: int) -> Answer:
    terms = await _terms(call, connection, now)
    saved = await upsert.select_by_email(connection, call.workspace_id, request.email)
    profile, evidence = _profile(request), request.consent_evidence
    if saved is None:
        subscriber = await upsert.create(connection, terms, profile, evidence)
    elif request.create_only:
        raise upsert.already_exists(saved.id)
    else:
        subscriber = await upsert.change(connection, terms, saved, profile, evidence)
    subscriber = await upsert.add_new_tags(connection, call.workspace_id, subscriber, request.new_tags, now)
    shown = _shown(subscriber)
    created = saved is None
    return Answer(status=201 if created else 200, body=codec.data(shown), location=shown.self_ if created else None)


def _profile(request: SubscriberChange) -> SubscriberInput:
    return SubscriberInput(
        email=request.email,
        name=request.name,
        status=request.status if isinstance(request, SubscriberRequest) else UNSET,
        country=request.country,
        subscribed_on=request.subscribed_on,
        custom_fields={} if isinstance(request.custom_fields, UnsetType) else request.custom_fields,
    )


def _response(subscriber: Subscriber) -> web.Response:
    return codec.json_response(codec.data(_shown(subscriber)))


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
        tags=[TagReference(id=ids.encode(ids.TAG, tag.id), name=tag.name) for tag in subscriber.tags],
        sequence_ids=[ids.encode(ids.SEQUENCE, number) for number in subscriber.sequence_ids],
        custom_fields={
            ids.encode(ids.CUSTOM_FIELD, int(number)): value for number, value in subscriber.custom_fields.items()
        },
        created_at=clock.rfc3339(subscriber.created_at),
        updated_at=clock.rfc3339(subscriber.updated_at),
    )
