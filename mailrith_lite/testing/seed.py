"""Fills a workspace for a test, by the rules of requests and imports."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from mailrith_lite import clock, errors, ids
from mailrith_lite.audience import bulk, custom_fields, memberships, sequences, subscribers, tags, upsert, values
from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.audience.sequences import SequenceSettings
from mailrith_lite.audience.upsert import SubscriberInput, UpsertContext
from mailrith_lite.audience.values import FieldType
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Connection

MAX_SAMPLE = 1_000_000
_QUICKSTART_FIELD = "Company"
_CHUNK = 10_000
_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Tim", "Margaret", "Ken", "Frances")
_LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Perlman", "Lee", "Hamilton", "Allen")
_COUNTRIES = ("GB", "US", "DE", "FR", "NL", None, "BR")
_STATUSES: tuple[Status, ...] = (*("Active",) * 8, "Unsubscribed", "Bounced", "Unconfirmed")


class SeedSubscriber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`custom_fields`: by label or id. `tags`, `sequences`: names, also new ones. `last_opened_at`: RFC 3339."""

    email: str
    name: str = ""
    status: Status = "Active"
    country: str | None = None
    subscribed_on: str | None = None
    last_opened_at: str | None = None
    custom_fields: dict[str, Any] = {}
    tags: list[str] = []
    sequences: list[str] = []


class SeedField(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    label: str
    type: FieldType = "Text"
    options: list[str] = []


class Seed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`subscribers`: a list in which a text is an email, or how many samples to make.

    `custom_fields`: a text is the label of a Text field.
    """

    tags: list[str] = []
    sequences: list[str] = []
    custom_fields: list[str | SeedField] = []
    subscribers: int | list[str | SeedSubscriber] = []


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """The public ids by name, label or email; samples are only counted."""

    tags: dict[str, str]
    sequences: dict[str, str]
    custom_fields: dict[str, str]
    subscribers: dict[str, str]
    subscriber_count: int


def parse(values: Mapping[str, Any]) -> Seed:
    """
    Raises:
        ValueError: a value has the wrong form; the text names the field.
    """
    return msgspec.convert(values, Seed)


def with_quickstart_field(seed: Seed) -> Seed:
    """The seed with the field Company, unless it has one: Mailrith's quickstart sets its value."""
    labels = (field if isinstance(field, str) else field.label for field in seed.custom_fields)
    if any(label.strip().casefold() == _QUICKSTART_FIELD.casefold() for label in labels):
        return seed
    return msgspec.structs.replace(seed, custom_fields=[*seed.custom_fields, _QUICKSTART_FIELD])


async def insert_seed(connection: Connection, workspace_id: int, seed: Seed) -> Seeded:
    """
    Raises:
        MailrithError, ValueError: a value breaks a rule.
    """
    now = clock.now()
    context = UpsertContext(workspace_id=workspace_id, time_zone=None, require_evidence=False, now=now)
    seeded = Seeded(
        tags={},
        sequences={},
        custom_fields={},
        subscribers={},
        subscriber_count=seed.subscribers if isinstance(seed.subscribers, int) else len(seed.subscribers),
    )
    for name in seed.tags:
        seeded.tags[name] = ids.encode(ids.TAG, await _tag_id(connection, workspace_id, name, now))
    for name in seed.sequences:
        seeded.sequences[name] = ids.encode(ids.SEQUENCE, await _sequence_id(connection, workspace_id, name, now))
    for label_or_field in seed.custom_fields:
        field = SeedField(label=label_or_field) if isinstance(label_or_field, str) else label_or_field
        seeded.custom_fields[field.label] = await _custom_field_id(connection, workspace_id, field, now)
    if isinstance(seed.subscribers, int):
        await _insert_samples(connection, workspace_id, seed.subscribers, now)
    else:
        for email_or_person in seed.subscribers:  # their ids follow the order of the list
            person = SeedSubscriber(email=email_or_person) if isinstance(email_or_person, str) else email_or_person
            await _insert_subscriber(connection, context, person, seeded)
    return seeded


async def _insert_subscriber(
    connection: Connection, context: UpsertContext, person: SeedSubscriber, seeded: Seeded
) -> None:
    """Adds the public ids of the subscriber, and of its tags and sequences, to `seeded`."""
    existing = await upsert.select_by_email(connection, context.workspace_id, person.email)
    if existing is not None:
        raise upsert.already_exists(existing.id)
    fields = SubscriberInput(
        email=person.email,
        name=person.name,
        status=person.status,
        country=person.country,
        subscribed_on=person.subscribed_on if person.subscribed_on is not None else UNSET,
        custom_fields=person.custom_fields,
    )
    subscriber = await upsert.create(connection, context, fields, None)
    seeded.subscribers[person.email] = ids.encode(ids.SUBSCRIBER, subscriber.id)
    if person.last_opened_at is not None:
        opened = msgspec.structs.replace(subscriber, last_opened_at=_parse_time(person.last_opened_at, context.now))
        await subscribers.update_subscriber(connection, context.workspace_id, opened)
    for name in person.tags:
        tag_id = await _tag_id(connection, context.workspace_id, name, context.now)
        await memberships.insert_tag(connection, subscriber.id, tag_id)
        seeded.tags[name] = ids.encode(ids.TAG, tag_id)
    for name in person.sequences:
        sequence_id = await _sequence_id(connection, context.workspace_id, name, context.now)
        await memberships.insert_sequence(connection, subscriber.id, sequence_id)
        seeded.sequences[name] = ids.encode(ids.SEQUENCE, sequence_id)


async def _tag_id(connection: Connection, workspace_id: int, name: str, now: int) -> int:
    """The tag of this name, a new one if there is none."""
    clean_name = tags.clean_name(name, "tags")
    tag_id = await tags.select_tag_id(connection, workspace_id, clean_name)
    return tag_id or await tags.insert_tag(connection, workspace_id, clean_name, None, now)


async def _custom_field_id(connection: Connection, workspace_id: int, field: SeedField, now: int) -> str:
    """The public id of this field, a new one if there is none.

    Raises:
        MailrithError: a field of another definition has the label.
    """
    for known in await custom_fields.select_all_custom_fields(connection, workspace_id):
        if (known.label, known.type, known.options) == (field.label, field.type, field.options):
            return ids.encode(ids.CUSTOM_FIELD, known.id)
    created = await custom_fields.create_custom_field(
        connection, workspace_id, label=field.label, field_type=field.type, options=field.options, now=now
    )
    return ids.encode(ids.CUSTOM_FIELD, created.id)


async def _sequence_id(connection: Connection, workspace_id: int, name: str, now: int) -> int:
    """The sequence of this name, a new one without emails if there is none."""
    settings = sequences.check(SequenceSettings(name=name, definition=b'{"emails":[]}', email_count=0))
    sequence_id = await sequences.select_sequence_id(connection, workspace_id, settings.name)
    return sequence_id or (await sequences.insert_sequence(connection, workspace_id, settings, now)).id


async def _insert_samples(connection: Connection, workspace_id: int, count: int, now: int) -> None:
    if not 0 <= count <= MAX_SAMPLE:
        raise errors.InvalidRequest(
            f"subscribers takes a list, or a number up to {MAX_SAMPLE:,}.", field="subscribers"
        )
    begin = await subscribers.select_count(connection, workspace_id)
    for first in range(begin, begin + count, _CHUNK):
        people = [_sample(number) for number in range(first, min(first + _CHUNK, begin + count))]
        plan = await bulk.plan(connection, workspace_id, people, tag_ids=[], sequence_ids=[])
        await bulk.apply(connection, workspace_id, plan, now)


def _sample(number: int) -> Change:
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    return Change(
        line=number,
        email=values.email(f"{first}.{last}.{number + 1}@example.com"),
        name=f"{first} {last}",
        status=_STATUSES[number % len(_STATUSES)],
        country=_COUNTRIES[number % len(_COUNTRIES)],
    )


def _parse_time(text: str, now: int) -> int:
    """Milliseconds since 1970.

    Raises:
        ValueError: the time has no offset from UTC, or is before 1970 or in the future.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("last_opened_at needs an offset from UTC, such as 2026-01-31T12:00:00Z")
    milliseconds = int(time.timestamp() * clock.SECOND)
    if not 0 <= milliseconds <= now:
        raise ValueError("last_opened_at is a time since 1970, and not in the future")
    return milliseconds
