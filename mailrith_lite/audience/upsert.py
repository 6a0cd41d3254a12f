"""Create or change one subscriber, by the rules that hold for the rows of an import."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import consent, memberships, subscribers, tags, values
from mailrith_lite.audience.consent import ConsentEvidence
from mailrith_lite.audience.custom_fields import CustomField, select_all_custom_fields
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.values import Status
from mailrith_lite.database import Connection

T = TypeVar("T")

MAX_NEW_TAGS = 100
_NEW_STATUS: Status = "Unconfirmed"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of a subscriber, as it was sent; UNSET leaves what is saved.

    `custom_fields`: the field's public id, or its label in any case -> its value; a blank one leaves what is saved.
    """

    email: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    country: str | UnsetType | None = UNSET
    subscribed_on: str | UnsetType = UNSET
    custom_fields: Mapping[str, Any] = {}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds in the workspace. `require_evidence`: nobody is made Active without evidence of consent."""

    workspace_id: int
    time_zone: str | None
    require_evidence: bool
    now: int


async def find_by_email(connection: Connection, workspace_id: int, email: str) -> Subscriber | None:
    """
    Raises:
        InvalidBody: this is no email address.
    """
    found = await subscribers.select_subscriber_id(connection, workspace_id, _checked("email", values.email, email))
    return None if found is None else await subscribers.select_subscriber(connection, workspace_id, found)


async def create(
    connection: Connection, terms: Terms, profile: Profile, evidence: ConsentEvidence | None
) -> Subscriber:
    """
    Raises:
        InvalidBody: naming the field that breaks a rule.
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
        subscribed_at=terms.now,
        last_opened_at=None,
        created_at=terms.now,
        updated_at=terms.now,
    )
    wanted = await _changed(connection, terms, blank, profile)
    _check_consent(terms, blank, wanted, evidence)
    subscriber_id = await subscribers.insert_subscriber(connection, terms.workspace_id, wanted)
    if evidence is not None:
        await consent.insert_evidence(connection, subscriber_id, evidence, terms.now)
    return msgspec.structs.replace(wanted, id=subscriber_id)


async def change(
    connection: Connection, terms: Terms, saved: Subscriber, profile: Profile, evidence: ConsentEvidence | None
) -> Subscriber:
    """
    Raises:
        InvalidBody: naming the field that breaks a rule.
        Conflict: another subscriber has the new email.
    """
    wanted = await _changed(connection, terms, saved, profile)
    if wanted.email != saved.email:
        other = await subscribers.select_subscriber_id(connection, terms.workspace_id, wanted.email)
        if other is not None:
            raise already_exists(other)
    _check_consent(terms, saved, wanted, evidence)
    if evidence is not None:
        await consent.insert_evidence(connection, saved.id, evidence, terms.now)
    if wanted != saved:
        wanted = msgspec.structs.replace(wanted, updated_at=terms.now)
        await subscribers.update_subscriber(connection, terms.workspace_id, wanted)
    return wanted


async def touch(connection: Connection, workspace_id: int, subscriber_id: int, now: int) -> Subscriber:
    """The subscriber after a membership of theirs has changed."""
    found = await subscribers.select_subscriber(connection, workspace_id, subscriber_id)
    assert found is not None
    touched = msgspec.structs.replace(found, updated_at=now)
    await subscribers.update_subscriber(connection, workspace_id, touched)
    return touched


async def add_new_tags(
    connection: Connection, workspace_id: int, subscriber: Subscriber, names: Sequence[str], now: int
) -> Subscriber:
    """Each is a tag's name, in any case; one that is not there is made.

    Raises:
        InvalidBody: too many, or a name that no tag can have.
    """
    if len(names) > MAX_NEW_TAGS:
        raise errors.InvalidBody(f"new_tags takes at most {MAX_NEW_TAGS} names.", field="new_tags")
    altered = False
    for position, name in enumerate(names):
        cleaned = tags.clean_name(name, f"new_tags[{position}]")
        tag_id = await tags.select_tag_id(connection, workspace_id, cleaned)
        if tag_id is None:
            tag_id = await tags.insert_tag(connection, workspace_id, cleaned, None, now)
        altered |= await memberships.insert_tag(connection, subscriber.id, tag_id)
    return await touch(connection, workspace_id, subscriber.id, now) if altered else subscriber


def already_exists(subscriber_id: int) -> errors.Conflict:
    return errors.Conflict(
        "A subscriber with this email exists already; update that one.",
        code="subscriber_already_exists",
        field="email",
        resource=("subscriber", ids.encode(ids.SUBSCRIBER, subscriber_id)),
    )


async def _changed(connection: Connection, terms: Terms, saved: Subscriber, profile: Profile) -> Subscriber:
    """The subscriber as the profile wants it."""
    new: dict[str, Any] = {}
    if not isinstance(profile.email, UnsetType):
        new["email"] = _checked("email", values.email, profile.email)
    if not isinstance(profile.name, UnsetType):
        new["name"] = _checked("name", values.name, profile.name)
    if not isinstance(profile.status, UnsetType):
        new["status"] = profile.status
    if not isinstance(profile.country, UnsetType):
        blank = profile.country is None or not profile.country.strip()
        new["country"] = None if blank else _checked("country", values.country, profile.country)
    if not isinstance(profile.subscribed_on, UnsetType):
        moment = _midnight(profile.subscribed_on, terms)
        same_day = clock.day(saved.subscribed_at, terms.time_zone) == clock.day(moment, terms.time_zone)
        new["subscribed_at"] = saved.subscribed_at if same_day else moment  # the same day keeps its hour
    if profile.custom_fields:
        fields = await select_all_custom_fields(connection, terms.workspace_id)
        new["custom_fields"] = saved.custom_fields | _field_values(profile.custom_fields, fields)
    return msgspec.structs.replace(saved, **new)


def _field_values(sent: Mapping[str, Any], fields: Sequence[CustomField]) -> dict[str, Any]:
    """The integer id of each field, as text, and its value; without the blank ones."""
    by_name = {field.label.casefold(): field for field in fields}
    by_name |= {ids.encode(ids.CUSTOM_FIELD, field.id): field for field in fields}  # an id wins over a label
    found: dict[str, Any] = {}
    taken: set[int] = set()
    for name, value in sent.items():
        path = f"custom_fields.{name}"
        field = by_name.get(name) or by_name.get(" ".join(name.split()).casefold())
        if field is None:
            raise errors.InvalidBody(
                "There is no custom field with this id or label in the workspace.",
                field=path,
                reason="custom_field_not_found",
            )
        if field.id in taken:
            raise errors.InvalidBody("A custom field can be given once only.", field=path)
        taken.add(field.id)
        saved = _checked(path, lambda sent, field=field: values.field_value(field.type, field.options, sent), value)
        if saved is not None:
            found[str(field.id)] = saved
    return found


def _check_consent(terms: Terms, saved: Subscriber, wanted: Subscriber, evidence: ConsentEvidence | None) -> None:
    if evidence is not None:
        consent.check(evidence, terms.now)
    if terms.require_evidence and wanted.status == "Active" and saved.status != "Active":
        consent.require(evidence)


def _midnight(subscribed_on: str, terms: Terms) -> int:
    """The day's begin in the workspace's time zone."""
    try:
        day = date.fromisoformat(values.day(subscribed_on))
    except values.Refused as refusal:
        raise errors.InvalidBody(refusal.message, field="subscribed_on", reason="invalid_date") from None
    if not date(1970, 1, 2) <= day <= clock.day(terms.now, terms.time_zone):
        raise errors.InvalidBody(
            "subscribed_on takes a day from 1970-01-02 up to today.", field="subscribed_on", reason="out_of_range"
        )
    return clock.midnight(day, terms.time_zone)


def _checked(field: str, read: Any, sent: Any) -> Any:
    """
    Raises:
        InvalidBody: the value breaks a rule; its code as an import's report has it is the reason.
    """
    try:
        found = read(sent)
    except values.Refused as refusal:
        raise errors.InvalidBody(refusal.message, field=field, reason=refusal.code) from None
    if isinstance(found, str) and "\0" in found:  # an export that had one could not be imported again
        raise errors.InvalidBody("A text cannot hold a NUL character.", field=field, reason="nul_character")
    return found
