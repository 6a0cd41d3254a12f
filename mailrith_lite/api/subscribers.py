"""/v1/subscribers"""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import scopes
from mailrith_lite.api import codec, example, idempotency, resources, texts
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.codes import Codes
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.resources import Change
from mailrith_lite.api.responses import CreatedOrUpdated, Data, NoContent
from mailrith_lite.api.route import refuses
from mailrith_lite.audience import added_memberships, listed_ids, subscribers, tags, upsert, values
from mailrith_lite.audience.added_memberships import AddedMemberships
from mailrith_lite.audience.changes import NO_STATEMENT, Statement
from mailrith_lite.audience.consent import ConsentEvidence
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.upsert import SubscriberInput, UpsertContext
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.catalog import recording, removal
from mailrith_lite.database import Connection

PATH = "/v1/subscribers"
LIVE_SCOPES = ("subscribers:write", "live_actions:write")

Email = Annotated[str, texts.of_format("email", "The whole address")]
Name = Annotated[str, texts.without_nul(values.MAX_NAME)]
Country = Annotated[str, Meta(description="An ISO 3166-1 code, or the English name of a country")]
Day = Annotated[str, texts.of_format("date", "From 1970-01-02 up to today; counts from midnight in the workspace")]
CustomFields = Annotated[
    dict[str, Any],
    Meta(description="Id or label of a custom field -> value; a blank value leaves the saved one"),
]
NewTags = Annotated[
    list[Annotated[str, texts.name(tags.MAX_NAME)]],
    texts.listed(added_memberships.MAX_NEW_TAGS, "Names of tags to add; a tag that does not exist is created"),
]


TagIds = Annotated[list[str], texts.listed(listed_ids.MAX_LISTED, "Tags to add; no tag is removed")]
SequenceIds = Annotated[
    list[str], texts.listed(listed_ids.MAX_LISTED, "Sequences to join; the subscriber leaves none")
]
FormId = Annotated[
    msgspec.Raw, Meta(description="This service has no forms: leave it out", extra_json_schema={"type": "null"})
]


class SubscriberChange(Change, frozen=True, kw_only=True):
    """`custom_fields`: id or label of a custom field -> value; a blank value leaves the saved one.

    `new_tags`: names; new names create tags. `form_id`: an older client sends it; any form is refused.
    """

    CODES: ClassVar[Codes] = Codes(
        fields={"email": "invalid_subscriber_email", "status": "invalid_subscriber_status"}
    )

    email: Email | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    country: Country | UnsetType | None = UNSET
    subscribed_on: Day | UnsetType = UNSET
    custom_fields: CustomFields | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    consent_evidence: ConsentEvidence | UnsetType | None = UNSET
    new_tags: NewTags | UnsetType = UNSET
    existing_tag_ids: TagIds | UnsetType = UNSET
    sequence_ids: SequenceIds | UnsetType = UNSET
    form_id: FormId | UnsetType = UNSET

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset(["form_id"])
    SCHEMA: ClassVar[dict[str, Any]] = {
        "anyOf": [
            {"required": [name]}
            for name in (
                *("email", "name", "country", "subscribed_on", "custom_fields"),
                *("status", "consent_evidence", "new_tags", "existing_tag_ids", "sequence_ids"),
            )
        ]
    }
    EXAMPLE: ClassVar[dict[str, Any]] = {"name": "Ada King", "country": None, "subscribed_on": "2025-04-11"}


class SubscriberRequest(SubscriberChange, frozen=True, kw_only=True):
    """`create_only`: an email that exists is a conflict."""

    CODES: ClassVar[Codes] = Codes(fields={"status": "invalid_subscriber_status"})
    SCHEMA: ClassVar[dict[str, Any]] = {}

    email: Email
    create_only: bool = False

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "status": "Active",
        "country": "GB",
        "new_tags": ["Newsletter"],
        "consent_evidence": example.EVIDENCE,
    }


class StatusRequest(msgspec.Struct, frozen=True, kw_only=True):
    CODES: ClassVar[Codes] = Codes(fields={"status": "invalid_subscriber_status"})

    status: Status
    consent_evidence: ConsentEvidence | None = None

    EXAMPLE: ClassVar[dict[str, Any]] = {"status": "Active", "consent_evidence": example.EVIDENCE}


class TagReference(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str


class SubscriberResource(msgspec.Struct, frozen=True, kw_only=True):
    """`custom_fields`: id of a custom field -> value."""

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

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        ids.SUBSCRIBER,
        PATH,
        email="ada@example.com",
        name="Ada Lovelace",
        status="Active",
        country="GB",
        subscribed_at=example.TIME,
        last_opened_at=None,
        tags=[{"id": ids.encode(ids.TAG, 1), "name": "Newsletter"}],
        sequence_ids=[ids.encode(ids.SEQUENCE, 1)],
        custom_fields={ids.encode(ids.CUSTOM_FIELD, 1): "M"},
    )


async def get_subscriber(call: Call) -> Data[SubscriberResource]:
    """Get a subscriber"""
    async with call.database.read() as connection:
        subscriber = await resources.find(call, connection, "subscriber", subscribers.select_subscriber)
    return Data(subscriber_resource(subscriber))


@refuses(upsert.already_exists(1), idempotency.subscriber_deleted(1))
async def upsert_subscriber(call: Call, body: Body[SubscriberRequest]) -> CreatedOrUpdated[SubscriberResource]:
    """Create or upsert a subscriber

    The email identifies the subscriber. 201 for a new one, who is `Unconfirmed` without a `status`. 200 for an
    update: absent fields stay as they are. 404 for a repeated Idempotency-Key whose subscriber was deleted.
    """
    answer = await idempotency.create(call, body, Body.decode, _upsert, changes=call.workspace_id)
    return CreatedOrUpdated(answer)


@refuses(upsert.already_exists(1))
async def update_subscriber(call: Call, form: SubscriberChange) -> Data[SubscriberResource]:
    """Update a subscriber

    Absent fields stay as they are. A status, tags and sequences also need the scope `live_actions:write`; tags
    and sequences are only added.
    """
    if form.status is not UNSET or _added(form).any:
        scopes.require(call.principal.scopes, LIVE_SCOPES)
    profile, evidence, added = _profile(form), _evidence(form), _added(form)

    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        subscriber = await upsert.change(connection, terms, saved, profile, evidence)
        return await added_memberships.add(connection, terms.workspace_id, subscriber, added, terms.now)

    said = _statement(form.status, evidence)
    return Data(subscriber_resource(await change_subscriber(call, change, said)))


async def update_subscriber_status(call: Call, form: StatusRequest) -> Data[SubscriberResource]:
    """Change a subscriber's status

    If the setting `require_consent_evidence` is on, `Active` takes `consent_evidence`.
    """

    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        profile = SubscriberInput(status=form.status)
        return await upsert.change(connection, terms, saved, profile, form.consent_evidence)

    said = _statement(form.status, form.consent_evidence)
    return Data(subscriber_resource(await change_subscriber(call, change, said)))


async def delete_subscriber(call: Call) -> NoContent:
    """Delete a subscriber

    Everything that the service has of them goes, within a minute also from its disk: memberships, evidence of
    consent, rows in the reports of imports, recorded answers. It cannot be restored. The files of exports stay
    until they expire.
    """
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        subscriber = await resources.find(call, connection, "subscriber", subscribers.select_subscriber)
        await removal.delete_subscriber(connection, call.door, subscriber.id)
    return NoContent()


async def change_subscriber(call: Call, change: recording.Change, said: Statement = NO_STATEMENT) -> Subscriber:
    """Changes the subscriber of the path in a transaction. `said`: what the request says about consent."""
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        saved = await resources.find(call, connection, "subscriber", subscribers.select_subscriber)
        return await recording.change_subscriber(connection, call.door, saved, change, said)


async def _upsert(call: Call, request: SubscriberRequest, connection: Connection, now: int) -> Answer:
    terms = await recording.select_terms(connection, call.door, now)
    profile, evidence = _profile(request), _evidence(request)
    saved = await upsert.select_by_email(connection, call.workspace_id, request.email)
    if saved is None:
        subscriber = await upsert.create(connection, terms, profile, evidence)
    elif request.create_only:
        raise upsert.already_exists(saved.id)
    else:
        subscriber = await upsert.change(connection, terms, saved, profile, evidence)
    subscriber = await added_memberships.add(connection, call.workspace_id, subscriber, _added(request), now)
    said = _statement(request.status, evidence)
    await recording.record_change(connection, call.door, saved, subscriber, now, said=said)
    resource = subscriber_resource(subscriber)
    body = codec.data(resource)
    if saved is not None:
        return Answer(status=200, body=body, subscriber_id=subscriber.id)
    return Answer(status=201, body=body, location=resource.self_, subscriber_id=subscriber.id)


def _profile(request: SubscriberChange) -> SubscriberInput:
    """
    Raises:
        InvalidRequest: the request names a form.
    """
    if request.form_id is not UNSET and bytes(request.form_id) != b"null":
        raise errors.InvalidRequest("This service has no forms; leave form_id out.", field="form_id")
    return SubscriberInput(
        email=request.email,
        name=request.name,
        status=request.status,
        country=request.country,
        subscribed_on=request.subscribed_on,
        custom_fields={} if isinstance(request.custom_fields, UnsetType) else request.custom_fields,
    )


def _statement(status: Status | UnsetType, evidence: ConsentEvidence | None) -> Statement:
    return Statement(status=None if isinstance(status, UnsetType) else status, evidence=evidence is not None)


def _evidence(request: SubscriberChange) -> ConsentEvidence | None:
    return None if request.consent_evidence is UNSET else request.consent_evidence


def _added(request: SubscriberChange) -> AddedMemberships:
    return AddedMemberships(
        new_tags=request.new_tags or (),
        existing_tag_ids=request.existing_tag_ids or (),
        sequence_ids=request.sequence_ids or (),
    )


def subscriber_resource(subscriber: Subscriber) -> SubscriberResource:
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
