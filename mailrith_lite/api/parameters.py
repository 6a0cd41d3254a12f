"""Query parameters. A Struct has the names, types and descriptions, for parsing and for the documentation."""

import functools
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, inspect

from mailrith_lite import ids
from mailrith_lite.api.codes import Codes
from mailrith_lite.http import wire_errors

T = TypeVar("T", bound=msgspec.Struct)

DEFAULT_LIMIT = 25
MAX_LIMIT = 100
MAX_TEXT = 254
_MAX_SHOWN = 100  # characters of an unknown parameter's name
_MAX_DIGITS = 16
_AMBIGUOUS: Final = object()

Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_TEXT,
        pattern=r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$",  # for JSON Schema, \x1c-\x1f and \x85 are not in \s
        description="1 to 254 characters, without a NUL",
    ),
]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`before_id`: the integer id of the last item of the page before; None for the first page."""

    limit: int
    before_id: int | None

    @property
    def fetched(self) -> int:
        """How many items to select: one more than the page has, to know whether there is a next page."""
        return self.limit + 1


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of every list. A description completes the sentence "limit takes …"."""

    CODES: ClassVar[Codes] = Codes(fields=dict.fromkeys(("starting_after", "cursor"), "invalid_cursor"))

    limit: Annotated[
        int, Meta(ge=1, description=f"a whole number from 1; more than {MAX_LIMIT} is read as {MAX_LIMIT}")
    ] = DEFAULT_LIMIT
    starting_after: Annotated[str, Meta(description="the next_cursor of the page before")] | None = None
    cursor: Annotated[str, Meta(description="the same as starting_after")] | None = None

    def page(self, prefix: str) -> Page:
        """
        Raises:
            InvalidQuery: `starting_after` or `cursor` is not a cursor of this list, or they differ.
        """
        before_id = None
        for name, value in (("starting_after", self.starting_after), ("cursor", self.cursor)):
            if value is None:
                continue
            number = ids.decode(prefix, value)
            if number is None or before_id not in (None, number):
                raise invalid_value(type(self), name)
            before_id = number
        return Page(limit=min(self.limit, MAX_LIMIT), before_id=before_id)


class Empty(msgspec.Struct, frozen=True):
    """An operation without query parameters."""


def parse(request: web.Request, form: type[T]) -> T:
    """Decodes the query. A list is one parameter with commas, or a repeated parameter.

    Raises:
        InvalidQuery: a parameter is unknown, has a value that it does not take, or has two different values.
    """
    kinds = _kinds(form)
    names = dict.fromkeys(request.query)  # each once: a parameter can be repeated thousands of times
    for name in names:
        if name not in kinds:
            raise unknown(name, form)
    values = {name: _value(kinds[name], request.query.getall(name)) for name in names}
    for name, value in values.items():  # one by one, because the error of msgspec does not name the parameter
        if value is _AMBIGUOUS:
            raise invalid_value(form, name, " once")
        try:
            msgspec.convert({name: value}, form)
        except msgspec.ValidationError:
            raise invalid_value(form, name) from None
    return msgspec.convert(values, form)


def unknown(name: str, form: type[msgspec.Struct]) -> wire_errors.InvalidQuery:
    """`name`: as the client sent it."""
    shown = name if len(name) <= _MAX_SHOWN and name.isprintable() else "This"
    known = ", ".join(form.__struct_encode_fields__)
    takes = f"use {known}" if known else "leave it out"
    return wire_errors.InvalidQuery(
        f"{shown} is not a query parameter of this operation; {takes}.",
        field=name[:_MAX_SHOWN],
        reason="unknown_parameter",
    )


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


def invalid_value(form: type[msgspec.Struct], name: str, times: str = "") -> wire_errors.InvalidQuery:
    return wire_errors.InvalidQuery(f"{name} takes {description(form, name)}{times}.", field=name)


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
    """The decoded value. A text that cannot be decoded stays as it is, and the conversion refuses it.

    `_AMBIGUOUS` for several values where one is taken.
    """
    if inspect.ListType in kinds:
        return [item.strip() for text in texts for item in text.split(",")]
    if len(set(texts)) > 1:
        return _AMBIGUOUS
    text = texts[0]
    if inspect.BoolType in kinds:
        return {"true": True, "false": False}.get(text, text)
    if inspect.IntType in kinds and text.isascii() and text.isdigit():
        return int(text.lstrip("0")[:_MAX_DIGITS] or "0")
    return text
