"""/v1/sequences"""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite import clock, ids
from mailrith_lite.api import codec, example, idempotency, resources, sequence_definition, texts
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.codes import Codes
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.resources import Change, SearchQuery
from mailrith_lite.api.responses import Created, Data, NoContent, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.api.sequence_definition import RawDefinition
from mailrith_lite.audience import sequences
from mailrith_lite.audience.sequences import Sequence, SequenceSettings, SequenceStatus, SequenceSummary
from mailrith_lite.catalog import in_use, removal
from mailrith_lite.database import Connection

PATH = "/v1/sequences"
_CODES = Codes(own="invalid_sequence")

Name = Annotated[str, texts.name(sequences.MAX_NAME)]
Line = Annotated[str, texts.line(sequences.MAX_TEXT)]


class SequenceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    CODES: ClassVar[Codes] = _CODES

    name: Name
    definition: RawDefinition
    connection_id: Line | None = None
    reply_to_email: Line | None = None
    track_opens: bool = True
    track_clicks: bool = True
    utm_source: Line | None = None
    utm_medium: Line | None = None
    utm_campaign: Line | None = None
    utm_term: Line | None = None
    utm_content: Line | None = None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "name": "Welcome",
        "definition": sequence_definition.EXAMPLE,
        "utm_source": "newsletter",
    }


class SequenceChange(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    CODES: ClassVar[Codes] = _CODES

    name: Name | UnsetType = UNSET
    definition: RawDefinition | UnsetType = UNSET
    connection_id: Line | UnsetType | None = UNSET
    reply_to_email: Line | UnsetType | None = UNSET
    track_opens: bool | UnsetType = UNSET
    track_clicks: bool | UnsetType = UNSET
    utm_source: Line | UnsetType | None = UNSET
    utm_medium: Line | UnsetType | None = UNSET
    utm_campaign: Line | UnsetType | None = UNSET
    utm_term: Line | UnsetType | None = UNSET
    utm_content: Line | UnsetType | None = UNSET

    EXAMPLE: ClassVar[dict[str, Any]] = {"track_opens": False}


class SequenceStatusRequest(msgspec.Struct, frozen=True, kw_only=True):
    CODES: ClassVar[Codes] = Codes(fields={"status": "invalid_sequence_status"})

    status: SequenceStatus

    EXAMPLE: ClassVar[dict[str, Any]] = {"status": "running"}


class SequenceSummaryResource(msgspec.Struct, frozen=True, kw_only=True):
    """The rates are 0, because this service sends no email."""

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

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        ids.SEQUENCE,
        PATH,
        name="Welcome",
        status="running",
        is_updating=False,
        email_count=1,
        subscriber_count=120,
        open_rate=0,
        click_rate=0,
        unsubscribed_count=0,
    )


class SequenceResource(msgspec.Struct, frozen=True, kw_only=True):
    """`subscriber_count`: the active subscribers. The other counts are 0, because this service sends no email."""

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
    definition: RawDefinition
    subscriber_count: int
    open_rate: int = 0
    click_rate: int = 0
    unsubscribed_count: int = 0
    bounced_count: int = 0
    complained_count: int = 0
    created_at: str
    updated_at: str

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        ids.SEQUENCE,
        PATH,
        name="Welcome",
        status="running",
        is_updating=False,
        **dict.fromkeys(("connection_id", "from_name", "from_email", "reply_to_email")),
        track_opens=True,
        track_clicks=True,
        utm_source="newsletter",
        **dict.fromkeys(("utm_medium", "utm_campaign", "utm_term", "utm_content")),
        definition=sequence_definition.EXAMPLE,
        subscriber_count=120,
        **dict.fromkeys(("open_rate", "click_rate", "unsubscribed_count", "bounced_count", "complained_count"), 0),
    )


async def list_sequences(call: Call, query: SearchQuery) -> PageOf[SequenceSummaryResource]:
    """List sequences

    Newest first. `search`: part of a name, status or reply address, ignoring case.
    """
    page = query.page(ids.SEQUENCE)
    async with call.database.read_list(search=query.search) as connection:
        selected = await sequences.select_sequences(
            connection, call.workspace_id, search=query.search, before_id=page.before_id, limit=page.fetched
        )
    return PageOf(page, [_summary(sequence) for sequence in selected])


async def create_sequence(call: Call, body: Body[SequenceRequest]) -> Created[SequenceResource]:
    """Create a sequence

    A new sequence is paused. Sequences only have members: this service sends no email.
    """
    return Created(await idempotency.create(call, body, _parse, _create, changes="nobody"))


async def get_sequence(call: Call) -> Data[SequenceResource]:
    """Get a sequence"""
    sequence = await resources.find(call, call.database.lookup, "sequence", sequences.select_sequence)
    return Data(_resource(sequence))


@refuses(sequences.must_be_paused(1))
async def update_sequence(call: Call, form: SequenceChange) -> Data[SequenceResource]:
    """Update a sequence

    Absent fields stay as they are. A running sequence is paused first.
    """
    changes = {name: value for name, value in msgspec.structs.asdict(form).items() if value is not UNSET}
    if "definition" in changes:
        changes |= msgspec.structs.asdict(sequence_definition.check(changes["definition"]))
    async with call.database.write(durable=True, changes="nobody") as connection:
        sequence = await resources.find(call, connection, "sequence", sequences.select_sequence)
        settings = msgspec.structs.replace(sequence.settings, **changes)
        changed = await sequences.change_settings(
            connection, call.workspace_id, sequence, settings=settings, now=clock.now()
        )
    return Data(_resource(changed))


async def update_sequence_status(call: Call, form: SequenceStatusRequest) -> Data[SequenceResource]:
    """Activate or pause a sequence"""
    async with call.database.write(durable=True, changes="nobody") as connection:
        sequence = await resources.find(call, connection, "sequence", sequences.select_sequence)
        changed = await sequences.update_sequence(
            connection,
            call.workspace_id,
            sequence,
            settings=sequence.settings,
            status=form.status,
            now=clock.now(),
        )
    return Data(_resource(changed))


@refuses(*in_use.examples(ids.SEQUENCE))
async def delete_sequence(call: Call) -> NoContent:
    """Delete a sequence

    Its memberships are deleted with it. A sequence that a saved segment or an unfinished job names stays.
    """
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        sequence = await resources.find(call, connection, "sequence", sequences.select_sequence)
        await removal.delete_sequence(connection, call.door, sequence)
    return NoContent()


def _parse(body: Body[SequenceRequest]) -> SequenceSettings:
    request = body.decode()
    checked = sequence_definition.check(request.definition)
    values = msgspec.structs.asdict(request) | msgspec.structs.asdict(checked)
    return SequenceSettings(**values)


async def _create(call: Call, settings: SequenceSettings, connection: Connection, now: int) -> Answer:
    resource = _resource(await sequences.create_sequence(connection, call.workspace_id, settings, now))
    return Answer(status=201, body=codec.data(resource), location=resource.self_)


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


def _resource(sequence: Sequence) -> SequenceResource:
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
