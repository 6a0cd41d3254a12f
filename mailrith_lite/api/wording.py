"""What a member of a request takes, in the words of a user: `true or false`, `one of running, paused`."""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import inspect

_STEP = re.compile(r"\.([^.\[\]]+)|\[[^\]]*\]")


def takes(form: Any, path: str) -> str | None:
    """`path`: in the form of msgspec, such as `.mappings[2].field.type`. None when the form has no such member."""
    kinds = [inspect.type_info(form)]
    for step in _STEP.finditer(path):
        kinds = [child for kind in kinds for member in _members(kind) for child in _children(member, step[1])]
    return _joined(kinds) if kinds else None


def _members(kind: inspect.Type) -> list[inspect.Type]:
    """The types of a union, without their metadata."""
    if isinstance(kind, inspect.Metadata):
        return _members(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [member for one in kind.types for member in _members(one)]
    return [kind]


def _children(kind: inspect.Type, name: str | None) -> list[inspect.Type]:
    """The type of the member `name`, or of the items when `name` is None."""
    if isinstance(kind, inspect.StructType):
        return [field.type for field in kind.fields if field.encode_name == name]
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    return [kind.item_type] if isinstance(kind, inspect.ListType) else []


def _joined(kinds: Sequence[inspect.Type]) -> str:
    """`a text, a number, or null`"""
    words = list(dict.fromkeys(_words(kind) for kind in kinds))
    return ", or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(extra={"takes": str(words)}):
            return words
        case inspect.Metadata():
            return _words(kind.type)
        case inspect.UnionType():
            return _joined(sorted(kind.types, key=lambda one: isinstance(one, inspect.NoneType)))
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
        case inspect.StrType():
            return "a text" + _limits(kind.min_length, kind.max_length, "character")
        case inspect.ListType():
            return "a list" + _limits(kind.min_length, kind.max_length, "item")
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=int(least), le=int(most)):
            return f"a number from {least:,} to {most:,}"
        case inspect.IntType() | inspect.FloatType() | inspect.DecimalType():
            return "a number"
        case inspect.DateTimeType():
            return "a time with its offset from UTC, such as 2025-04-11T12:00:00Z"
        case inspect.NoneType():
            return "null"
    return "an object"


def _limits(least: int | None, most: int | None, unit: str) -> str:
    if most is not None:
        return f" of {least} to {most:,} {unit}s" if least else f" of at most {most:,} {unit}s"
    return f" of at least {least} {unit}{'s' if least > 1 else ''}" if least else ""
