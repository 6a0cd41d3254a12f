"""Compiles the definition of a segment to an SQL condition on `subscribers`. Every value is a bound parameter.

Forms and the events of an email (opened, unsubscribed, a magic link clicked) do not exist here: a positive operator
on them matches nobody, a negative one everybody. For a custom field without a value, `is_not`, `has_none_of`,
`does_not_contain` and `is_empty` hold; no other operator does.
"""

from collections.abc import Mapping, Set
from datetime import date
from typing import cast

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import conditions, values
from mailrith_lite.audience.conditions import Bindings, SequenceOperator, join_conditions
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.input_checks import read_value
from mailrith_lite.audience.segments import regions
from mailrith_lite.audience.segments.definition import (
    FIELD_OPERATORS,
    OPERATORS,
    TEXT_OPERATORS,
    Condition,
    Definition,
    Group,
    missing_value,
    negate_if_negative,
    require_text_values,
    text_values,
)
from mailrith_lite.audience.segments.field_condition import FieldCondition

MAX_CONDITIONS = 300
MAX_TEXTS = 500
"""Texts of `contains` and `does_not_contain`, which SQLite looks for in the value of every subscriber."""
MAX_DEPTH = 20
MAX_INLINE = 3
"""SQLite before 3.46 cannot parse much deeper expressions: a segment at this depth becomes a table of the query."""


class References(msgspec.Struct, frozen=True, kw_only=True):
    """What definitions can refer to in a workspace, by integer id. `today`: in the workspace's time zone."""

    fields: Mapping[int, CustomField]
    tag_ids: Set[int]
    sequence_ids: Set[int]
    segments: Mapping[int, Definition]
    today: date


class Compiler:
    """Compiles one definition.

    `own_id`: the integer id of the segment, if it is saved. `saved`: the definition was valid when it was saved. So
    an id that no longer exists, such as that of a deleted sequence, matches nobody and is no error.

    `tables`: after `compile`, the conditions of the segments that its SQL reads as tables (`table_name`), by
    integer id. Each comes after those that it reads.
    """

    def __init__(self, references: References, bindings: Bindings, *, own_id: int | None, saved: bool) -> None:
        self.tables: dict[int, str] = {}
        self._references = references
        self._bindings = bindings
        self._saved = saved
        self._nested = False  # whether the current condition belongs to a referenced segment
        self._inline_depth = 0  # referenced segments inside each other in the current SQL expression
        # The segments that contain the current condition. The outermost one counts also before it has an id: a new
        # definition may be no deeper than a saved one.
        self._ancestors = [own_id]
        self._count = 0
        self._texts = 0

    def compile(self, definition: Definition, path: str = "definition") -> str:
        """
        Raises:
            InvalidRequest: with the path of the invalid condition.
        """
        groups = [
            self._group(group, self._path_of(path, f"groups[{number}]"))
            for number, group in enumerate(definition.groups)
        ]
        return join_conditions(definition.match, groups)

    def _group(self, group: Group, path: str) -> str:
        return join_conditions(
            group.match,
            [
                self.compile_condition(condition, self._path_of(path, f"conditions[{number}]"))
                for number, condition in enumerate(group.conditions)
            ],
        )

    def _path_of(self, path: str, part: str) -> str:
        """Inside a referenced segment the path stays that of the condition that refers to it."""
        return path if self._nested else f"{path}.{part}"

    def compile_condition(self, condition: Condition, path: str) -> str:
        """
        Raises:
            InvalidRequest: with the path of what is wrong in the condition.
        """
        self._count += 1
        if self._count > MAX_CONDITIONS or len(self._ancestors) > MAX_DEPTH + 1:
            raise errors.InvalidRequest(
                f"A definition takes at most {MAX_CONDITIONS} conditions, including those of the segments that it"
                f" refers to, and at most {MAX_DEPTH} levels of segments.",
                field=path,
                reason="too_complex",
            )
        field = self._custom_field(condition, path)
        operators = OPERATORS[condition.field] if field is None else FIELD_OPERATORS[field.type]
        if condition.operator not in operators:
            subject = condition.field if field is None else f"A custom field of the type {field.type}"
            raise errors.InvalidRequest(
                f"{subject} takes the operators {', '.join(operators)}.",
                field=f"{path}.operator",
                reason="operator_not_for_field",
            )
        sql = self._dispatch(condition, field, path)
        self._count_texts(condition, path)
        return sql

    def _count_texts(self, condition: Condition, path: str) -> None:
        """A saved definition may have more: the limit is newer than some of them."""
        if condition.operator in TEXT_OPERATORS:
            self._texts += len(text_values(condition))
        if self._texts > MAX_TEXTS and not self._saved:
            raise errors.InvalidRequest(
                f"A definition takes at most {MAX_TEXTS} texts with contains and does_not_contain, including those"
                " of the segments that it refers to.",
                field=f"{path}.value",
                reason="too_complex",
            )

    def _dispatch(self, condition: Condition, field: CustomField | None, path: str) -> str:
        if field is not None:
            return FieldCondition(field, condition, path, self._bindings, self._references.today).compile()
        match condition.field:
            case "subscriber_status":
                return self._status(condition, path)
            case "country":
                return self._country(condition, path)
            case "tag":
                return self._tag(condition, path)
            case "sequence":
                sequence_ids = self._ids(condition, path, ids.SEQUENCE, self._references.sequence_ids)
                operator = cast(SequenceOperator, condition.operator)
                return conditions.sequences(self._bindings, operator, sequence_ids)
            case "segment":
                return self._segment(condition, path)
            case _:
                return _event(condition, path)

    def _custom_field(self, condition: Condition, path: str) -> CustomField | None:
        if condition.field != "custom_field":
            if condition.customFieldId is not None:
                raise errors.InvalidRequest(
                    "customFieldId goes with the field custom_field only.", field=f"{path}.customFieldId"
                )
            return None
        field_id = ids.decode(ids.CUSTOM_FIELD, condition.customFieldId or "")
        field = self._references.fields.get(field_id or 0)
        if field is None:
            raise errors.InvalidRequest(
                "customFieldId takes the id of a custom field of the workspace.",
                field=f"{path}.customFieldId",
                reason="custom_field_not_found",
            )
        return field

    def _status(self, condition: Condition, path: str) -> str:
        texts = require_text_values(condition, path)
        statuses = [read_value(values.status, text, f"{path}.value") for text in texts]
        return negate_if_negative(condition, f"subscribers.status IN {self._bindings.bind_list(statuses)}")

    def _country(self, condition: Condition, path: str) -> str:
        if condition.operator in ("is_empty", "is_not_empty"):
            return negate_if_negative(condition, "subscribers.country IS NOT NULL")
        codes: set[str] = set()
        for text in require_text_values(condition, path):
            if condition.operator in ("in_region", "not_in_region"):
                codes |= _countries_of_region(text, path)
            else:
                codes.add(read_value(values.country, text, f"{path}.value"))
        return negate_if_negative(
            condition, f"coalesce(subscribers.country, '') IN {self._bindings.bind_list(sorted(codes))}"
        )

    def _tag(self, condition: Condition, path: str) -> str:
        if condition.operator in ("is_empty", "is_not_empty"):
            has_tags = "EXISTS (SELECT 1 FROM subscriber_tags WHERE subscriber_id = subscribers.id)"
            return negate_if_negative(condition, has_tags)
        tag_ids = self._ids(condition, path, ids.TAG, self._references.tag_ids)
        return negate_if_negative(condition, conditions.tags(self._bindings, "has_any_of", tag_ids))

    def _segment(self, condition: Condition, path: str) -> str:
        segment_ids = self._ids(condition, path, ids.SEGMENT, self._references.segments.keys())
        parts = []
        outer = self._saved, self._nested
        self._saved = self._nested = True
        for segment_id in segment_ids:
            if segment_id in self._ancestors:
                raise errors.InvalidRequest(
                    "A segment cannot refer to itself, directly or through other segments.",
                    code="invalid_segment",
                    field=f"{path}.value",
                    reason="circular_reference",
                )
            self._ancestors.append(segment_id)
            parts.append(self._referenced_segment(segment_id, path))
            self._ancestors.pop()
        self._saved, self._nested = outer
        return negate_if_negative(condition, join_conditions("any", parts))

    def _referenced_segment(self, segment_id: int, path: str) -> str:
        """The segment's own condition, or, at the depth MAX_INLINE, a look-up in a table with its subscribers."""
        outer = self._inline_depth
        self._inline_depth = (outer + 1) % (MAX_INLINE + 1)
        sql = self.compile(self._references.segments[segment_id], path)
        self._inline_depth = outer
        if outer < MAX_INLINE:
            return sql
        self.tables.setdefault(segment_id, sql)
        return f"subscribers.id IN {table_name(segment_id)}"

    def _ids(self, condition: Condition, path: str, prefix: str, existing: Set[int]) -> list[int]:
        """The integer ids in the condition's value, each once. Ids that do not exist are left out.

        Raises:
            InvalidRequest: an id does not exist, and the definition is new.
        """
        existing_ids = []
        for text in require_text_values(condition, path):
            integer_id = ids.decode(prefix, text)
            if integer_id is not None and integer_id in existing:
                existing_ids.append(integer_id)
            elif not self._saved:
                raise errors.InvalidRequest(
                    f"There is no {prefix} with this id in the workspace.",
                    field=f"{path}.value",
                    reason=f"{prefix}_not_found",
                )
        return list(dict.fromkeys(existing_ids))


def table_name(segment_id: int) -> str:
    """The name of a query's table with the ids of the segment's subscribers."""
    return f"segment_{segment_id}"


def _countries_of_region(name: str, path: str) -> Set[str]:
    region = regions.countries(name)
    if region is None:
        raise errors.InvalidRequest(
            f"A region is one of {', '.join(regions.NAMES)}.", field=f"{path}.value", reason="region_not_found"
        )
    return region


def _event(condition: Condition, path: str) -> str:
    """A condition on what never happens here. `is: false` matches everybody, like a negative operator."""
    if condition.operator not in ("is_empty", "is_not_empty") and condition.value in (None, "", []):
        raise missing_value(f"{path}.value")
    matches_everybody = conditions.is_negative(condition.operator)
    if condition.value is False and condition.operator in ("is", "is_not"):
        matches_everybody = not matches_everybody
    return "true" if matches_everybody else "false"
