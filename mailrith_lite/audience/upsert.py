"""Creates or changes one subscriber by the rules that also hold for the rows of an import."""

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import consent, input_checks, subscribers, values
from mailrith_lite.audience.consent import ConsentEvidence
from mailrith_lite.audience.custom_fields import CustomField, select_all_custom_fields
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.vocabulary import SUPPRESSED, Status
from mailrith_lite.database import Connection
from mailrith_lite.unicode_forms import fold

S = TypeVar("S")
T = TypeVar("T")

_NEW_STATUS: Status = "Unconfirmed"


class SubscriberInput(msgspec.Struct, frozen=True, kw_only=True):
    """The members of a subscriber as a request sends them, unchecked. UNSET keeps the saved value.

    `custom_fields`: the field's public id, or its label ignoring case -> its value. A blank value changes nothing.
    """

    email: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    country: str | UnsetType | None = UNSET
    subscribed_on: str | UnsetType = UNSET
    custom_fields: Mapping[str, Any] = {}


class UpsertContext(msgspec.Struct, frozen=True, kw_only=True):
    """`require_evidence`: a subscriber becomes Active only with evidence of consent."""

    workspace_id: int
    time_zone: str | None
    require_evidence: bool
    now: int


async def select_by_email(connection: Connection, workspace_id: int, email: str) -> Subscriber | None:
    """
    Raises:
        InvalidRequest: the email is not an email address.
    """
    address = _read("email", values.email, email)
    subscriber_id = await subscribers.select_subscriber_id(connection, workspace_id, address)
    if subscriber_id is None:
        return None
    return await subscribers.select_subscriber(connection, workspace_id, subscriber_id)


async def create(
    connection: Connection, context: UpsertContext, sent: SubscriberInput, evidence: ConsentEvidence | None
) -> Subscriber:
    """
    Raises:
        InvalidRequest: with the field that breaks a rule.
    """
    blank = Subscriber(
        id=0,
        email="",
        name="",
        status=_NEW_STATUS,
        country=None,
        custom_fields={},
        tags=[],
        sequence_ids=[],
        subscribed_at=context.now,
        last_opened_at=None,
        created_at=context.now,
        updated_at=context.now,
    )
    new = await _apply_input(connection, context, blank, sent)
    _check_consent(context, blank, new, evidence)
    subscriber_id = await subscribers.insert_subscriber(connection, context.workspace_id, new)
    if evidence is not None:
        await consent.insert_evidence(connection, subscriber_id, evidence, context.now)
    return msgspec.structs.replace(new, id=subscriber_id)


async def change(
    connection: Connection,
    context: UpsertContext,
    saved: Subscriber,
    sent: SubscriberInput,
    evidence: ConsentEvidence | None,
) -> Subscriber:
    """
    Raises:
        InvalidRequest: with the field that breaks a rule.
        Conflict: another subscriber has the new email.
    """
    changed = await _apply_input(connection, context, saved, sent)
    if changed.email != saved.email:
        other_id = await subscribers.select_subscriber_id(connection, context.workspace_id, changed.email)
        if other_id is not None:
            raise already_exists(other_id)
    _check_consent(context, saved, changed, evidence)
    if evidence is not None:
        await consent.insert_evidence(connection, saved.id, evidence, context.now)
    if changed != saved:
        changed = msgspec.structs.replace(changed, updated_at=context.now)
        await subscribers.update_subscriber(connection, context.workspace_id, changed)
    elif evidence is not None or sent.status in SUPPRESSED:  # a repeated opt-out counts, too
        await subscribers.update_changed_by_hand(connection, context.workspace_id, saved.id)
    return changed


async def touch(connection: Connection, workspace_id: int, subscriber_id: int, now: int) -> Subscriber:
    """Sets `updated_at` after a change of the subscriber's memberships."""
    subscriber = await subscribers.select_subscriber(connection, workspace_id, subscriber_id)
    assert subscriber is not None
    touched = msgspec.structs.replace(subscriber, updated_at=now)
    await subscribers.update_subscriber(connection, workspace_id, touched)
    return touched


def already_exists(subscriber_id: int) -> errors.Conflict:
    return errors.Conflict(
        "A subscriber with this email exists already; update that one.",
        code="subscriber_conflict",
        field="email",
        resource=("subscriber", ids.encode(ids.SUBSCRIBER, subscriber_id)),
    )


async def _apply_input(
    connection: Connection, context: UpsertContext, saved: Subscriber, sent: SubscriberInput
) -> Subscriber:
    new: dict[str, Any] = {}
    if not isinstance(sent.email, UnsetType):
        new["email"] = _read("email", values.email, sent.email)
    if not isinstance(sent.name, UnsetType):
        new["name"] = _read("name", values.name, sent.name)
    if not isinstance(sent.status, UnsetType):
        new["status"] = sent.status
    if not isinstance(sent.country, UnsetType):
        text = (sent.country or "").strip()
        new["country"] = _read("country", values.country, text) if text else None
    if not isinstance(sent.subscribed_on, UnsetType):
        midnight = _midnight(sent.subscribed_on, context)
        same_day = clock.day(saved.subscribed_at, context.time_zone) == clock.day(midnight, context.time_zone)
        new["subscribed_at"] = saved.subscribed_at if same_day else midnight  # the same day keeps its time
    if sent.custom_fields:
        fields = await select_all_custom_fields(connection, context.workspace_id)
        new["custom_fields"] = saved.custom_fields | _field_values(sent.custom_fields, fields)
    return msgspec.structs.replace(saved, **new)


def _field_values(sent: Mapping[str, Any], fields: Sequence[CustomField]) -> dict[str, Any]:
    """The field's integer id, as text, -> its value. Blank values are left out."""
    by_name = {fold(field.label): field for field in fields}
    by_name |= {ids.encode(ids.CUSTOM_FIELD, field.id): field for field in fields}  # an id wins over a label
    by_id: dict[str, Any] = {}
    seen: set[int] = set()
    for name, value in sent.items():
        path = f"custom_fields.{name}"
        field = by_name.get(name) or by_name.get(fold(" ".join(name.split())))
        if field is None:
            raise errors.InvalidRequest(
                "There is no custom field with this id or label in the workspace.",
                field=path,
                reason="custom_field_not_found",
            )
        if field.id in seen:
            raise errors.InvalidRequest("A custom field can be given only once.", field=path)
        seen.add(field.id)
        read = functools.partial(values.field_value, field.type, field.options)
        saved = _read(path, read, value)
        if saved is not None:
            by_id[str(field.id)] = saved
    return by_id


def _check_consent(
    context: UpsertContext, saved: Subscriber, changed: Subscriber, evidence: ConsentEvidence | None
) -> None:
    if evidence is not None:
        consent.check(evidence, context.now)
    if context.require_evidence and changed.status == "Active" and saved.status != "Active":
        consent.require(evidence)


def _midnight(subscribed_on: str, context: UpsertContext) -> int:
    """The start of the day in the workspace's time zone."""
    try:
        day = date.fromisoformat(values.day(subscribed_on))
    except values.Refused as refusal:  # its code is that of a custom field
        raise errors.InvalidRequest(refusal.message, field="subscribed_on", reason="invalid_date") from None
    if not date(1970, 1, 2) <= day <= clock.day(context.now, context.time_zone):
        raise errors.InvalidRequest(
            "subscribed_on takes a day from 1970-01-02 up to today.", field="subscribed_on", reason="out_of_range"
        )
    return clock.midnight(day, context.time_zone)


def _read(field: str, read: Callable[[S], T], sent: S) -> T:
    """
    Raises:
        InvalidRequest: the value breaks a rule; the reason is the code that an import's report would have.
    """
    value = input_checks.read_value(read, sent, field)
    if isinstance(value, str) and "\0" in value:  # no import could read it back from an export
        raise errors.InvalidRequest("A text cannot contain a NUL character.", field=field, reason="nul_character")
    return value
