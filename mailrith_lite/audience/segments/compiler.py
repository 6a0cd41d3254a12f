"""A definition becomes a condition on `subscribers`, every value of it bound.

Forms and the events of an email (opened, unsubscribed, a magic link clicked) have never happened here: who asks for
them finds nobody, who asks for their absence finds everybody. A custom field without a value is not what it is
compared with: `is_not`, `has_none_of` and `does_not_contain` hold for it, no other operator but `is_empty` does.
"""

from collections.abc import Mapping
from datetime import date
from typing import cast

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import conditions, values
from mailrith_lite.audience.conditions import SequenceOperator, Values, joined
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.segments import regions
from mailrith_lite.audience.segments.definition import (
    FIELD_OPERATORS,
    NEGATIVE,
    OPERATORS,
    Condition,
    Definition,
    Group,
    checked,
    negated,
    no_value,
    texts,
)
from mailrith_lite.audience.segments.field_condition import FieldCondition

MAX_CONDITIONS = 300
MAX_DEPTH = 20
MAX_INLINE = 3  # SQLite before 3.46 cannot parse much deeper: from there on a segment is a table of the query


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a workspace has that a definition can name, by integer id; `today` in its time zone."""

    fields: Mapping[int, CustomField]
    tag_ids: frozenset[int]
    sequence_ids: frozenset[int]
    segments: Mapping[int, Definition]
    today: date


class Compiler:
    """Compiles one definition. `own_id`: the segment that it is of, if that is saved already.

    `saved`: it was checked before; what has been deleted since then, as a sequence can be, is nobody's. `apart`:
    the conditions of the segments that its condition takes for tables, by integer id, each behind those it names.
    """

    def __init__(self, surroundings: Surroundings, bound: Values, *, own_id: int | None, saved: bool) -> None:
        self._around = surroundings
        self._bound = bound
        self._saved = saved
        self._nested = False
        self._inline = 0  # segments within each other in the condition that is being made
        self.apart: dict[int, str] = {}
        self._open = [own_id]  # one, saved or not: what can be made is no deeper than what can be shown
        self._count = 0

    def compile(self, definition: Definition, path: str = "definition") -> str:
        """
        Raises:
            InvalidBody: naming the condition that cannot be.
        """
        groups = [
            self._group(group, self._at(path, f"groups[{number}]"))
            for number, group in enumerate(definition.groups)
        ]
        return joined(definition.match, groups)

    def _group(self, group: Group, path: str) -> str:
        return joined(
            group.match,
            [
                self._condition(condition, self._at(path, f"conditions[{number}]"))
                for number, condition in enumerate(group.conditions)
            ],
        )

    def _at(self, path: str, part: str) -> str:
        """What is wrong inside a segment that is named is wrong where it is named."""
        return path if self._nested else f"{path}.{part}"

    def _condition(self, condition: Condition, path: str) -> str:
        self._count += 1
        if self._count > MAX_CONDITIONS or len(self._open) > MAX_DEPTH + 1:
            raise errors.InvalidBody(
                f"A definition takes at most {MAX_CONDITIONS} conditions, those of the segments that it names"
                f" included, and {MAX_DEPTH} segments within each other.",
                field=path,
                reason="too_complex",
            )
        field = self._custom_field(condition, path)
        allowed = OPERATORS[condition.field] if field is None else FIELD_OPERATORS[field.type]
        if condition.operator not in allowed:
            subject = condition.field if field is None else f"A custom field of the type {field.type}"
            raise errors.InvalidBody(
                f"{subject} takes the operators {', '.join(allowed)}.",
                field=f"{path}.operator",
                reason="operator_not_for_field",
            )
        return self._dispatch(condition, field, path)

    def _dispatch(self, condition: Condition, field: CustomField | None, path: str) -> str:
        if field is not None:
            return FieldCondition(field, condition, f"{path}.value", self._bound, self._around.today).compile()
        match condition.field:
            case "subscriber_status":
                return self._status(condition, path)
            case "country":
                return self._country(condition, path)
            case "tag":
                return self._tag(condition, path)
            case "sequence":
                known = self._ids(condition, path, ids.SEQUENCE, self._around.sequence_ids)
                return conditions.sequences(self._bound, cast(SequenceOperator, condition.operator), known)
            case "segment":
                return self._segment(condition, path)
            case _:
                return _never(condition, path)

    def _custom_field(self, condition: Condition, path: str) -> CustomField | None:
        if condition.field != "custom_field":
            if condition.customFieldId is not None:
                raise errors.InvalidBody(
                    "customFieldId goes with the field custom_field only.", field=f"{path}.customFieldId"
                )
            return None
        number = ids.decode(ids.CUSTOM_FIELD, condition.customFieldId or "")
        field = self._around.fields.get(number or 0)
        if field is None:
            raise errors.InvalidBody(
                "customFieldId takes the id of a custom field of the workspace.",
                field=f"{path}.customFieldId",
                reason="custom_field_not_found",
            )
        return field

    def _status(self, condition: Condition, path: str) -> str:
        statuses = [checked(values.status, text, path) for text in texts(condition, path)]
        return negated(condition, f"subscribers.status IN {self._bound.bind_list(statuses)}")

    def _country(self, condition: Condition, path: str) -> str:
        if condition.operator in ("is_empty", "is_not_empty"):
            return negated(condition, "subscribers.country IS NOT NULL")
        codes: set[str] = set()
        for text in texts(condition, path):
            if condition.operator in ("in_region", "not_in_region"):
                region = regions.countries(text)
                if region is None:
                    raise errors.InvalidBody(
                        f"A region is one of {', '.join(regions.NAMES)}.",
                        field=f"{path}.value",
                        reason="region_not_found",
                    )
                codes |= region
            else:
                codes.add(checked(values.country, text, path))
        return negated(condition, f"coalesce(subscribers.country, '') IN {self._bound.bind_list(sorted(codes))}")

    def _tag(self, condition: Condition, path: str) -> str:
        if condition.operator in ("is_empty", "is_not_empty"):
            return negated(condition, "EXISTS (SELECT 1 FROM subscriber_tags WHERE subscriber_id = subscribers.id)")
        known = self._ids(condition, path, ids.TAG, self._around.tag_ids)
        return negated(condition, conditions.tags(self._bound, "has_any_of", known))

    def _segment(self, condition: Condition, path: str) -> str:
        known = self._ids(condition, path, ids.SEGMENT, frozenset(self._around.segments))
        found = []
        outer = self._saved, self._nested
        self._saved = self._nested = True
        for number in known:
            if number in self._open:
                raise errors.InvalidBody(
                    "A segment cannot name itself, nor one that names it in turn.",
                    field=f"{path}.value",
                    reason="circular_reference",
                )
            self._open.append(number)
            found.append(self._inner(number, path))
            self._open.pop()
        self._saved, self._nested = outer
        return negated(condition, joined("any", found))

    def _inner(self, number: int, path: str) -> str:
        """A segment that is named: its condition, or, in a condition that is deep already, a table of its own."""
        outer = self._inline
        self._inline = (outer + 1) % (MAX_INLINE + 1)
        found = self.compile(self._around.segments[number], path)
        self._inline = outer
        if outer < MAX_INLINE:
            return found
        self.apart.setdefault(number, found)
        return f"subscribers.id IN {table_name(number)}"

    def _ids(self, condition: Condition, path: str, prefix: str, known: frozenset[int]) -> list[int]:
        numbers = []
        for text in texts(condition, path):
            number = ids.decode(prefix, text)
            if number is None or number not in known:
                if self._saved:
                    continue
                raise errors.InvalidBody(
                    f"There is no {prefix} with this id in the workspace.",
                    field=f"{path}.value",
                    reason=f"{prefix}_not_found",
                )
            numbers.append(number)
        return list(dict.fromkeys(numbers))


def table_name(segment_id: int) -> str:
    """Of a segment that is a table of a query."""
    return f"segment_{segment_id}"


def _never(condition: Condition, path: str) -> str:
    """What has never happened to anybody: `is: false` asks for its absence, too."""
    if condition.operator not in ("is_empty", "is_not_empty") and condition.value in (None, "", []):
        raise no_value(f"{path}.value")
    absent = condition.operator in NEGATIVE
    if condition.value is False and condition.operator in ("is", "is_not"):
        absent = not absent
    return "true" if absent else "false"
