"""/v1/tags"""

import msgspec
from aiohttp import web

from mailrith_lite import clock, ids
from mailrith_lite.api import codec, idempotent
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.context import Call
from mailrith_lite.audience import tags
from mailrith_lite.audience.tags import Tag
from mailrith_lite.database import Connection
from mailrith_lite.idempotency import Answer

PATH = "/v1/tags"


class TagRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    description: str | None = None


class TagResource(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")
    name: str
    description: str | None
    gdpr_consent_purpose: str | None
    subscriber_count: int
    created_at: str
    updated_at: str


async def list_tags(call: Call) -> web.StreamResponse:
    page = codec.parse_page(call.request, ids.TAG)
    async with call.database.read() as connection:
        found = await tags.select_tags(connection, call.workspace_id, before_id=page.before_id, limit=page.fetched)
    return codec.page_response(page, [_shown(tag) for tag in found])


async def create_tag(call: Call) -> web.StreamResponse:
    return codec.answer_response(await idempotent.create(call, "createTag", _parse, _create))


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
