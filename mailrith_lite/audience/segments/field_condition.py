"""A segment's condition on a custom field, as SQL."""

from datetime import date
from decimal import Decimal
from typing import Any

from mailrith_lite import errors
from mailrith_lite.audience import values
from mailrith_lite.audience.choices import Choices
from mailrith_lite.audience.conditions import Bindings, join_conditions
from mailrith_lite.audience.custom_fields import CustomField, json_path
from mailrith_lite.audience.input_checks import read_value
from mailrith_lite.audience.segments.definition import (
    MAX_VALUES,
    Condition,
    missing_value,
    negate_if_negative,
    require_text_values,
)
from mailrith_lite.unicode_forms import fold

MAX_PARTS = 50
MAX_DAYS = 36_500

_SQL_OPERATORS = {"before": "<", "after": ">", "on": "=", "greater_than": ">", "less_than": "<"}


class FieldCondition:
    def __init__(
        self, field: CustomField, condition: Condition, path: str, bindings: Bindings, today: date
    ) -> None:
        """`path`: of the condition. `today`: in the workspace's time zone."""
        self._field = field
        self._condition = condition
        self._condition_path = path
        self._path = f"{path}.value"
        self._bindings = bindings
        self._today = today
        self._saved = f"json_extract(subscribers.custom_fields, {bindings.bind(json_path(field.id))})"

    def compile(self) -> str:
        """
        Raises:
            InvalidRequest: the operator does not take this value.
        """
        operator = self._condition.operator
        if operator in ("is_empty", "is_not_empty"):
            return negate_if_negative(self._condition, f"{self._saved} IS NOT NULL")
        if operator in ("contains", "does_not_contain"):
            return negate_if_negative(self._condition, self._contains())
        if operator == "in_last_days":
            return self._in_last_days()
        if operator in _SQL_OPERATORS:
            (value,) = self._values(1)
            return f"coalesce({self._saved} {_SQL_OPERATORS[operator]} {self._bindings.bind(value)}, 0)"
        return negate_if_negative(self._condition, self._equals())

    def _equals(self) -> str:
        items = self._values(MAX_VALUES)
        if self._field.type == "Multi Select":
            return f"""EXISTS (SELECT 1 FROM json_each({self._saved}) AS option
                WHERE option.value IN {self._bindings.bind_list(items)})"""
        if self._field.type in ("Text", "Text Area"):
            folded = self._bindings.bind_list(fold(str(text)) for text in items)
            return f"{_fold(self._saved)} IN {folded}"
        return f"{self._saved} IN {self._bindings.bind_list(items)}"

    def _contains(self) -> str:
        """A subquery folds the case of each value once, not once for each text. Its LIMIT keeps it a subquery."""
        parts = [text for text in require_text_values(self._condition, self._condition_path) if text.strip()]
        if not 1 <= len(parts) <= MAX_PARTS:
            raise errors.InvalidRequest(
                f"{self._condition.operator} takes a text, or a list of 1 to {MAX_PARTS} texts.", field=self._path
            )
        contains_any = join_conditions(
            "any", [f"instr(folded, {self._bindings.bind(fold(part))})" for part in parts]
        )
        if self._field.type == "Multi Select":
            options = f"SELECT {_fold('option.value')} AS folded FROM json_each({self._saved}) AS option LIMIT -1"
            return f"EXISTS (SELECT 1 FROM ({options}) WHERE {contains_any})"
        return f"(SELECT {contains_any} FROM (SELECT {_fold(self._saved)} AS folded))"

    def _in_last_days(self) -> str:
        days = self._condition.value
        if isinstance(days, str) and days.strip().isascii() and days.strip().isdigit():
            days = float(days)
        if isinstance(days, bool) or not isinstance(days, int | float) or not 1 <= days <= MAX_DAYS or days % 1:
            raise errors.InvalidRequest(
                f"in_last_days takes a whole number of days from 1 to {MAX_DAYS:,}.", field=self._path
            )
        first = max(self._today.toordinal() - int(days), 1)
        begin, end = date.fromordinal(first).isoformat(), self._today.isoformat()
        return f"coalesce({self._saved} BETWEEN {self._bindings.bind(begin)} AND {self._bindings.bind(end)}, 0)"

    def _values(self, limit: int) -> list[Any]:
        """At most `limit` values, in the form in which the field saves them."""
        sent = self._condition.value
        items: list[Any] = list(sent) if isinstance(sent, list) else [sent]
        if not 1 <= len(items) <= limit:
            count = "one value" if limit == 1 else f"1 to {limit} values"
            raise errors.InvalidRequest(f"{self._condition.operator} takes {count}.", field=self._path)
        choices = Choices(self._field.options)
        saved: list[Any] = []
        for item in items:
            option = choices.find(item) if isinstance(item, str) and isinstance(sent, list) else None
            if option is not None:
                saved.append(option)  # not parsed: an option can contain a comma, which separates options in a text
                continue
            value = read_value(self._read, item, self._path)
            if value is None:
                raise missing_value(self._path)
            saved += value if isinstance(value, list) else [value]
        return [_bindable(value) for value in saved]

    def _read(self, item: Any) -> Any:
        if isinstance(item, float):
            item = Decimal(repr(item))
        return values.field_value(self._field.type, self._field.options, item)


def _fold(text: str) -> str:
    """The folded SQL text. SQLite's own lower() is faster than our function, and correct for ASCII only."""
    return f"iif(length({text}) = length(CAST({text} AS BLOB)), lower({text}), fold({text}))"


def _bindable(value: Any) -> Any:
    """The value as SQLite compares it: 64-bit integers, floats, and 1 or 0 for a boolean, as json_extract gives."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal) or (isinstance(value, int) and not -(1 << 63) <= value < 1 << 63):
        return float(value)
    return value
