"""A schema of the OpenAPI document as a list of members, for a page."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from mailrith_lite.console.markdown import inline

Schema = Mapping[str, Any]

_MAX_DEPTH: Final = 5  # a segment contains groups of conditions, and these more
_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}
_PLURALS: Final = {"text": "texts", "object": "objects", "whole number": "whole numbers"}
_FORMATS: Final = {"date-time": "time", "date": "date", "uri": "address"}


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """`path`: such as `mappings[].csv_column`. `kind`: in words. `description`: HTML."""

    path: str
    kind: str
    required: bool
    description: str


def members(schema: Schema, components: Mapping[str, Schema]) -> list[Member]:
    """The members of an object and of all objects in it, parents first. `components`: the named schemas."""
    return list(_members(schema, components, "", 0))


def kind_of(schema: Schema, components: Mapping[str, Schema]) -> str:
    """`one of Active, Blocked`, `list of texts`, `text or null`"""
    kinds = dict.fromkeys(_kind(one, components) for one in _choices(schema, components))
    without_null = [kind for kind in kinds if kind != "null"]
    return " or ".join([*without_null, *(["null"] if len(without_null) < len(kinds) else [])])


def _members(schema: Schema, components: Mapping[str, Schema], path: str, depth: int) -> Iterator[Member]:
    if depth > _MAX_DEPTH:
        return
    for one in _choices(schema, components):
        if one.get("type") == "array":
            yield from _members(one.get("items", {}), components, f"{path}[]", depth)
        for name, member in one.get("properties", {}).items():
            own = f"{path}.{name}" if path else name
            yield Member(
                path=own,
                kind=kind_of(member, components),
                required=name in one.get("required", ()),
                description=inline(_description(member, components)),
            )
            yield from _members(member, components, own, depth + 1)


def _choices(schema: Schema, components: Mapping[str, Schema]) -> Iterator[Schema]:
    """The schema without its references, once for each of the types that it allows."""
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema and "properties" not in schema:  # beside properties, it says which are required together
        for one in schema["anyOf"]:
            yield from _choices(one, components)
    elif isinstance(schema.get("type"), list):
        for kind in schema["type"]:
            yield {**schema, "type": kind}
    else:
        yield schema


def _kind(schema: Schema, components: Mapping[str, Schema]) -> str:
    kind = schema.get("type")
    if kind != "null" and "enum" in schema:
        return f"one of {', '.join(str(value) for value in schema['enum'] if value is not None)}"
    if "const" in schema:
        return str(schema["const"])
    if kind == "array":
        items = kind_of(schema.get("items", {}), components)
        return f"list of {_PLURALS[items]}" if items in _PLURALS else f"list: {items}"
    return _FORMATS.get(schema.get("format", "")) or _WORDS.get(str(kind), "any value")


def _description(schema: Schema, components: Mapping[str, Schema]) -> str:
    """Of the member itself, or of the type that it refers to."""
    own = str(schema.get("description", ""))
    return own or next(
        (str(one["description"]) for one in _choices(schema, components) if "description" in one), ""
    )
