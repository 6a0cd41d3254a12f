"""The form of one subscriber: its inputs, what a person has typed, and the change that it asks for."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import values
from mailrith_lite.audience.consent import ConsentEvidence
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.upsert import SubscriberInput
from mailrith_lite.audience.values import FieldType, field_text
from mailrith_lite.audience.vocabulary import STATUSES, SUPPRESSED, Status
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.names import Option

MAX_REASON = 200
EVIDENCE_INPUTS = ("lawful_basis", "collected_at", "evidence_reference")
Kind = Literal["text", "email", "number", "date", "area", "choice", "choices"]
_KINDS: dict[FieldType, Kind] = {
    "Text": "text",
    "Text Area": "area",
    "Number": "number",
    "Date": "date",
    "Checkbox": "choice",
    "Select (Dropdown)": "choice",
    "Single Select": "choice",
    "Multi Select": "choices",
}


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: also the id of the element. `values`: several for the kind `choices`. `most`: characters."""

    name: str
    label: str
    kind: Kind
    values: list[str]
    options: list[Option] = []
    most: int | None = None

    @property
    def value(self) -> str:
        return next(iter(self.values), "")


def about_inputs(subscriber: Subscriber, time_zone: str | None, typed: Fields | None) -> list[Input]:
    """`typed`: a form that was refused, whose values are shown again."""
    day = clock.day(subscriber.subscribed_at, time_zone).isoformat()
    inputs = [
        Input(name="email", label="Email", kind="email", values=[subscriber.email], most=254),
        Input(name="name", label="Name", kind="text", values=[subscriber.name], most=values.MAX_NAME),
        Input(name="country", label="Country", kind="text", values=[subscriber.country or ""], most=100),
        Input(name="subscribed_on", label="Subscribed on", kind="date", values=[day]),
    ]
    return [_typed(one, typed) for one in inputs]


def field_inputs(subscriber: Subscriber, fields: Sequence[CustomField], typed: Fields | None) -> list[Input]:
    return [_typed(_field_input(field, subscriber.custom_fields.get(str(field.id))), typed) for field in fields]


def _field_input(field: CustomField, value: Any) -> Input:
    texts = value if isinstance(value, list) else [] if value is None else [field_text(value)]
    options = [Option(id=option, name=option) for option in field.options]
    if field.type == "Checkbox":
        options = [Option(id="true", name="Yes"), Option(id="false", name="No")]
    kind = _KINDS[field.type]
    return Input(name=_field_name(field.id), label=field.label, kind=kind, values=texts, options=options)


def _typed(saved: Input, typed: Fields | None) -> Input:
    return saved if typed is None else msgspec.structs.replace(saved, values=typed.getall(saved.name, []))


def about_change(fields: Fields) -> SubscriberInput:
    """An empty custom field keeps the saved value, as in the API."""
    public_ids = {name.removeprefix("field-") for name in fields if name.startswith("field-")}
    return SubscriberInput(
        email=fields.get("email", UNSET),
        name=fields.get("name", UNSET),
        country=fields.get("country", UNSET),
        subscribed_on=fields.get("subscribed_on") or UNSET,
        custom_fields={public_id: _field_value(fields.getall(f"field-{public_id}")) for public_id in public_ids},
    )


def _field_value(texts: list[str]) -> Any:
    """A field of several choices has a hidden empty value, so that the form always names it."""
    chosen = [text for text in texts if text]
    return chosen[0] if len(texts) == 1 and chosen else chosen


def chosen_status(fields: Fields, saved: Status) -> tuple[Status, str]:
    """The status, and the reason for it.

    Raises:
        InvalidRequest: there is no such status, or somebody who has opted out would come back without a reason.
    """
    status = next((known for known in STATUSES if known == fields.get("status")), None)
    reason = " ".join(fields.get("reason", "").split())
    if status is None:
        raise errors.InvalidRequest("Choose a status.", field="status")
    if len(reason) > MAX_REASON or values.has_control(reason):
        raise errors.InvalidRequest(f"A reason has at most {MAX_REASON} characters.", field="reason")
    if saved in SUPPRESSED and status not in SUPPRESSED and not reason:
        raise errors.InvalidRequest(f"Say why somebody who is {saved} becomes {status}.", field="reason")
    return status, reason


def evidence(fields: Fields) -> ConsentEvidence | None:
    """None if nothing is typed.

    Raises:
        InvalidRequest: a part is missing or cannot be read.
    """
    typed = {name: fields.get(name, "").strip() for name in EVIDENCE_INPUTS}
    if not any(typed.values()):
        return None
    for name, text in typed.items():
        if not text:
            raise errors.InvalidRequest("Complete the evidence of consent.", field=f"consent_evidence.{name}")
    if len(typed["collected_at"]) == len("2026-04-11"):
        typed["collected_at"] += "T00:00:00Z"
    try:
        return msgspec.convert(typed, ConsentEvidence, strict=False)
    except msgspec.ValidationError as error:
        name = next((one for one in EVIDENCE_INPUTS if f"$.{one}" in str(error)), EVIDENCE_INPUTS[0])
        raise errors.InvalidRequest(
            "The evidence of consent has a day, and texts of 1 to 64 and of 1 to 512 characters.",
            field=f"consent_evidence.{name}",
        ) from None


def problem(error: errors.MailrithError) -> Problems:
    """The element of the page -> what is wrong there."""
    field = str(error.details.get("field", ""))
    if field.startswith("custom_fields."):
        field = f"field-{field.removeprefix('custom_fields.')}"
    elif field.startswith("consent_evidence"):
        field = field.removeprefix("consent_evidence").removeprefix(".") or EVIDENCE_INPUTS[0]
    return {field.partition("[")[0]: error.message}


def _field_name(field_id: int) -> str:
    return f"field-{ids.encode(ids.CUSTOM_FIELD, field_id)}"
