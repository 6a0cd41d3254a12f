"""/v1/custom-fields"""

from typing import Annotated, Any, ClassVar

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
from mailrith_lite.audience import custom_fields, field_conversion
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import FieldType
from mailrith_lite.catalog import field_change, in_use, removal
from mailrith_lite.database import Connection
from mailrith_lite.jobs.kinds import IMPORT

PATH = "/v1/custom-fields"
_CODES = Codes(own="invalid_custom_field")

Label = Annotated[str, texts.name(custom_fields.MAX_LABEL)]
Option = Annotated[str, texts.name(custom_fields.MAX_OPTION)]
Options = Annotated[
    list[Option],
    texts.listed(custom_fields.MAX_OPTIONS, "Each once; the three select types take at least one, the others none"),
]


class FieldSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    options: Options = []


class CustomFieldRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    CODES: ClassVar[Codes] = _CODES

    label: Label
    type: FieldType
    settings: FieldSettings | None = None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "label": "Size",
        "type": "Single Select",
        "settings": {"options": ["S", "M", "L"]},
    }


class CustomFieldChange(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    CODES: ClassVar[Codes] = _CODES

    label: Label | UnsetType = UNSET
    type: FieldType | UnsetType = UNSET
    settings: FieldSettings | UnsetType = UNSET

    EXAMPLE: ClassVar[dict[str, Any]] = {"label": "T-shirt size"}


class CustomFieldResource(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    self_: str = msgspec.field(name="self")
    label: str
    type: FieldType
    settings: FieldSettings
    personalization_token: str
    created_at: str
    updated_at: str

    EXAMPLE: ClassVar[dict[str, Any]] = example.resource(
        ids.CUSTOM_FIELD,
        PATH,
        **CustomFieldRequest.EXAMPLE,
        personalization_token='[Size, fallback=""]',  # noqa: S106 - a placeholder in an email
    )


async def list_custom_fields(call: Call, query: SearchQuery) -> PageOf[CustomFieldResource]:
    """List custom fields

    Newest first. `search`: part of a label or type, ignoring case.
    """
    page = query.page(ids.CUSTOM_FIELD)
    async with call.database.read_list(search=query.search) as connection:
        fields = await custom_fields.select_custom_fields(
            connection, call.workspace_id, search=query.search, before_id=page.before_id, limit=page.fetched
        )
    return PageOf(page, [_resource(field) for field in fields])


@refuses(custom_fields.label_taken("Size", new=True))
async def create_custom_field(call: Call, body: Body[CustomFieldRequest]) -> Created[CustomFieldResource]:
    """Create a custom field

    No two labels of a workspace differ only in case, because a label is the name of a column in exports.
    """
    return Created(await idempotency.create(call, body, Body.decode, _create, changes="nobody"))


async def get_custom_field(call: Call) -> Data[CustomFieldResource]:
    """Get a custom field"""
    field = await resources.find(call, call.database.lookup, "custom_field", custom_fields.select_custom_field)
    return Data(_resource(field))


@refuses(
    custom_fields.label_taken("Size", new=False),
    *in_use.examples(ids.CUSTOM_FIELD),
    in_use.type_locked(in_use.named_by_job(IMPORT, ids.CUSTOM_FIELD, 1)),
    field_conversion.values_would_be_lost(1, 12, type_changes=True),
    field_conversion.values_would_be_lost(1, 12, type_changes=False),
)
async def update_custom_field(call: Call, form: CustomFieldChange) -> Data[CustomFieldResource]:
    """Update a custom field

    Absent fields stay as they are. A type or a list of options that cannot hold a saved value is refused. If a
    saved segment or an unfinished job names the field, its type cannot change and no option can be removed.
    """
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        field = await resources.find(call, connection, "custom_field", custom_fields.select_custom_field)
        changed = await field_change.change_custom_field(
            connection,
            call.door,
            field,
            label=new_or_saved(form.label, field.label),
            field_type=new_or_saved(form.type, field.type),
            options=None if isinstance(form.settings, UnsetType) else form.settings.options,
        )
    return Data(_resource(changed))


@refuses(*in_use.examples(ids.CUSTOM_FIELD))
async def delete_custom_field(call: Call) -> NoContent:
    """Delete a custom field

    The values of all subscribers are deleted with it. A field that a saved segment or an unfinished job names
    cannot be deleted.
    """
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        field = await resources.find(call, connection, "custom_field", custom_fields.select_custom_field)
        await removal.delete_custom_field(connection, call.door, field)
    return NoContent()


async def _create(call: Call, request: CustomFieldRequest, connection: Connection, now: int) -> Answer:
    field = await custom_fields.create_custom_field(
        connection,
        call.workspace_id,
        label=request.label,
        field_type=request.type,
        options=request.settings.options if request.settings else [],
        now=now,
    )
    resource = _resource(field)
    return Answer(status=201, body=codec.data(resource), location=resource.self_)


def _resource(field: CustomField) -> CustomFieldResource:
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
