"""The errors of each operation, for the OpenAPI document. The functions that raise them make the examples."""

import itertools
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.access import request_rates, scopes, wrong_keys
from mailrith_lite.api import bodies, codec, codes, idempotency, parameters, resources, wording
from mailrith_lite.api.arguments import empty_update
from mailrith_lite.api.envelope import respond
from mailrith_lite.api.parameters import Empty
from mailrith_lite.api.resources import Change
from mailrith_lite.api.route import Route
from mailrith_lite.database import too_many_reads
from mailrith_lite.http import wire_errors
from mailrith_lite.http.statuses import STATUSES
from mailrith_lite.jobs.kinds import KINDS, kind_of

JSON = "application/json"
REQUEST_ID = {"x-mailrith-request-id": {"$ref": "#/components/headers/RequestId"}}
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The body of every response that is not a success.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message"],
            "properties": {
                "type": {"type": "string", "enum": list(dict.fromkeys(kind for _, kind in STATUSES.values()))},
                "code": {"type": "string", "description": "Stable, for programs."},
                "message": {"type": "string", "description": "One sentence that says what to change."},
                "details": {
                    "type": "object",
                    "properties": {
                        "field": {
                            "type": "string",
                            "description": "The field with the fault, such as `mappings[2].field.custom_field_id`.",
                        },
                        "reason": {"type": "string", "description": "More exact than the code."},
                        "resource": {
                            "type": "object",
                            "required": ["type", "id"],
                            "properties": {"type": {"type": "string"}, "id": {"type": "string"}},
                            "additionalProperties": False,
                        },
                    },
                    "additionalProperties": False,
                },
                **{
                    name: {"type": "array", "items": {"type": "string"}}
                    for name in ("required_scopes", "missing_scopes", "replacement_scopes")
                },
                "credential_type": {"type": "string", "enum": ["workspace_api_key"]},
                "recovery": {
                    "type": "object",
                    "required": ["action", "message"],
                    "properties": {
                        "action": {"type": "string", "enum": ["replace_api_key"]},
                        "message": {"type": "string"},
                        "replacement_scopes": {"type": "array", "items": {"type": "string"}},
                    },
                    "additionalProperties": False,
                },
            },
        }
    },
}


class SharedRefusals:
    """`components`: the responses to errors, each once. Operations refer to them."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}

    def of(self, route: Route) -> dict[str, Any]:
        """By status. A 403 names the operation's own scopes, so it is not shared."""
        return {
            str(status): _refusal(status, refusals) if status == 403 else self._share(status, refusals)
            for status, refusals in _by_status(route).items()
        }

    def _share(self, status: int, refusals: list[errors.MailrithError]) -> dict[str, Any]:
        response = _refusal(status, refusals)
        name = _unused("-".join([str(status), *_codes(refusals)]), self.components, response)
        self.components[name] = response
        return {"$ref": f"#/components/responses/{name}"}


def _codes(refusals: list[errors.MailrithError]) -> list[str]:
    return list(dict.fromkeys(error.error_code for error in refusals))


def _unused(name: str, taken: dict[str, Any], value: Any) -> str:
    """The name, with a number if another value has it already."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(one for one in names if taken.get(one, value) == value)


def _refusal(status: int, refusals: list[errors.MailrithError]) -> dict[str, Any]:
    headers: dict[str, Any] = dict(REQUEST_ID)
    if status == 401:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WwwAuthenticate"}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    schema = {"$ref": "#/components/schemas/Error"}
    examples: dict[str, Any] = {}
    for error in refusals:
        example = {"value": _body(error)}
        examples[_unused(error.error_code, examples, example)] = example
    return {
        "description": HTTPStatus(status).phrase,
        "headers": headers,
        "content": {JSON: {"schema": schema, "examples": examples}},
    }


def _by_status(route: Route) -> dict[int, list[errors.MailrithError]]:
    """The errors of an operation by their status."""
    by_status: dict[int, list[errors.MailrithError]] = {}
    for error in _possible(route):
        status, _ = STATUSES[type(error)]
        by_status.setdefault(status, []).append(error)
    return dict(sorted(by_status.items()))


def _body(error: errors.MailrithError) -> Any:
    """The body of the response that the error becomes."""
    body = respond(error).body
    assert isinstance(body, bytes)
    return msgspec.json.decode(body)


def example_id(route: Route, name: str) -> str:
    """An id for `{name}` in the path."""
    resource = name.removesuffix("_id")
    if resource == "job":
        return next(kind.encode(1) for kind in KINDS if route.path.startswith(f"{kind.path}/"))
    return ids.encode(resource, 1)


def _not_found(route: Route, name: str) -> errors.NotFound:
    public_id = example_id(route, name)
    kind = kind_of(public_id)
    return resources.not_found(kind.resource if kind else name.removesuffix("_id"), public_id)


def _invalid_members(form: type[msgspec.Struct]) -> Iterator[errors.MailrithError]:
    """For each code that a member of the form can have, the error of one such member."""
    for name in _one_of_each_code(form):
        error = errors.InvalidRequest(f"{name} takes {wording.takes(form, f'.{name}')}.", field=name)
        codes.assign(error, form)
        yield error


def _invalid_parameters(form: type[msgspec.Struct]) -> Iterator[errors.MailrithError]:
    yield parameters.unknown("stauts", form)
    for name in _one_of_each_code(form):
        error = parameters.invalid_value(form, name)
        codes.assign(error, form)
        yield error


def _one_of_each_code(form: type[msgspec.Struct]) -> Iterable[str]:
    """Members of the form, all of whose codes differ."""
    known: codes.Codes = getattr(form, "CODES", codes.Codes())
    return {known.code(name): name for name in reversed(form.__struct_encode_fields__)}.values()


def _possible(route: Route) -> Iterator[errors.MailrithError]:
    """Those that its request, key and path imply, and those that its handler names."""
    if (form := route.signature.request) is not None:
        yield codec.not_an_object()
        yield codec.not_json()
        yield from _invalid_members(form)
        if issubclass(form, Change):
            yield empty_update(form)
        yield bodies.too_large(bodies.IN_MEMORY)
        yield bodies.not_json()
    yield from _invalid_parameters(route.signature.query)
    if route.signature.query is not Empty:
        yield wire_errors.HeadersTooLarge()
    if route.idempotent:
        yield wire_errors.InvalidIdempotencyKey()
        yield idempotency.key_reused()
    if not route.public:
        yield errors.InvalidApiKey()
        yield wrong_keys.too_many(60)
        yield request_rates.too_many("key", 1_000, 1)
        yield request_rates.too_many("workspace", 2_000, 1)
        yield errors.RevokedApiKey()
        yield errors.ExpiredApiKey()
        yield wire_errors.ShuttingDown()
    if route.scopes:
        yield errors.InsufficientScope(route.scopes, route.scopes[-1:], scopes.ALL[:1])
    for name in route.path_names:
        yield _not_found(route, name)
    yield from route.refusals
    if not route.public:
        yield errors.QueryTooSlow()
        yield too_many_reads()
    if route.method != "GET":
        yield errors.StorageFull()
        yield errors.DatabaseBusy()
    yield wire_errors.InternalError("req_3f0c2a9d41b7e85610ac77e2")
