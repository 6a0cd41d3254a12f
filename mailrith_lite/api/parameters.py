"""Query parameters. A Struct has the names, types and descriptions, for parsing and for the documentation."""

import functools
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, inspect

from mailrith_lite import ids
from mailrith_lite.http import wire_errors

T = TypeVar("T", bound=msgspec.Struct)

DEFAULT_LIMIT = 25
MAX_LIMIT = 100
MAX_TEXT = 254

Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_TEXT,
        pattern=r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$",  # for JSON Schema, \x1c-\x1f and \x85 are not in \s
        description="1 to 254 characters, none a NUL",
    ),
]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`before_id`: the integer id of the last item of the page before; None for the first page."""

    limit: int
    before_id: int | None

    @property
    def fetched(self) -> int:
        """How many items to select: one more than the page holds tells whether there is a next page."""
        return self.limit + 1


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of every list. A description completes the sentence "limit takes …"."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="a whole number from 1 to 100")] = DEFAULT_LIMIT
    starting_after: Annotated[str, Meta(description="the next_cursor of the page before")] | None = None

    def page(self, prefix: str) -> Page:
        """
        Raises:
            InvalidQuery: `starting_after` is not a cursor of this list.
        """
        before_id = None if self.starting_after is None else ids.decode(prefix, self.starting_after)
        if self.starting_after is not None and before_id is None:
            raise invalid_value(type(self), "starting_after")
        return Page(limit=self.limit, before_id=before_id)


class Empty(msgspec.Struct, frozen=True):
    """An operation without query parameters."""


def parse(request: web.Request, form: type[T]) -> T:
    """Decodes the query. A list is one parameter with commas, or a repeated parameter. Unknown ones are ignored.

    Raises:
        InvalidQuery: a value breaks the rule of its parameter, which the error names.
    """
    values = {
        name: _value(kinds, request.query.getall(name))
        for name, kinds in _kinds(form).items()
        if name in request.query
    }
    for name, value in values.items():  # one by one, because the error of msgspec does not name the parameter
        try:
            msgspec.convert({name: value}, form)
        except msgspec.ValidationError:
            raise invalid_value(form, name) from None
    return msgspec.convert(values, form)


def description(form: type[msgspec.Struct], name: str) -> str:
    """What the parameter takes, in words, from its Struct."""
    schema = msgspec.json.schema(form)
    properties: dict[str, Any] = next(iter(schema["$defs"].values()))["properties"]
    schema_of_name = properties[name]
    choices = [schema_of_name, *schema_of_name.get("anyOf", [])]
    text = next((choice["description"] for choice in choices if "description" in choice), None)
    if text is None:
        listed = next(choice["enum"] for choice in choices if "enum" in choice)
        text = f"one of {', '.join(map(str, listed))}"
    return str(text)


def invalid_value(form: type[msgspec.Struct], name: str) -> wire_errors.InvalidQuery:
    return wire_errors.InvalidQuery(f"{name} takes {description(form, name)}.", field=name)


@functools.cache
def _kinds(form: type[msgspec.Struct]) -> dict[str, tuple[type[inspect.Type], ...]]:
    """Parameter -> the types that it takes."""
    info = inspect.type_info(form)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: tuple(map(type, _flat(field.type))) for field in info.fields}


def _flat(annotated: inspect.Type) -> list[inspect.Type]:
    if isinstance(annotated, inspect.Metadata):
        return _flat(annotated.type)
    if isinstance(annotated, inspect.UnionType):
        return [kind for member in annotated.types for kind in _flat(member)]
    return [annotated]


def _value(kinds: tuple[type[inspect.Type], ...], texts: list[str]) -> Any:
    """The decoded value. A text that cannot be decoded stays as it is, and the conversion refuses it."""
    if inspect.ListType in kinds:
        return [item.strip() for text in texts for item in text.split(",")]
    text = texts[0]
    if inspect.BoolType in kinds:
        return {"true": True, "false": False}.get(text, text)
    if inspect.IntType in kinds and text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    return text
