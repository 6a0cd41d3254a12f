"""JSON Schemas of the requests and responses. A response has all its fields; a request can omit some."""

from collections.abc import Iterable
from typing import Any

import msgspec

_PREFIX = "#/components/schemas/"
_FORMATS = {"_at": "date-time", "_url": "uri"}  # end of a field's name -> format
_WITHOUT_DEFAULTS = {"Condition", "Mapping", "MappedField", "ImportOptions", "ImportPiece"}
"""Structs that omit default values in responses too."""


class Schemas:
    """`components`: Struct's name -> schema. If a Struct is in requests and responses and its schemas differ, the
    name of the schema for responses ends in `Resource`."""

    def __init__(self, requests: Iterable[Any], answers: Iterable[Any]) -> None:
        self._requests, requested = _collect(requests)
        self._answers, returned = _collect(answers)
        for form in self._requests:
            requested[form.__name__].update(getattr(form, "SCHEMA", {}))
        for name in returned.keys() - _WITHOUT_DEFAULTS:
            _require_all(returned[name])
        differing = {name for name, schema in returned.items() if requested.get(name, schema) != schema}
        returned = {_renamed(name, differing): schema for name, schema in returned.items()}
        for schema in (*returned.values(), *self._answers.values()):
            _rename(schema, differing)
        self.components = dict(sorted((requested | returned).items()))

    def request(self, form: Any) -> dict[str, Any]:
        return self._requests[form]

    def answer(self, form: Any) -> dict[str, Any]:
        return self._answers[form]


def query_properties(form: type[msgspec.Struct]) -> dict[str, dict[str, Any]]:
    """Parameter -> its schema; a parameter cannot be null."""
    _, components = _collect([form])
    return {name: _without_null(schema) for name, schema in components[form.__name__]["properties"].items()}


def _collect(forms: Iterable[Any]) -> tuple[dict[Any, dict[str, Any]], dict[str, dict[str, Any]]]:
    distinct = list(dict.fromkeys(forms))
    schemas, components = msgspec.json.schema_components(distinct, ref_template=_PREFIX + "{name}")
    return (
        dict(zip(distinct, map(_tidy, schemas), strict=True)),
        {name: _tidy(schema) for name, schema in components.items()},
    )


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Turns descriptions into sentences, and a type that can be null into one schema instead of two."""
    tidied = {name: _tidy_member(name, value) for name, value in schema.items() if name != "title"}
    if "enum" in tidied:
        tidied.setdefault("type", "string")
    if "description" in tidied:
        tidied["description"] = sentence(tidied["description"])
    if tidied.get("required") == []:
        del tidied["required"]
    return _nullable(tidied)


def _tidy_member(name: str, value: Any) -> Any:
    match name:
        case "properties":
            return {field: _with_format(field, _tidy(schema)) for field, schema in value.items()}
        case "anyOf":
            return [_tidy(schema) for schema in value]
        case "items" | "additionalProperties" if isinstance(value, dict):
            return _tidy(value)
    return value


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    choices = schema.get("anyOf", [])
    if len(choices) != 2 or choices[1] != {"type": "null"} or "type" not in choices[0]:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    merged = {**choices[0], **rest, "type": [choices[0]["type"], "null"]}
    if "enum" in merged:
        merged["enum"] = [*merged["enum"], None]
    return merged


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choice = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    if isinstance(choice.get("type"), list):
        choice["type"] = choice["type"][0]
    if "enum" in choice:
        choice["enum"] = [value for value in choice["enum"] if value is not None]
    return choice


def _with_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    text_format = next((value for end, value in _FORMATS.items() if name.endswith(end)), None)
    is_text = schema.get("type") in ("string", ["string", "null"])
    return {**schema, "format": text_format} if text_format and is_text and "format" not in schema else schema


def _require_all(schema: dict[str, Any]) -> None:
    """A response has every field but those whose default is UNSET, and no field has a default."""
    without_default = set(schema.get("required", ()))
    properties = schema["properties"].items()
    schema["required"] = [name for name, field in properties if name in without_default or "default" in field]
    for field in schema["properties"].values():
        field.pop("default", None)


def _rename(schema: Any, names: set[str]) -> None:
    if isinstance(schema, list):
        for item in schema:
            _rename(item, names)
    elif isinstance(schema, dict):
        if isinstance(target := schema.get("$ref"), str):
            schema["$ref"] = _PREFIX + _renamed(target.removeprefix(_PREFIX), names)
        for value in schema.values():
            _rename(value, names)


def _renamed(name: str, names: set[str]) -> str:
    return f"{name}Resource" if name in names else name
