"""A condition of a segment on a custom field, by the field's type."""

from datetime import date
from decimal import Decimal
from typing import Any

from mailrith_lite import errors
from mailrith_lite.audience import values
from mailrith_lite.audience.conditions import Values, joined
from mailrith_lite.audience.custom_fields import CustomField, json_path
from mailrith_lite.audience.segments.definition import MAX_VALUES, Condition, checked, negated, no_value, texts

MAX_PARTS = 50
MAX_DAYS = 36_500


class FieldCondition:
    """A condition on a custom field, by the field's type."""

    def __init__(self, field: CustomField, condition: Condition, path: str, bound: Values, today: date) -> None:
        self._field = field
        self._condition = condition
        self._path = path
        self._bound = bound
        self._today = today
        self._saved = f"json_extract(subscribers.custom_fields, {bound.bind(json_path(field.id))})"

    def compile(self) -> str:
        operator = self._condition.operator
        if operator in ("is_empty", "is_not_empty"):
            return negated(self._condition, f"{self._saved} IS NOT NULL")
        if operator in ("contains", "does_not_contain"):
            return negated(self._condition, self._contains())
        if operator == "in_last_days":
            return self._in_last_days()
        if operator in ("before", "after", "on", "greater_than", "less_than"):
            sign = {"before": "<", "after": ">", "on": "=", "greater_than": ">", "less_than": "<"}[operator]
            (value,) = self._values(1)
            return f"coalesce({self._saved} {sign} {self._bound.bind(value)}, 0)"
        return negated(self._condition, self._equals())

    def _equals(self) -> str:
        wanted = self._values(MAX_VALUES)
        if self._field.type == "Multi Select":
            return f"""EXISTS (SELECT 1 FROM json_each({self._saved}) AS chosen
                WHERE chosen.value IN {self._bound.bind_list(wanted)})"""
        if self._field.type in ("Text", "Text Area"):
            folded = self._bound.bind_list(str(text).casefold() for text in wanted)
            return f"{_folded(self._saved)} IN {folded}"
        return f"{self._saved} IN {self._bound.bind_list(wanted)}"

    def _contains(self) -> str:
        parts = [text for text in texts(self._condition, self._path.removesuffix(".value")) if text.strip()]
        if not 1 <= len(parts) <= MAX_PARTS:
            raise errors.InvalidBody(
                f"{self._condition.operator} takes a text, or a list of up to {MAX_PARTS}.", field=self._path
            )
        found = []
        for part in parts:
            folded = self._bound.bind(part.casefold())
            if self._field.type == "Multi Select":
                text = _folded("chosen.value")
                found.append(
                    f"EXISTS (SELECT 1 FROM json_each({self._saved}) AS chosen WHERE instr({text}, {folded}))"
                )
            else:
                found.append(f"instr({_folded(self._saved)}, {folded})")
        return joined("any", found)

    def _in_last_days(self) -> str:
        days = self._condition.value
        if isinstance(days, str) and days.strip().isascii() and days.strip().isdigit():
            days = float(days)
        if isinstance(days, bool) or not isinstance(days, int | float) or not 1 <= days <= MAX_DAYS or days % 1:
            raise errors.InvalidBody(
                f"in_last_days takes a whole number of days from 1 to {MAX_DAYS:,}.", field=self._path
            )
        first = max(self._today.toordinal() - int(days), 1)
        begin, end = date.fromordinal(first).isoformat(), self._today.isoformat()
        return f"coalesce({self._saved} BETWEEN {self._bound.bind(begin)} AND {self._bound.bind(end)}, 0)"

    def _values(self, most: int) -> list[Any]:
        """The values as the field would save them."""
        sent = self._condition.value
        items: list[Any] = list(sent) if isinstance(sent, list) else [sent]
        if not 1 <= len(items) <= most:
            raise errors.InvalidBody(f"{self._condition.operator} takes {_many(most)}.", field=self._path)
        found: list[Any] = []
        for item in items:
            if item in self._field.options and isinstance(sent, list):  # may hold a comma, which a text would list
                found.append(item)
                continue
            value = checked(self._read, item, self._path.removesuffix(".value"))
            if value is None:
                raise no_value(self._path)
            found += value if isinstance(value, list) else [value]
        return [_bindable(value) for value in found]

    def _read(self, item: Any) -> Any:
        if isinstance(item, float):
            item = Decimal(repr(item))
        return values.field_value(self._field.type, self._field.options, item)


def _folded(text: str) -> str:
    """In lower case. SQLite's own way of it is quicker, and right as long as the text is ASCII."""
    return f"iif(length({text}) = length(CAST({text} AS BLOB)), lower({text}), casefold({text}))"


def _bindable(value: Any) -> Any:
    """SQLite has 64-bit integers, floats and no booleans: json_extract gives 1 for true."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal) or (isinstance(value, int) and not -(1 << 63) <= value < 1 << 63):
        return float(value)
    return value


def _many(most: int) -> str:
    return "one value" if most == 1 else f"1 to {most} values"
