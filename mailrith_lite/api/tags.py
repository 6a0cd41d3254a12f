"""/v1/tags"""

from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from mailrith_lite import clock, ids
from mailrith_lite.api import codec, idempotency, in_use, parameters, resources, texts
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.resources import SearchQuery, chosen
from mailrith_lite.audience import tags
from mailrith_lite.audience.tags import Tag
from mailrith_lite.database import Connection

PATH = "/v1/tags"

Name = Annotated[str, texts.name(tags.MAX_NAME)]
Description = Annotated[str, texts.long(tags.MAX_DESCRIPTION)]


class TagRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    description: Description | None = None


class TagChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET


class TagResource(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")
    name: str
    description: str | None
    gdpr_consent_purpose: Literal["email_marketing", "ads_personalization"] | None
    subscriber_count: int
    created_at: str
    updated_at: str


async def list_tags(call: Call) -> web.StreamResponse:
    """List tags

    Newest first. `search` is found in a name or a description, in any case.
    """
    query = parameters.parse(call.request, SearchQuery)
    page = query.page(ids.TAG)
    async with call.database.read() as connection:
        found = await tags.select_tags(
            connection, call.workspace_id, search=query.search, before_id=page.before_id, limit=page.fetched
        )
    return codec.page_response(page, [_shown(tag) for tag in found])


async def create_tag(call: Call) -> web.StreamResponse:
    """Create a tag"""
    return await idempotency.create(call, _parse, _create, changes="nobody")


async def get_tag(call: Call) -> web.StreamResponse:
    """Get a tag"""
    async with call.database.read() as connection:
        tag = await resources.find(call, connection, "tag", tags.select_tag)
    return codec.json_response(codec.data(_shown(tag)))


async def update_tag(call: Call) -> web.StreamResponse:
    """Update a tag

    What is left out stays as it is.
    """
    change = await resources.receive_change(call, TagChange)
    async with call.database.write(durable=True, changes="nobody") as connection:
        tag = await resources.find(call, connection, "tag", tags.select_tag)
        changed = await tags.change_tag(
            connection,
            call.workspace_id,
            tag,
            name=chosen(change.name, tag.name),
            description=chosen(change.description, tag.description),
            now=clock.now(),
        )
    return codec.json_response(codec.data(_shown(changed)))


async def delete_tag(call: Call) -> web.StreamResponse:
    """Delete a tag

    It is taken off every subscriber. A tag that a saved segment or an unfinished import names stays.
    """
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        tag = await resources.find(call, connection, "tag", tags.select_tag)
        await in_use.check_tag(connection, call.workspace_id, tag.id)
        await tags.delete_tag(connection, call.workspace_id, tag.id)
    return web.Response(status=204)


def _parse(body: Body) -> TagRequest:
    return codec.decode(body.data, TagRequest)


async def _create(call: Call, request: TagRequest, connection: Connection, now: int) -> Answer:
    tag = await tags.create_tag(
        connection, call.workspace_id, name=request.name, description=request.description, now=now
    )
    shown = _shown(tag)
    return Answer(status=201, body=codec.data(shown), location=shown.self_)


def _shown(tag: Tag) -> TagResource:
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
