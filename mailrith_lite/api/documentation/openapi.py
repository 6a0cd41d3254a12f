"""/v1/openapi.json: the OpenAPI document, made from the table of routes and the wire Structs."""

import functools
from http import HTTPStatus
from typing import Any

from aiohttp import web

from mailrith_lite.api import codec
from mailrith_lite.api.call import ROUTES
from mailrith_lite.api.discovery import resource_key, resource_name
from mailrith_lite.api.documentation import examples
from mailrith_lite.api.documentation.refusals import ERROR_SCHEMA, example_id, path_names, refusals, shown
from mailrith_lite.api.documentation.schemas import Schemas, query_properties
from mailrith_lite.api.route import Route
from mailrith_lite.errors import MailrithError
from mailrith_lite.http.services import SERVICES

_JSON = "application/json"
_KEY_PATTERN = r'^(?!""$)[!-~]([ -~]{0,253}[!-~])?$'
_DESCRIPTION = """\
Subscribers with their tags, custom fields, sequences and segments, and the jobs that import and export them: the
part of Mailrith's v1 API that mailrith_lite serves. The other operations of the contract answer 501.

Send an API key as `Authorization: Bearer mrk_…`. A request that is no HTTP answers 400, one whose head is too long
431, and a known path with another method 405, with the header `Allow`; all that is no success has the same form.
"""
_REQUEST_ID = {"x-mailrith-request-id": {"$ref": "#/components/headers/RequestId"}}
_HEADERS: dict[str, Any] = {
    "RequestId": {
        "description": "The request's own x-mailrith-request-id, when it is 1 to 128 printable ASCII characters, "
        "else a new one. It stands in the service's log.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The path of what was made.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RetryAfter": {
        "description": "Seconds after which it is worth asking again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "IdempotentReplayed": {
        "description": "The answer is the one that this Idempotency-Key got before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "WwwAuthenticate": {"required": True, "schema": {"type": "string", "enum": ["Bearer"]}},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "1 to 255 printable ASCII characters of the client's own. The same key with the same body gets "
    "the same answer, and makes nothing twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _KEY_PATTERN},
}


async def get_document(request: web.Request) -> web.StreamResponse:
    """Get the OpenAPI document

    OpenAPI 3.1, made from the same table and types that answer.
    """
    return codec.json_response(_encoded(request.app[ROUTES], request.app[SERVICES].settings.public_url))


@functools.lru_cache(maxsize=1)
def _encoded(routes: tuple[Route, ...], public_url: str | None) -> bytes:
    """Its first server is the one that it came from: a browser may ask no other."""
    return codec.encode(document(routes, ["/", public_url] if public_url else ["/"]))


def document(routes: tuple[Route, ...], servers: list[str]) -> dict[str, Any]:
    schemas = Schemas(
        [route.request for route in routes if route.request], [route.answer for route in routes if route.answer]
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, routes, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mailrith API", "version": "v1", "description": _DESCRIPTION},
        "servers": [{"url": server} for server in servers],
        "tags": [{"name": tag} for tag in dict.fromkeys(map(_tag, routes))],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Error": ERROR_SCHEMA, "Pagination": _pagination()},
            "headers": _HEADERS,
            "responses": _shared_refusals(routes),
            "securitySchemes": {
                "WorkspaceApiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "mrk_…",
                    "description": "A workspace's API key, made with `mailrith-lite keys create`.",
                }
            },
        },
    }


def _tag(route: Route) -> str:
    key = resource_key(route.path)
    return "Platform" if key is None else resource_name(key)


def _operation(route: Route, routes: tuple[Route, ...], schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "description": _description(route),
        "tags": [_tag(route)],
        "security": [] if route.public else [{"WorkspaceApiKey": []}],
        "x-required-scopes": list(route.scopes),
        "parameters": _parameters(route),
        "responses": _successes(route, routes, schemas) | _errors(route),
    }
    if route.request is not None:
        found["requestBody"] = {
            "required": not route.optional_body,
            "content": {
                _JSON: {
                    "schema": schemas.request(route.request),
                    "example": examples.REQUESTS[route.request.__name__],
                }
            },
        }
    return found


def _description(route: Route) -> str:
    scopes = " and ".join(f"`{scope}`" for scope in route.scopes)
    wanted = (
        "Needs no key." if route.public else f"Needs a key with {scopes}." if scopes else "Needs any valid key."
    )
    return f"{route.description} {wanted}".strip()


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "example": example_id(route, name),
        }
        for name in path_names(route.path)
    ]
    for name, schema in query_properties(route.query).items():
        text = schema.pop("description", None)
        parameter = {"name": name, "in": "query", "style": "form", "explode": True, "schema": schema}
        found.append(parameter | ({"description": text} if text else {}))
    return [*found, _IDEMPOTENCY_KEY] if route.idempotent else found


def _successes(route: Route, routes: tuple[Route, ...], schemas: Schemas) -> dict[str, Any]:
    return {str(status): _success(status, route, routes, schemas) for status in route.statuses}


def _success(status: int, route: Route, routes: tuple[Route, ...], schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": _headers(status, route)}
    if route.answer is None:
        return found
    name = getattr(route.answer, "__name__", "")
    schema = schemas.answer(route.answer)
    example = examples.ANSWERS.get(name)
    if example is not None and status == 202:
        example = examples.queued(example)
    if route.listed:
        schema, example = _page(schema, example)
    elif not route.bare:
        schema, example = _enveloped(schema), {"data": example} if example is not None else None
    found["content"] = {_JSON: {"schema": schema} | ({"example": example} if example is not None else {})}
    if links := _links(status, route, routes):
        found["links"] = links
    return found


def _headers(status: int, route: Route) -> dict[str, Any]:
    found: dict[str, Any] = dict(_REQUEST_ID)
    if status in (201, 202):
        found["Location"] = {"$ref": "#/components/headers/Location"}
    if status == 202 or "{job_id}" in route.path:
        found["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if route.idempotent:
        found["Idempotent-Replayed"] = {"$ref": "#/components/headers/IdempotentReplayed"}
    return found


def _enveloped(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["data"], "properties": {"data": schema}}


def _page(schema: dict[str, Any], example: Any) -> tuple[dict[str, Any], Any]:
    found = _enveloped({"type": "array", "items": schema})
    found["required"].append("pagination")
    found["properties"]["pagination"] = {"$ref": "#/components/schemas/Pagination"}
    return found, {"data": [example], "pagination": {"has_more": False, "next_cursor": None}}


def _pagination() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "`next_cursor` goes into `starting_after` for the next page.",
        "required": ["has_more", "next_cursor"],
        "properties": {"has_more": {"type": "boolean"}, "next_cursor": {"type": ["string", "null"]}},
    }


def _links(status: int, route: Route, routes: tuple[Route, ...]) -> dict[str, Any]:
    """What was made by this answer is what these operations take."""
    if status not in (201, 202):
        return {}
    return {
        other.operation_id: {
            "operationId": other.operation_id,
            "parameters": {path_names(other.path)[0]: "$response.body#/data/id"},
        }
        for other in routes
        if other.path.startswith(route.path + "/{") and len(path_names(other.path)) == 1
    }


def _errors(route: Route) -> dict[str, Any]:
    """Those that say the same in several operations are kept once; a 403 names the operation's scopes."""
    return {
        str(status): _refusal(status, found)
        if status == 403
        else {"$ref": f"#/components/responses/{_refusal_name(status, found)}"}
        for status, found in refusals(route).items()
    }


def _refusal_name(status: int, found: list[MailrithError]) -> str:
    return "-".join([str(status), *(error.error_code for error in found)])


def _shared_refusals(routes: tuple[Route, ...]) -> dict[str, Any]:
    return {
        _refusal_name(status, found): _refusal(status, found)
        for route in routes
        for status, found in refusals(route).items()
        if status != 403
    }


def _refusal(status: int, found: list[MailrithError]) -> dict[str, Any]:
    headers: dict[str, Any] = dict(_REQUEST_ID)
    if status == 401:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WwwAuthenticate"}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    schema = {"$ref": "#/components/schemas/Error"}
    shown_errors = {error.error_code: {"value": shown(error)} for error in found}
    return {
        "description": HTTPStatus(status).phrase,
        "headers": headers,
        "content": {_JSON: {"schema": schema, "examples": shown_errors}},
    }
