"""/v1/custom-fields"""

import msgspec
from aiohttp import web

from mailrith_lite import clock, ids
from mailrith_lite.api import codec, idempotent
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.context import Call
from mailrith_lite.audience import custom_fields
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import FieldType
from mailrith_lite.database import Connection
from mailrith_lite.idempotency import Answer

PATH = "/v1/custom-fields"


class FieldSettings(msgspec.Struct, frozen=True, kw_only=True):
    options: list[str] = []


class CustomFieldRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    label: str
    type: FieldType
    settings: FieldSettings | None = None


class CustomFieldResource(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")
    label: str
    type: FieldType
    settings: FieldSettings
    personalization_token: str
    created_at: str
    updated_at: str


async def list_custom_fields(call: Call) -> web.StreamResponse:
    page = codec.parse_page(call.request, ids.CUSTOM_FIELD)
    async with call.database.read() as connection:
        found = await custom_fields.select_custom_fields(
            connection, call.workspace_id, before_id=page.before_id, limit=page.fetched
        )
    return codec.page_response(page, [_shown(field) for field in found])


async def create_custom_field(call: Call) -> web.StreamResponse:
    return codec.answer_response(await idempotent.create(call, "createCustomField", _parse, _create))


def _parse(body: Body) -> CustomFieldRequest:
    return codec.decode(body.data, CustomFieldRequest)


async def _create(call: Call, request: CustomFieldRequest, connection: Connection, now: int) -> Answer:
    field = await custom_fields.create_custom_field(
        connection,
        call.workspace_id,
        label=request.label,
        field_type=request.type,
        options=request.settings.options if request.settings else [],
        now=now,
    )
    shown = _shown(field)
    return Answer(status=201, body=codec.data(shown), location=shown.self_)


def _shown(field: CustomField) -> CustomFieldResource:
    public_id = ids.encode(ids.CUSTOM_FIELD, field.id)
    return CustomFieldResource(
        id=public_id,
        self_=f"{PATH}/{public_id}",
        label=field.label,
        type=field.type,
        settings=FieldSettings(options=field.options),
        personalization_token=field.personalization_token,
        created_at=clock.rfc3339(field.created_at),
        updated_at=clock.rfc3339(field.updated_at),
    )
