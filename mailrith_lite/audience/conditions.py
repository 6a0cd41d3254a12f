"""SQL conditions on `subscribers`, which filters, exports and segments share."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from mailrith_lite import clock, ids
from mailrith_lite.unicode_forms import fold

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

_ALL_MEMBERSHIPS = ("active", "completed", "removed")
_NEGATIVE_OPERATORS = frozenset(
    [
        "is_not",
        "has_none_of",
        "does_not_contain",
        "not_in_region",
        "is_empty",
        "is_not_active_in_any_of",
        "has_not_completed_any_of",
        "has_never_been_in_any_of",
    ]
)
_MEMBERSHIP_STATUSES: dict[SequenceOperator, tuple[str, ...]] = {
    "is_active_in_any_of": ("active",),
    "is_not_active_in_any_of": ("active",),
    "has_completed_any_of": ("completed",),
    "has_not_completed_any_of": ("completed",),
    "has_ever_been_in_any_of": _ALL_MEMBERSHIPS,
    "has_never_been_in_any_of": _ALL_MEMBERSHIPS,
}


class Bindings:
    """The values of a query's named parameters. Parts of a query that are made apart need different prefixes."""

    def __init__(self, prefix: str = "v") -> None:
        self.values: dict[str, Any] = {}
        self._prefix = prefix

    def bind(self, value: Any) -> str:
        """The parameter in SQL, such as `:v3`."""
        name = f"{self._prefix}{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def bind_list(self, items: Iterable[Any]) -> str:
        """The right side of `IN`. It takes one parameter whatever the number of items."""
        return f"(SELECT value FROM json_each({self.bind(msgspec.json.encode(list(items)).decode())}))"


def membership_statuses(operator: SequenceOperator) -> tuple[str, ...]:
    """The membership statuses that the operator looks for, also when it is negative."""
    return _MEMBERSHIP_STATUSES[operator]


def is_negative(operator: str) -> bool:
    """Whether the operator is a negation, such as `is_not`, which matches the subscribers that `is` does not."""
    return operator in _NEGATIVE_OPERATORS


def in_workspace(bindings: Bindings, workspace_id: int) -> str:
    return f"subscribers.workspace_id = {bindings.bind(workspace_id)}"


def tags(bindings: Bindings, operator: TagOperator, tag_ids: Sequence[int]) -> str:
    has_tag = f"""EXISTS (SELECT 1 FROM subscriber_tags AS member
        WHERE member.subscriber_id = subscribers.id AND member.tag_id IN {bindings.bind_list(tag_ids)})"""
    return f"NOT {has_tag}" if is_negative(operator) else has_tag


def sequences(bindings: Bindings, operator: SequenceOperator, sequence_ids: Sequence[int]) -> str:
    is_member = f"""EXISTS (SELECT 1 FROM subscriber_sequences AS member
        WHERE member.subscriber_id = subscribers.id AND member.sequence_id IN {bindings.bind_list(sequence_ids)}
            AND member.status IN {bindings.bind_list(membership_statuses(operator))})"""
    return f"NOT {is_member}" if is_negative(operator) else is_member


def search(bindings: Bindings, text: str) -> str:
    """The text is the id or the status, or a part of the email or the name. Only the id is case-sensitive."""
    trimmed = text.strip()
    part = bindings.bind(fold(trimmed))
    return f"""(subscribers.id = {bindings.bind(ids.decode(ids.SUBSCRIBER, trimmed))}
        OR lower(subscribers.status) = {bindings.bind(trimmed.lower())}
        OR instr(subscribers.email, {part})
        OR instr(coalesce(subscribers.name_key, lower(subscribers.name)), {part}))"""


def cold(bindings: Bindings, now: int) -> str:
    """Active, and no open for 90 days, or no open ever and a subscription of 30 days or more (Kit's definition)."""
    return f"""subscribers.status = 'Active' AND CASE WHEN subscribers.last_opened_at IS NULL
        THEN subscribers.subscribed_at <= {bindings.bind(now - COLD_WITHOUT_OPEN)}
        ELSE subscribers.last_opened_at <= {bindings.bind(now - COLD_AFTER_OPEN)} END"""


def join_conditions(match: str, parts: Sequence[str]) -> str:
    """Joins with AND for `all`, else with OR. Without parts, nobody matches."""
    if not parts:
        return "false"
    if len(parts) == 1:
        return parts[0]
    return f"({(' AND ' if match == 'all' else ' OR ').join(parts)})"


def changed_by_import(bindings: Bindings, job_id: int) -> str:
    """The import with this integer id has created or changed the subscriber."""
    job = bindings.bind(job_id)
    return f"""(EXISTS (SELECT 1 FROM import_changes WHERE job_id = {job} AND subscriber_id = subscribers.id)
        OR subscribers.id <= (SELECT last_id FROM import_creations WHERE job_id = {job}
            AND first_id <= subscribers.id ORDER BY first_id DESC LIMIT 1))"""
