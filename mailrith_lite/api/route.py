"""One operation of the API: its method, path, scopes and handler, and what the handler's annotations say."""

import functools
import re
import types
import typing
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.parameters import Empty
from mailrith_lite.api.responses import NoContent, Success

Handler: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Handler)

_refusals: dict[Handler, tuple[errors.MailrithError, ...]] = {}


def refuses(*refusals: errors.MailrithError) -> Callable[[H], H]:
    """Documents errors of a handler that its route does not imply. Create each with the function that raises it."""

    def note(handler: H) -> H:
        _refusals[handler] = refusals
        return handler

    return note


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler takes besides the call, and what it answers with.

    `query`: the Struct of its parameter `query`. `request`: the Struct of the JSON body. `body`: the class of the
    parameter `body`, for a handler that takes the body undecoded; one that takes it decoded has the parameter
    `form` instead. `answer`: the Struct, or list item, that `response` holds; None for an answer without a body.
    """

    query: type[msgspec.Struct] = Empty
    request: type[msgspec.Struct] | None = None
    body: type[Body[msgspec.Struct]] | None = None
    optional_body: bool = False
    response: type[Success[object] | NoContent]
    answer: type | None = None


@functools.cache
def signature(handler: Handler) -> Signature:
    """Read from the annotations of the handler."""
    hints = typing.get_type_hints(handler, include_extras=True)
    response = hints["return"]
    content = typing.get_args(response)
    body = hints.get("body")
    request, optional = _form(hints.get("form") if body is None else typing.get_args(body)[0])
    return Signature(
        query=hints.get("query", Empty),
        request=request,
        body=typing.get_origin(body),
        optional_body=optional,
        response=typing.get_origin(response) or response,
        answer=content[0] if content else None,
    )


def _form(annotation: object) -> tuple[type[msgspec.Struct] | None, bool]:
    """The Struct, and whether the annotation is `Struct | None`: then the body may be absent."""
    if isinstance(annotation, types.UnionType):
        return _form(annotation.__args__[0])[0], True
    assert annotation is None or isinstance(annotation, type)
    return annotation, False


class Route(msgspec.Struct, frozen=True):
    """The handler's docstring is the text of the documentation. `public`: the operation needs no key."""

    method: str
    path: str
    operation_id: str
    scopes: tuple[str, ...]
    handler: Handler
    public: bool = False

    @property
    def signature(self) -> Signature:
        return signature(self.handler)

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses of its successful answers."""
        return self.signature.response.statuses

    @property
    def idempotent(self) -> bool:
        """Whether it takes an Idempotency-Key: an undecoded body is compared with that of an earlier request."""
        return self.signature.body is not None

    @property
    def refusals(self) -> tuple[errors.MailrithError, ...]:
        return _refusals.get(self.handler, ())

    @property
    def path_names(self) -> list[str]:
        """The parameters in the path: `/v1/tags/{tag_id}` has `tag_id`."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """The rest of the docstring, as one paragraph."""
        rest = (self.handler.__doc__ or "").strip().partition("\n")[2]
        return " ".join(rest.split())


class Addition(Route, frozen=True):
    """An operation that the contract does not have. Capabilities do not list it; the OpenAPI document does."""


class Section(msgspec.Struct, frozen=True):
    """The operations on one resource. `key`: as capabilities name it; None for what is about the API itself."""

    key: str | None
    name: str
    description: str
    routes: tuple[Route, ...]


SECTIONS = web.AppKey("sections", tuple[Section, ...])
