"""What a change has altered in subscribers: the names of their members, as the API has them, and the status."""

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience import bulk_plan
from mailrith_lite.audience.bulk_plan import MISSING_SEQUENCES, MISSING_TAGS, Plan, State
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.vocabulary import Status

_PLAIN = ("email", "name", "country", "subscribed_at", "last_opened_at")


class Alteration(msgspec.Struct, frozen=True, kw_only=True):
    """`changed`: without the status; `custom_fields.<id>` for a custom field, with its public id."""

    subscriber_id: int
    changed: list[str]
    previous_status: Status
    status: Status


def of_subscriber(before: Subscriber, after: Subscriber) -> Alteration:
    changed = [name for name in _PLAIN if getattr(before, name) != getattr(after, name)]
    if {tag.id for tag in before.tags} != {tag.id for tag in after.tags}:
        changed.append("tags")
    if set(before.sequence_ids) != set(after.sequence_ids):
        changed.append("sequence_ids")
    changed += _changed_fields(before.custom_fields, after.custom_fields)
    return Alteration(subscriber_id=after.id, changed=changed, previous_status=before.status, status=after.status)


def of_plan(plan: Plan) -> list[Alteration]:
    """The alterations of the existing subscribers that the plan changes. Takes long for a large plan: run it in a
    thread."""
    if not plan.updates:
        return []
    before = bulk_plan.states_before(plan)
    tagged, joined = bulk_plan.listed_members(plan.row_tags), bulk_plan.listed_members(plan.row_sequences)
    return [
        _of_states(before[state.id], state, tagged=state.id in tagged, joined=state.id in joined)
        for state in bulk_plan.changed_states(plan)
    ]


def _of_states(before: State, after: State, *, tagged: bool, joined: bool) -> Alteration:
    """`tagged`, `joined`: whether the rows give the subscriber a tag, or a sequence."""
    changed = [name for name in _PLAIN if getattr(before, name) != getattr(after, name)]
    if tagged or before.missing & MISSING_TAGS:
        changed.append("tags")
    if joined or before.missing & MISSING_SEQUENCES:
        changed.append("sequence_ids")
    changed += _changed_fields(before.custom_fields, after.custom_fields)
    return Alteration(subscriber_id=after.id, changed=changed, previous_status=before.status, status=after.status)


def _changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    numbers = sorted(before.keys() | after.keys(), key=int)
    return [field_member(int(number)) for number in numbers if before.get(number) != after.get(number)]


@functools.lru_cache(maxsize=1_000)
def field_member(field_id: int) -> str:
    return f"custom_fields.{ids.encode(ids.CUSTOM_FIELD, field_id)}"
