"""Conditions on `subscribers` as SQL: the pieces from which filters, exports and segments are made."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from mailrith_lite import clock, ids

TagOperator = Literal["has_any_of", "has_none_of"]
SequenceOperator = Literal[
    "is_active_in_any_of",
    "is_not_active_in_any_of",
    "has_completed_any_of",
    "has_not_completed_any_of",
    "has_ever_been_in_any_of",
    "has_never_been_in_any_of",
]

SEQUENCE_OPERATORS: Final[tuple[SequenceOperator, ...]] = get_args(SequenceOperator)
COLD_AFTER_OPEN: Final = 90 * clock.DAY
COLD_WITHOUT_OPEN: Final = 30 * clock.DAY

_ALL_STATUSES = ("active", "completed", "removed")
_STATUSES: dict[SequenceOperator, tuple[str, ...]] = {
    "is_active_in_any_of": ("active",),
    "is_not_active_in_any_of": ("active",),
    "has_completed_any_of": ("completed",),
    "has_not_completed_any_of": ("completed",),
    "has_ever_been_in_any_of": _ALL_STATUSES,
    "has_never_been_in_any_of": _ALL_STATUSES,
}


class Values:
    """What a query binds, by name."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}

    def bind(self, value: Any) -> str:
        name = f"v{len(self.bound)}"
        self.bound[name] = value
        return f":{name}"

    def bind_list(self, items: Iterable[Any]) -> str:
        """For `IN`: one value however many items there are."""
        return f"(SELECT value FROM json_each({self.bind(msgspec.json.encode(list(items)).decode())}))"


def statuses_of(operator: SequenceOperator) -> tuple[str, ...]:
    """The statuses of a membership that the operator asks for, or asks not to be there."""
    return _STATUSES[operator]


def excludes(operator: str) -> bool:
    """Does it ask for those who are not?"""
    return operator in (
        "has_none_of",
        "is_not_active_in_any_of",
        "has_not_completed_any_of",
        "has_never_been_in_any_of",
    )


def in_workspace(values: Values, workspace_id: int) -> str:
    return f"subscribers.workspace_id = {values.bind(workspace_id)}"


def tags(values: Values, operator: TagOperator, tag_ids: Sequence[int]) -> str:
    found = f"""EXISTS (SELECT 1 FROM subscriber_tags AS member
        WHERE member.subscriber_id = subscribers.id AND member.tag_id IN {values.bind_list(tag_ids)})"""
    return f"NOT {found}" if excludes(operator) else found


def sequences(values: Values, operator: SequenceOperator, sequence_ids: Sequence[int]) -> str:
    found = f"""EXISTS (SELECT 1 FROM subscriber_sequences AS member
        WHERE member.subscriber_id = subscribers.id AND member.sequence_id IN {values.bind_list(sequence_ids)}
            AND member.status IN {values.bind_list(statuses_of(operator))})"""
    return f"NOT {found}" if excludes(operator) else found


def search(values: Values, needle: str) -> str:
    """The id or status is it, or the name or email has it in it, in any case."""
    trimmed = needle.strip()
    part = values.bind(trimmed.casefold())
    return f"""(subscribers.id = {values.bind(ids.decode(ids.SUBSCRIBER, trimmed))}
        OR lower(subscribers.status) = {values.bind(trimmed.lower())}
        OR instr(subscribers.email, {part})
        OR instr(coalesce(subscribers.name_key, lower(subscribers.name)), {part}))"""


def cold(values: Values, now: int) -> str:
    """Active, and not opened for 90 days, or never opened and subscribed for 30 (Kit's definition)."""
    return f"""subscribers.status = 'Active' AND CASE WHEN subscribers.last_opened_at IS NULL
        THEN subscribers.subscribed_at <= {values.bind(now - COLD_WITHOUT_OPEN)}
        ELSE subscribers.last_opened_at <= {values.bind(now - COLD_AFTER_OPEN)} END"""


def joined(match: str, parts: Sequence[str]) -> str:
    """All or any of the conditions; nobody when there are none."""
    if not parts:
        return "false"
    if len(parts) == 1:
        return parts[0]
    return f"({(' AND ' if match == 'all' else ' OR ').join(parts)})"
