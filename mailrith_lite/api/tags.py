"""/v1/tags"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite import clock, ids
from mailrith_lite.api import codec, example, idempotency, resources, texts
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.codes import Codes
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.resources import Change, SearchQuery, new_or_saved
from mailrith_lite.api.responses import Created, Data, NoContent, PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.audience import tags
from mailrith_lite.audience.tags import Tag
from mailrith_lite.catalog import in_use, removal
from mailrith_lite.database import Connection

PATH = "/v1/tags"
_CODES = Codes(fields={"name": "invalid_tag_name"})

Name = Annotated[str, texts.name(tags.MAX_NAME)]
Description = Annotated[str, texts.long(tags.MAX_DESCRIPTION)]


class TagRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    CODES: ClassVar[Codes] = _CODES

    name: Name
    description: Description | None = None

    EXAMPLE: ClassVar[dict[str, Any]] = {"name": "Spring", "description": "Came with the spring campaign"}


class TagChange(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    CODES: ClassVar[Codes] = _CODES

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET

    EXAMPLE: ClassVar[dict[str, Any]] = {"description": None}


class TagResource(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")
    name: str
    description: str | None
    gdpr_consent_purpose: Literal["email_marketing", "ads_personalization"] | None
    subscriber_count: int
    created_at: str
    updated_at: str

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        ids.TAG, PATH, name="Spring", description=None, gdpr_consent_purpose=None, subscriber_count=42
    )


async def list_tags(call: Call, query: SearchQuery) -> PageOf[TagResource]:
    """List tags

    Newest first. `search`: part of a name or description, ignoring case.
    """
    page = query.page(ids.TAG)
    async with call.database.read_list(search=query.search) as connection:
        selected = await tags.select_tags(
            connection, call.workspace_id, search=query.search, before_id=page.before_id, limit=page.fetched
        )
    return PageOf(page, [_resource(tag) for tag in selected])


@refuses(tags.name_taken())
async def create_tag(call: Call, body: Body[TagRequest]) -> Created[TagResource]:
    """Create a tag"""
    return Created(await idempotency.create(call, body, Body.decode, _create, changes="nobody"))


async def get_tag(call: Call) -> Data[TagResource]:
    """Get a tag"""
    tag = await resources.find(call, call.database.lookup, "tag", tags.select_tag)
    return Data(_resource(tag))


@refuses(tags.name_taken())
async def update_tag(call: Call, form: TagChange) -> Data[TagResource]:
    """Update a tag

    Absent fields stay as they are.
    """
    async with call.database.write(durable=True, changes="nobody") as connection:
        tag = await resources.find(call, connection, "tag", tags.select_tag)
        changed = await tags.change_tag(
            connection,
            call.workspace_id,
            tag,
            name=new_or_saved(form.name, tag.name),
            description=new_or_saved(form.description, tag.description),
            now=clock.now(),
        )
    return Data(_resource(changed))


@refuses(*in_use.examples(ids.TAG))
async def delete_tag(call: Call) -> NoContent:
    """Delete a tag

    Every subscriber loses it. A tag that a saved segment or an unfinished job names cannot be deleted.
    """
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        tag = await resources.find(call, connection, "tag", tags.select_tag)
        await removal.delete_tag(connection, call.door, tag)
    return NoContent()


async def _create(call: Call, request: TagRequest, connection: Connection, now: int) -> Answer:
    tag = await tags.create_tag(
        connection, call.workspace_id, name=request.name, description=request.description, now=now
    )
    resource = _resource(tag)
    return Answer(status=201, body=codec.data(resource), location=resource.self_)


def _resource(tag: Tag) -> TagResource:
    public_id = ids.encode(ids.TAG, tag.id)
    return TagResource(
        id=public_id,
        self_=f"{PATH}/{public_id}",
        name=tag.name,
        description=tag.description,
        gdpr_consent_purpose=None,
        subscriber_count=tag.subscriber_count,
        created_at=clock.rfc3339(tag.created_at),
        updated_at=clock.rfc3339(tag.updated_at),
    )
