"""Puts what a test needs into a workspace, by the rules that hold for requests and imports."""

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
from mailrith_lite.audience.values import FieldType, Status
from mailrith_lite.database import Connection

MAX_SAMPLE = 1_000_000
_CHUNK = 10_000
_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Tim", "Margaret", "Ken", "Frances")
_LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Perlman", "Lee", "Hamilton", "Allen")
_COUNTRIES = ("GB", "US", "DE", "FR", "NL", None, "BR")
_STATUSES: tuple[Status, ...] = (*("Active",) * 8, "Unsubscribed", "Bounced", "Unconfirmed")


class SeedSubscriber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`custom_fields`: by label or id. `tags`, `sequences`: names, made if need be. `last_opened_at`: RFC 3339."""

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
    """`subscribers`: a list (a text is an email alone), or a number of samples who differ in everything.

    `custom_fields`: a text is the label of a Text.
    """

    tags: list[str] = []
    sequences: list[str] = []
    custom_fields: list[str | SeedField] = []
    subscribers: int | list[str | SeedSubscriber] = []


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """The public ids, by name, label or email; of sample subscribers only how many there are."""

    tags: dict[str, str]
    sequences: dict[str, str]
    custom_fields: dict[str, str]
    subscribers: dict[str, str]
    subscriber_count: int


def parse(sent: Mapping[str, Any]) -> Seed:
    """
    Raises:
        ValueError: it has another form; the text names the place.
    """
    return msgspec.convert(sent, Seed)


async def plant(connection: Connection, workspace_id: int, seed: Seed) -> Seeded:
    """
    Raises:
        MailrithError: a value breaks a rule.
    """
    now = clock.now()
    terms = UpsertContext(workspace_id=workspace_id, time_zone=None, require_evidence=False, now=now)
    found = Seeded(
        tags={name: await _tag(connection, workspace_id, name, now) for name in seed.tags},
        sequences={name: await _sequence(connection, workspace_id, name, now) for name in seed.sequences},
        custom_fields={},
        subscribers={},
        subscriber_count=seed.subscribers if isinstance(seed.subscribers, int) else len(seed.subscribers),
    )
    for wanted in seed.custom_fields:
        field = SeedField(label=wanted) if isinstance(wanted, str) else wanted
        made = await custom_fields.create_custom_field(
            connection, workspace_id, label=field.label, field_type=field.type, options=field.options, now=now
        )
        found.custom_fields[field.label] = ids.encode(ids.CUSTOM_FIELD, made.id)
    if isinstance(seed.subscribers, int):
        await _plant_samples(connection, workspace_id, seed.subscribers, now)
    else:
        for one in seed.subscribers:  # in their order: that of their ids
            person = SeedSubscriber(email=one) if isinstance(one, str) else one
            found.subscribers[person.email] = await _subscriber(connection, terms, person, found)
    return found


async def _subscriber(connection: Connection, terms: UpsertContext, person: SeedSubscriber, found: Seeded) -> str:
    profile = SubscriberInput(
        email=person.email,
        name=person.name,
        status=person.status,
        country=person.country,
        subscribed_on=person.subscribed_on if person.subscribed_on is not None else UNSET,
        custom_fields=person.custom_fields,
    )
    saved = await upsert.select_by_email(connection, terms.workspace_id, person.email)
    if saved is not None:
        raise upsert.already_exists(saved.id)
    made = await upsert.create(connection, terms, profile, None)
    if person.last_opened_at is not None:
        opened = msgspec.structs.replace(made, last_opened_at=_moment(person.last_opened_at, terms.now))
        await subscribers.update_subscriber(connection, terms.workspace_id, opened)
    for name in person.tags:
        found.tags[name] = await _tag(connection, terms.workspace_id, name, terms.now)
        await memberships.insert_tag(connection, made.id, ids.decode(ids.TAG, found.tags[name]) or 0)
    for name in person.sequences:
        found.sequences[name] = await _sequence(connection, terms.workspace_id, name, terms.now)
        number = ids.decode(ids.SEQUENCE, found.sequences[name]) or 0
        await memberships.insert_sequence(connection, made.id, number)
    return ids.encode(ids.SUBSCRIBER, made.id)


async def _tag(connection: Connection, workspace_id: int, name: str, now: int) -> str:
    cleaned = tags.clean_name(name, "tags")
    number = await tags.select_tag_id(connection, workspace_id, cleaned)
    if number is None:
        number = await tags.insert_tag(connection, workspace_id, cleaned, None, now)
    return ids.encode(ids.TAG, number)


async def _sequence(connection: Connection, workspace_id: int, name: str, now: int) -> str:
    settings = sequences.check(SequenceSettings(name=name, definition=b'{"emails":[]}', email_count=0))
    number = await sequences.select_sequence_id(connection, workspace_id, settings.name)
    if number is None:
        number = (await sequences.insert_sequence(connection, workspace_id, settings, now)).id
    return ids.encode(ids.SEQUENCE, number)


async def _plant_samples(connection: Connection, workspace_id: int, count: int, now: int) -> None:
    if not 0 <= count <= MAX_SAMPLE:
        raise errors.InvalidBody(
            f"subscribers takes a list, or a number up to {MAX_SAMPLE:,}.", field="subscribers"
        )
    begin = await subscribers.select_count(connection, workspace_id)
    for first in range(begin, begin + count, _CHUNK):
        people = [_sample(number) for number in range(first, min(first + _CHUNK, begin + count))]
        planned = await bulk.plan(connection, workspace_id, people, tag_ids=[], sequence_ids=[])
        await bulk.apply(connection, workspace_id, planned, now)


def _sample(number: int) -> Change:
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    return Change(
        line=number,
        email=values.email(f"{first}.{last}.{number + 1}@example.com"),
        name=f"{first} {last}",
        status=_STATUSES[number % len(_STATUSES)],
        country=_COUNTRIES[number % len(_COUNTRIES)],
    )


def _moment(text: str, now: int) -> int:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("last_opened_at has its offset from UTC, such as 2026-01-31T12:00:00Z")
    moment = int(found.timestamp() * clock.SECOND)
    if not 0 <= moment <= now:
        raise ValueError("last_opened_at is a time since 1970, and not in the future")
    return moment
