"""Plans a chunk of changes in memory. Each change is an upsert by email, in the order of the file."""

from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from mailrith_lite.audience.subscribers import name_key
from mailrith_lite.audience.vocabulary import SUPPRESSED, Status

_NEW_STATUS: Status = "Active"


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one row of the file sets. None, or a custom field that is left out, keeps the saved value.

    `custom_fields`: the field's integer id, as text, -> its value.
    """

    line: int
    email: str
    name: str | None = None
    status: Status | None = None
    country: str | None = None
    custom_fields: dict[str, Any] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Each change is in one of the three counts. `status_kept`: the lines that would lift a suppressed status."""

    created: int
    updated: int
    unchanged: int
    status_kept: list[int]


class _State(msgspec.Struct, array_like=True, gc=False):
    """A subscriber in the course of the chunk. `STATE` in bulk.py selects the members in this order."""

    id: int
    email: str
    name: str
    status: Status
    country: str | None
    custom_fields: dict[str, Any]
    name_key: str | None
    complete: int  # 1 when the subscriber has all tags and sequences of the job, else 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a chunk, and what SQLite has to write for it.

    `inserts`, `updates`: JSON lists of states. `members`: a JSON list of the subscribers who get the tags and
    sequences. Each is empty when there is nothing to write. `first_id`: the integer id of the first new subscriber.
    """

    first_id: int
    inserts: str
    updates: str
    members: str
    tag_ids: str
    sequence_ids: str
    outcome: Outcome


_states_decoder = msgspec.json.Decoder(list[_State], float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def as_json(value: Any) -> str:
    return _encoder.encode(value).decode()


def sorted_emails(changes: Sequence[Change]) -> str:
    """The distinct emails of the changes, as a JSON list."""
    return as_json(sorted({change.email for change in changes}))


def plan_changes(states: str, changes: Sequence[Change], next_id: int, tag_ids: str, sequence_ids: str) -> Plan:
    """`states`: a JSON list of the existing subscribers among those of the changes."""
    by_email = {state.email: state for state in _states_decoder.decode(states)}
    first_new = next_id
    updated_states: dict[int, _State] = {}
    incomplete: list[int] = []
    status_kept: list[int] = []
    created = updated = 0
    for change in changes:
        state = by_email.get(change.email)
        if state is None:
            by_email[change.email] = _new_state(next_id, change)
            next_id += 1
            created += 1
            continue
        altered, kept = _alter(state, change)
        if kept:
            status_kept.append(change.line)
        if not state.complete:
            state.complete = 1
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
        inserts=as_json(inserts) if inserts else "",
        updates=as_json(list(updated_states.values())) if updated_states else "",
        members=as_json(members) if members else "",
        tag_ids=tag_ids,
        sequence_ids=sequence_ids,
        outcome=Outcome(
            created=created,
            updated=updated,
            unchanged=len(changes) - created - updated,
            status_kept=status_kept,
        ),
    )


def _new_state(subscriber_id: int, change: Change) -> _State:
    return _State(
        subscriber_id,
        change.email,
        change.name or "",
        change.status or _NEW_STATUS,
        change.country,
        dict(change.custom_fields),
        name_key(change.name or ""),
        1,
    )


def _alter(state: _State, change: Change) -> tuple[bool, bool]:
    """(whether the change altered anything, whether the saved status was kept because it is suppressed)"""
    altered = status_kept = False
    if change.name is not None and change.name != state.name:
        state.name, state.name_key, altered = change.name, name_key(change.name), True
    if change.country is not None and change.country != state.country:
        state.country, altered = change.country, True
    if change.status is not None and change.status != state.status:
        if state.status in SUPPRESSED and change.status not in SUPPRESSED:
            status_kept = True
        else:
            state.status, altered = change.status, True
    for field_id, value in change.custom_fields.items():
        if state.custom_fields.get(field_id) != value:
            state.custom_fields[field_id], altered = value, True
    return altered, status_kept
