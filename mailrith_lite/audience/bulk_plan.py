"""Plans a chunk of changes in memory. Each change is an upsert by email, in the order of the file."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from mailrith_lite.audience.subscribers import name_key
from mailrith_lite.audience.vocabulary import SUPPRESSED, Status, strictest

MISSING_TAGS = 1
MISSING_SEQUENCES = 2
_NEW_STATUS: Status = "Active"


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one row of the file sets. None, or a custom field that is left out, keeps the saved value.

    `subscribed_at` replaces the saved time; `last_opened_at` counts when it is later than the saved time. `tags`,
    `sequences`: names that the subscriber gets, each once ignoring case.

    `custom_fields`: the field's integer id, as text, -> its value.
    """

    line: int
    email: str
    name: str | None = None
    status: Status | None = None
    country: str | None = None
    subscribed_at: int | None = None
    last_opened_at: int | None = None
    custom_fields: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()


class RowLists(msgspec.Struct, frozen=True, kw_only=True):
    """What the `tags` and `sequences` of the changes mean: name -> integer id. A sequence may be missing."""

    tags: dict[str, int] = {}
    sequences: dict[str, int] = {}


NO_LISTS = RowLists()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Each change is in one of the three counts. `status_kept`: the lines that would lift a suppressed status.

    `unknown_sequences`: line -> the names in it that are not sequences of the workspace.
    """

    created: int
    updated: int
    unchanged: int
    status_kept: list[int]
    unknown_sequences: dict[int, list[str]]


class State(msgspec.Struct, array_like=True, gc=False):
    """A subscriber in the course of the chunk. `STATE` in bulk.py selects the members in this order."""

    id: int
    email: str
    name: str
    status: Status
    country: str | None
    custom_fields: dict[str, Any]
    name_key: str | None
    missing: int  # what the subscriber lacks of the job: MISSING_TAGS and MISSING_SEQUENCES
    subscribed_at: int | None  # None: when the chunk is applied
    last_opened_at: int | None
    tag_ids: list[int]  # those that the rows gave
    sequence_ids: list[int]


class _Known(msgspec.Struct, array_like=True, gc=False):
    """A state, and which of the tags and sequences that the rows name the saved subscriber has."""

    state: State
    tag_ids: list[int]
    sequence_ids: list[int]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a chunk, and what SQLite has to write for it.

    `known`: a JSON list of the existing subscribers as they are. `inserts`, `updates`: JSON lists of states.
    `members`: a JSON list of the subscribers who get the tags and sequences of the job. `row_tags`,
    `row_sequences`: JSON objects, integer id -> list of the subscribers who get it. Each but the first is empty
    when there is nothing to write. `first_id`: the integer id of the first new subscriber.
    """

    first_id: int
    known: str
    inserts: str
    updates: str
    members: str
    tag_ids: str
    sequence_ids: str
    row_tags: str
    row_sequences: str
    outcome: Outcome


_known_decoder = msgspec.json.Decoder(list[_Known], float_hook=Decimal)
_states_decoder = msgspec.json.Decoder(list[State], float_hook=Decimal)
_members_decoder = msgspec.json.Decoder(dict[int, list[int]])
_ids_decoder = msgspec.json.Decoder(list[int])
_encoder = msgspec.json.Encoder(decimal_format="number")


def as_json(value: Any) -> str:
    return _encoder.encode(value).decode()


def states_before(plan: Plan) -> dict[int, State]:
    """The existing subscribers of the chunk as they are saved, by integer id."""
    return {known.state.id: known.state for known in _known_decoder.decode(plan.known)}


def changed_states(plan: Plan) -> list[State]:
    """The existing subscribers that the plan changes, as they will be."""
    return _states_decoder.decode(plan.updates or "[]")


def listed_members(lists: str) -> set[int]:
    """The subscribers of `row_tags` or of `row_sequences`."""
    return {
        subscriber_id for members in _members_decoder.decode(lists or "{}").values() for subscriber_id in members
    }


def sorted_emails(changes: Sequence[Change]) -> str:
    """The distinct emails of the changes, as a JSON list."""
    return as_json(sorted({change.email for change in changes}))


class _Memberships:
    """The tags or the sequences that the rows of a chunk give, besides those of the job."""

    def __init__(self, ids: Mapping[str, int], job_ids: str) -> None:
        self._ids = ids
        self._job_ids = set(_ids_decoder.decode(job_ids))
        self._subscribers: dict[int, list[int]] = {}

    def add(self, subscriber_id: int, names: Sequence[str], has: list[int]) -> bool:
        """Adds them to `has` and to what is written. Returns whether there was a new one."""
        added = False
        for name in names:
            number = self._ids.get(name)
            if number is None or number in has or number in self._job_ids:
                continue
            has.append(number)
            self._subscribers.setdefault(number, []).append(subscriber_id)
            added = True
        return added

    def unknown(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self._ids]

    def as_json(self) -> str:
        return as_json(self._subscribers) if self._subscribers else ""


def plan_changes(
    known: str,
    changes: Sequence[Change],
    next_id: int,
    tag_ids: str,
    sequence_ids: str,
    lists: RowLists,
) -> Plan:
    """`known`: a JSON list of the existing subscribers among those of the changes."""
    by_email = {state.email: state for state in map(_merge, _known_decoder.decode(known))}
    row_tags = _Memberships(lists.tags, tag_ids)
    row_sequences = _Memberships(lists.sequences, sequence_ids)
    unknown_sequences: dict[int, list[str]] = {}
    first_new = next_id
    updated_states: dict[int, State] = {}
    incomplete: list[int] = []
    status_kept: list[int] = []
    created = updated = 0
    for change in changes:
        state = by_email.get(change.email)
        if state is None:
            state = by_email[change.email] = _new_state(next_id, change)
            next_id += 1
            is_new, altered = True, False
        else:
            is_new = False
            altered, kept = _alter(state, change)
            if kept:
                status_kept.append(change.line)
        if change.tags:
            altered |= row_tags.add(state.id, change.tags, state.tag_ids)
        if change.sequences:
            altered |= row_sequences.add(state.id, change.sequences, state.sequence_ids)
            if unknown := row_sequences.unknown(change.sequences):
                unknown_sequences[change.line] = unknown
        if is_new:
            created += 1
            continue
        if state.missing:
            state.missing = 0
            incomplete.append(state.id)
            altered = True
        if altered:
            updated += 1
            if state.id < first_new:
                updated_states[state.id] = state
    inserts = sorted((state for state in by_email.values() if state.id >= first_new), key=attrgetter("email"))
    members = [*incomplete, *range(first_new, next_id)]
    return Plan(
        first_id=first_new,
        known=known,
        inserts=as_json(inserts) if inserts else "",
        updates=as_json(list(updated_states.values())) if updated_states else "",
        members=as_json(members) if members else "",
        tag_ids=tag_ids,
        sequence_ids=sequence_ids,
        row_tags=row_tags.as_json(),
        row_sequences=row_sequences.as_json(),
        outcome=Outcome(
            created=created,
            updated=updated,
            unchanged=len(changes) - created - updated,
            status_kept=status_kept,
            unknown_sequences=unknown_sequences,
        ),
    )


def _new_state(subscriber_id: int, change: Change) -> State:
    return State(
        subscriber_id,
        change.email,
        change.name or "",
        change.status or _NEW_STATUS,
        change.country,
        dict(change.custom_fields),
        name_key(change.name or ""),
        0,
        change.subscribed_at,
        change.last_opened_at,
        [],
        [],
    )


def _merge(known: _Known) -> State:
    state = known.state
    state.tag_ids = list({*state.tag_ids, *known.tag_ids})
    state.sequence_ids = list({*state.sequence_ids, *known.sequence_ids})
    return state


def _alter(state: State, change: Change) -> tuple[bool, bool]:
    """(whether the change altered anything, whether the saved status was kept because it is suppressed)"""
    altered = status_kept = False
    if change.name is not None and change.name != state.name:
        state.name, state.name_key, altered = change.name, name_key(change.name), True
    if change.country is not None and change.country != state.country:
        state.country, altered = change.country, True
    if change.status is not None and change.status != state.status:
        if state.status not in SUPPRESSED:
            state.status, altered = change.status, True
        elif change.status not in SUPPRESSED:
            status_kept = True
        elif strictest((state.status, change.status)) == change.status:
            state.status, altered = change.status, True
    if change.subscribed_at is not None and change.subscribed_at != state.subscribed_at:
        state.subscribed_at, altered = change.subscribed_at, True
    if change.last_opened_at is not None and change.last_opened_at > (state.last_opened_at or -1):
        state.last_opened_at, altered = change.last_opened_at, True
    for field_id, value in change.custom_fields.items():
        if state.custom_fields.get(field_id) != value:
            state.custom_fields[field_id], altered = value, True
    return altered, status_kept
