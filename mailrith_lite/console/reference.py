"""/console/developers/reference: the operations of the API, from its OpenAPI document."""

import asyncio
import functools
import json
import shlex
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.console import templating
from mailrith_lite.console.markdown import inline
from mailrith_lite.console.schema_view import Member, kind_of, members
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.http.addresses import base_address

_JSON: Final = "application/json"
_FIRST_ERROR: Final = 400


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """`place`: `path`, `query` or `header`. `kind`: in words. `description`: HTML."""

    name: str
    place: str
    kind: str
    required: bool
    description: str
    example: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    code: str
    message: str


class Success(msgspec.Struct, frozen=True, kw_only=True):
    """`example`: JSON; "" for an answer without a body."""

    status: int
    phrase: str
    example: str
    members: list[Member]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An operation in the list."""

    id: str
    section: str
    method: str
    path: str
    summary: str


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`description`: HTML. `body_example`: JSON; "" if the operation takes no body."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    scopes: list[str]
    public: bool
    parameters: list[Parameter]
    body: list[Member]
    body_example: str
    successes: list[Success]
    refusals: list[Refusal]

    def curl(self, address: str) -> str:
        """A command that sends the example. `address`: of the service."""
        path = self.path
        for parameter in self.parameters:
            path = path.replace(f"{{{parameter.name}}}", parameter.example)
        parts = [f"curl {'' if self.method == 'GET' else f'-X {self.method} '}{shlex.quote(address + path)}"]
        if not self.public:
            parts.append('-H "Authorization: Bearer $MAILRITH_API_KEY"')
        if self.body_example:
            parts += [f"-H 'Content-Type: {_JSON}'", f"-d {shlex.quote(self.body_example)}"]
        return " \\\n  ".join(parts)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str
    operations: list[Entry]


class Reference:
    """The operations in the order of the document. `load` makes the document, which takes a tenth of a second.

    The text of an operation becomes HTML when somebody opens its page: all texts together take longer than the
    document.
    """

    def __init__(self, load: Callable[[], Mapping[str, Any]]) -> None:
        self._load = load

    @functools.cached_property
    def _document(self) -> Mapping[str, Any]:
        return self._load()

    @functools.cached_property
    def sections(self) -> list[Section]:
        entries = [
            Entry(
                id=operation["operationId"],
                section=operation["tags"][0],
                method=method.upper(),
                path=path,
                summary=operation["summary"],
            )
            for path, methods in self._document["paths"].items()
            for method, operation in methods.items()
        ]
        return [
            Section(
                name=tag["name"],
                description=tag["description"],
                operations=[one for one in entries if one.section == tag["name"]],
            )
            for tag in self._document["tags"]
        ]

    def find(self, operation_id: str) -> Operation:
        """
        Raises:
            NotFound
        """
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if operation["operationId"] == operation_id:
                    return _operation(path, method, operation, self._document["components"])
        raise errors.NotFound("The API has no operation of this name; the reference lists all of them.")


REFERENCE = web.AppKey("reference", Reference)


async def show_reference(call: SessionRequest) -> web.StreamResponse:
    reference = call.request.app[REFERENCE]
    sections = await asyncio.to_thread(lambda: reference.sections)
    return await templating.render_page(call.request, "reference.html", sections=sections)


async def show_operation(call: SessionRequest) -> web.StreamResponse:
    reference = call.request.app[REFERENCE]
    operation = await asyncio.to_thread(reference.find, call.request.match_info["operation_id"])
    return await templating.render_page(
        call.request,
        "operation.html",
        operation=operation,
        curl=operation.curl(base_address(call.services, call.request)),
        held=set(operation.scopes) <= set(call.principal.scopes),
    )


def _operation(path: str, method: str, operation: Mapping[str, Any], components: Mapping[str, Any]) -> Operation:
    schemas, body = components["schemas"], operation.get("requestBody", {}).get("content", {}).get(_JSON, {})
    answers = {
        int(status): components["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for status, answer in operation["responses"].items()
    }
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=inline(operation["description"]),
        scopes=operation["x-required-scopes"],
        public=not operation["security"],
        parameters=[_parameter(one, schemas) for one in operation["parameters"]],
        body=members(body.get("schema", {}), schemas),
        body_example=_text(body["example"]) if "example" in body else "{}" if body else "",
        successes=[_success(one, answers[one], schemas) for one in sorted(answers) if one < _FIRST_ERROR],
        refusals=[
            refusal for one in sorted(answers) if one >= _FIRST_ERROR for refusal in _refusals(one, answers[one])
        ],
    )


def _parameter(parameter: Mapping[str, Any], schemas: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=parameter["name"],
        place=parameter["in"],
        kind=kind_of(parameter["schema"], schemas),
        required=parameter.get("required", False),
        description=inline(parameter.get("description", "")),
        example=str(parameter.get("example", "")),
    )


def _success(status: int, answer: Mapping[str, Any], schemas: Mapping[str, Any]) -> Success:
    content = answer.get("content", {}).get(_JSON, {})
    return Success(
        status=status,
        phrase=HTTPStatus(status).phrase,
        example=_text(content["example"]) if "example" in content else "",
        members=members(content.get("schema", {}), schemas),
    )


def _refusals(status: int, answer: Mapping[str, Any]) -> list[Refusal]:
    examples = answer.get("content", {}).get(_JSON, {}).get("examples", {})
    refused = [example["value"]["error"] for example in examples.values()]
    return [Refusal(status=status, code=one["code"], message=one["message"]) for one in refused]


def _text(example: Any) -> str:
    """JSON for people. The examples are Structs and plain values."""
    return json.dumps(msgspec.to_builtins(example), indent=2, ensure_ascii=False)
