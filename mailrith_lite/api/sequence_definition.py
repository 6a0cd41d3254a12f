"""The definition of a sequence: a closed form, checked and then saved as it was sent."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mailrith_lite import errors
from mailrith_lite.api import codec

EXAMPLE: dict[str, Any] = {
    "emails": [
        {
            "id": "email_1",
            "subject": "Welcome",
            "previewText": "",
            "bodyDocument": {},
            "status": "draft",
            "delayValue": 0,
            "delayUnit": "days",
            "sendOnWeekdays": [],
        }
    ]
}


class SequenceEmail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An email of a sequence, as the API contract has it. It is stored and returned, and never sent."""

    id: str
    subject: str
    previewText: str  # noqa: N815 - the contract's spelling
    bodyDocument: Any  # noqa: N815
    status: str
    delayValue: int | float  # noqa: N815
    delayUnit: str  # noqa: N815
    sendOnWeekdays: Any  # noqa: N815
    body: Any = None
    audienceMode: Any = None  # noqa: N815
    audienceDefinition: Any = None  # noqa: N815
    stats: Any = None


class SequenceDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    emails: list[SequenceEmail]
    defaultTemplateId: str | UnsetType | None = UNSET  # noqa: N815
    sendOnWeekdays: Any = None  # noqa: N815
    excludeAudienceDefinition: Any = None  # noqa: N815
    restartSequenceForCompletedSubscribers: bool | UnsetType | None = UNSET  # noqa: N815
    sendNewEmailsToCompletedSubscribers: bool | UnsetType | None = UNSET  # noqa: N815


class CheckedDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """`definition`: JSON, as it was sent."""

    definition: bytes
    email_count: int


def _schema() -> dict[str, Any]:
    """The JSON Schema of a definition, in one piece."""
    _, components = msgspec.json.schema_components([SequenceDefinition])
    definition, email = components["SequenceDefinition"], components["SequenceEmail"]
    for schema in (definition, email):
        for name in ("title", "description"):
            schema.pop(name, None)
        for member in schema["properties"].values():
            member.pop("default", None)
    definition["properties"]["emails"]["items"] = email
    return {**definition, "description": "Kept as it was sent: nothing is ever delivered."}


RawDefinition = Annotated[msgspec.Raw, Meta(extra_json_schema=_schema())]
"""Raw, because a decoded one would lose digits of numbers and the order of members."""


def check(sent: msgspec.Raw) -> CheckedDefinition:
    """
    Raises:
        InvalidRequest: it does not have the form of the contract; the error names the member.
    """
    try:
        definition = codec.decode(memoryview(sent), SequenceDefinition)
    except errors.InvalidRequest as error:
        raise errors.InvalidRequest(
            f"definition.{error.message}",
            field=f"definition.{error.details['field']}",
            reason=error.details.get("reason"),
        ) from None
    except errors.InvalidBody:
        raise errors.InvalidRequest(
            "definition takes an object with the list emails.", field="definition"
        ) from None
    return CheckedDefinition(definition=bytes(sent), email_count=len(definition.emails))
