"""/v1/sequences"""

from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from mailrith_lite import clock, errors, ids
from mailrith_lite.api import codec, idempotency, parameters, resources, texts
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.resources import SearchQuery
from mailrith_lite.audience import sequences
from mailrith_lite.audience.sequences import Sequence, SequenceSettings, SequenceStatus, SequenceSummary
from mailrith_lite.database import Connection

PATH = "/v1/sequences"

Name = Annotated[str, texts.name(sequences.MAX_NAME)]
Line = Annotated[str, texts.line(sequences.MAX_TEXT)]

Definition = Annotated[
    msgspec.Raw,
    Meta(
        extra_json_schema={
            "type": "object",
            "required": ["emails"],
            "properties": {"emails": {"type": "array", "items": {"type": "object"}}},
            "description": "Kept as it was sent: nothing is ever delivered.",
        }
    ),
]


class _DefinitionForm(msgspec.Struct, frozen=True):
    emails: list[dict[str, Any]]


class SequenceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    definition: Definition
    connection_id: Line | None = None
    reply_to_email: Line | None = None
    track_opens: bool = True
    track_clicks: bool = True
    utm_source: Line | None = None
    utm_medium: Line | None = None
    utm_campaign: Line | None = None
    utm_term: Line | None = None
    utm_content: Line | None = None


class SequenceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    definition: Definition | UnsetType = UNSET
    connection_id: Line | UnsetType | None = UNSET
    reply_to_email: Line | UnsetType | None = UNSET
    track_opens: bool | UnsetType = UNSET
    track_clicks: bool | UnsetType = UNSET
    utm_source: Line | UnsetType | None = UNSET
    utm_medium: Line | UnsetType | None = UNSET
    utm_campaign: Line | UnsetType | None = UNSET
    utm_term: Line | UnsetType | None = UNSET
    utm_content: Line | UnsetType | None = UNSET


class SequenceStatusRequest(msgspec.Struct, frozen=True, kw_only=True):
    status: SequenceStatus


class SequenceSummaryResource(msgspec.Struct, frozen=True, kw_only=True):
    """The rates are 0: nothing is sent from here."""

    id: str
    self_: str = msgspec.field(name="self")
    name: str
    status: SequenceStatus
    is_updating: bool = False
    email_count: int
    subscriber_count: int
    open_rate: int = 0
    click_rate: int = 0
    unsubscribed_count: int = 0
    created_at: str
    updated_at: str


class SequenceResource(msgspec.Struct, frozen=True, kw_only=True):
    """`subscriber_count`: those who are active in it. The rates and the other counts are 0: nothing is sent."""

    id: str
    self_: str = msgspec.field(name="self")
    name: str
    status: SequenceStatus
    is_updating: bool = False
    connection_id: str | None
    from_name: str | None = None
    from_email: str | None = None
    reply_to_email: str | None
    track_opens: bool
    track_clicks: bool
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    definition: Definition
    subscriber_count: int
    open_rate: int = 0
    click_rate: int = 0
    unsubscribed_count: int = 0
    bounced_count: int = 0
    complained_count: int = 0
    created_at: str
    updated_at: str


async def list_sequences(call: Call) -> web.StreamResponse:
    """List sequences

    Newest first. `search` is found in a name, a status or the reply address, in any case.
    """
    query = parameters.parse(call.request, SearchQuery)
    page = query.page(ids.SEQUENCE)
    async with call.database.read() as connection:
        found = await sequences.select_sequences(
            connection, call.workspace_id, search=query.search, before_id=page.before_id, limit=page.fetched
        )
    return codec.page_response(page, [_summary(sequence) for sequence in found])


async def create_sequence(call: Call) -> web.StreamResponse:
    """Create a sequence

    It is paused, and it only holds memberships: nothing is ever sent.
    """
    return await idempotency.create(call, _parse, _create, changes="nobody")


async def get_sequence(call: Call) -> web.StreamResponse:
    """Get a sequence"""
    async with call.database.read() as connection:
        sequence = await resources.find(call, connection, "sequence", sequences.select_sequence)
    return codec.json_response(codec.data(_shown(sequence)))


async def update_sequence(call: Call) -> web.StreamResponse:
    """Update a sequence

    What is left out stays as it is.
    """
    change = await resources.receive_change(call, SequenceChange)
    sent = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
    if "definition" in sent:
        sent |= _definition(sent["definition"])
    async with call.database.write(durable=True, changes="nobody") as connection:
        sequence = await resources.find(call, connection, "sequence", sequences.select_sequence)
        settings = sequences.check(msgspec.structs.replace(sequence.settings, **sent))
        changed = await sequences.update_sequence(
            connection, call.workspace_id, sequence, settings=settings, status=sequence.status, now=clock.now()
        )
    return codec.json_response(codec.data(_shown(changed)))


async def update_sequence_status(call: Call) -> web.StreamResponse:
    """Activate or pause a sequence"""
    request = await resources.receive_form(call, SequenceStatusRequest)
    async with call.database.write(durable=True, changes="nobody") as connection:
        sequence = await resources.find(call, connection, "sequence", sequences.select_sequence)
        changed = await sequences.update_sequence(
            connection,
            call.workspace_id,
            sequence,
            settings=sequence.settings,
            status=request.status,
            now=clock.now(),
        )
    return codec.json_response(codec.data(_shown(changed)))


async def delete_sequence(call: Call) -> web.StreamResponse:
    """Delete a sequence

    With its memberships. An unfinished import that names it goes on without it.
    """
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        sequence = await resources.find(call, connection, "sequence", sequences.select_sequence)
        await sequences.delete_sequence(connection, call.workspace_id, sequence.id)
    return web.Response(status=204)


def _parse(body: Body) -> SequenceSettings:
    request = codec.decode(body.data, SequenceRequest)
    values = msgspec.structs.asdict(request) | _definition(request.definition)
    return sequences.check(SequenceSettings(**values))


def _definition(sent: msgspec.Raw) -> dict[str, Any]:
    """
    Raises:
        InvalidBody: it is no object with a list of emails.
    """
    try:
        form = msgspec.json.decode(sent, type=_DefinitionForm)
    except (msgspec.ValidationError, RecursionError):
        raise errors.InvalidBody(
            "definition takes an object with the list emails, each of them an object.", field="definition"
        ) from None
    return {"definition": bytes(sent), "email_count": len(form.emails)}


async def _create(call: Call, settings: SequenceSettings, connection: Connection, now: int) -> Answer:
    shown = _shown(await sequences.insert_sequence(connection, call.workspace_id, settings, now))
    return Answer(status=201, body=codec.data(shown), location=shown.self_)


def _summary(sequence: SequenceSummary) -> SequenceSummaryResource:
    public_id = ids.encode(ids.SEQUENCE, sequence.id)
    return SequenceSummaryResource(
        id=public_id,
        self_=f"{PATH}/{public_id}",
        name=sequence.name,
        status=sequence.status,
        email_count=sequence.email_count,
        subscriber_count=sequence.subscriber_count,
        created_at=clock.rfc3339(sequence.created_at),
        updated_at=clock.rfc3339(sequence.updated_at),
    )


def _shown(sequence: Sequence) -> SequenceResource:
    public_id = ids.encode(ids.SEQUENCE, sequence.id)
    settings = msgspec.structs.asdict(sequence.settings)
    del settings["email_count"]
    return SequenceResource(
        id=public_id,
        self_=f"{PATH}/{public_id}",
        status=sequence.status,
        subscriber_count=sequence.subscriber_count,
        created_at=clock.rfc3339(sequence.created_at),
        updated_at=clock.rfc3339(sequence.updated_at),
        **settings | {"definition": msgspec.Raw(sequence.settings.definition)},
    )
