"""/v1/openapi.json: the OpenAPI document, from the table of routes and the annotations of the handlers."""

import functools
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

import msgspec
from aiohttp import web

from mailrith_lite.api import codec
from mailrith_lite.api.documentation.refusals import ERROR_SCHEMA, JSON, REQUEST_ID, SharedRefusals, example_id
from mailrith_lite.api.documentation.schemas import Schemas, query_properties
from mailrith_lite.api.responses import Accepted, Bare, PageOf
from mailrith_lite.api.route import SECTIONS, Route, Section
from mailrith_lite.http.services import SERVICES

Document: TypeAlias = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]

_KEY_PATTERN = r'^(?!""$)[!-~]([ -~]{0,253}[!-~])?$'
_DESCRIPTION = """\
Subscribers with their tags, custom fields, sequences and segments, and the jobs that import and export them: the
part of Mailrith's v1 API that mailrith_lite serves. The other operations of the contract answer 501.

Send an API key as `Authorization: Bearer mrk_…`. A request that is not valid HTTP gets a 400, a request with a long
line in its head a 431, and a known path with another method a 405 with the header `Allow`. All errors have the same
form.
"""
_HEADERS: dict[str, Any] = {
    "RequestId": {
        "description": "The request's own x-mailrith-request-id if it is 1 to 128 printable ASCII characters, "
        "else a new one. The service's log has it too.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The address of the new resource, relative to that of the request.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "RetryAfter": {
        "description": "Seconds until the next request makes sense.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "IdempotentReplayed": {
        "description": "This is the recorded answer to an earlier request with this Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "WwwAuthenticate": {"required": True, "schema": {"type": "string", "enum": ["Bearer"]}},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "1 to 255 printable ASCII characters that the client chooses. The same key with the same body "
    "gets the same answer, and creates nothing twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _KEY_PATTERN},
}


async def get_document(request: web.Request) -> Bare[Document]:
    """Get the OpenAPI document

    OpenAPI 3.1, made from the routes and types that serve the requests.
    """
    return Bare(_encoded(request.app[SECTIONS], request.app[SERVICES].settings.public_url))


@functools.lru_cache(maxsize=1)
def _encoded(sections: tuple[Section, ...], public_url: str | None) -> Document:
    """The first server is the one that the document came from, because a browser may send requests to no other
    server."""
    return msgspec.Raw(codec.encode(document(sections, ["/", public_url] if public_url else ["/"])))


def document(sections: tuple[Section, ...], servers: list[str]) -> dict[str, Any]:
    """`servers`: addresses of the API."""
    routes = [route for section in sections for route in section.routes]
    signatures = [route.signature for route in routes]
    schemas = Schemas(
        [one.request for one in signatures if one.request], [one.answer for one in signatures if one.answer]
    )
    shared = SharedRefusals()
    paths: dict[str, dict[str, Any]] = {}
    for section in sections:
        for route in section.routes:
            operation = {"tags": [section.name], **_operation(route, routes, schemas, shared)}
            paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mailrith API", "version": "v1", "description": _DESCRIPTION},
        "servers": [{"url": server} for server in servers],
        "tags": [{"name": section.name, "description": section.description} for section in sections],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Error": ERROR_SCHEMA, "Pagination": _pagination()},
            "headers": _HEADERS,
            "responses": shared.components,
            "securitySchemes": {
                "WorkspaceApiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "mrk_…",
                    "description": "The API key of a workspace. `mailrith-lite keys create` makes one.",
                }
            },
        },
    }


def _operation(route: Route, routes: Sequence[Route], schemas: Schemas, shared: SharedRefusals) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "description": _description(route),
        "security": [] if route.public else [{"WorkspaceApiKey": []}],
        "x-required-scopes": list(route.scopes),
        "parameters": _parameters(route),
        "responses": _successes(route, routes, schemas) | shared.of(route),
    }
    if (form := route.signature.request) is not None:
        operation["requestBody"] = {
            "required": not route.signature.optional_body,
            "content": {JSON: _media(schemas.request(form), getattr(form, "EXAMPLE", None))},
        }
    return operation


def _media(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"schema": schema} if example is None else {"schema": schema, "example": example}


def _description(route: Route) -> str:
    scopes = " and ".join(f"`{scope}`" for scope in route.scopes)
    needs = "Needs no key." if route.public else f"Needs a key with {scopes}." if scopes else "Needs any valid key."
    return f"{route.description} {needs}".strip()


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "example": example_id(route, name),
        }
        for name in route.path_names
    ]
    for name, schema in query_properties(route.signature.query).items():
        text = schema.pop("description", None)
        parameter = {"name": name, "in": "query", "style": "form", "explode": True, "schema": schema}
        parameters.append(parameter | ({"description": text} if text else {}))
    return [*parameters, _IDEMPOTENCY_KEY] if route.idempotent else parameters


def _successes(route: Route, routes: Sequence[Route], schemas: Schemas) -> dict[str, Any]:
    return {str(status): _success(status, route, routes, schemas) for status in route.statuses}


def _success(status: int, route: Route, routes: Sequence[Route], schemas: Schemas) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(status).phrase, "headers": _headers(status, route)}
    response, answer = route.signature.response, route.signature.answer
    if answer is None:
        return success
    schema = schemas.answer(answer)
    example = getattr(answer, "QUEUED_EXAMPLE" if issubclass(response, Accepted) else "EXAMPLE", None)
    if issubclass(response, PageOf):
        schema, example = _page(schema, example)
    elif not issubclass(response, Bare):
        schema, example = _enveloped(schema), None if example is None else {"data": example}
    success["content"] = {JSON: _media(schema, example)}
    if links := _links(status, route, routes):
        success["links"] = links
    return success


def _headers(status: int, route: Route) -> dict[str, Any]:
    headers: dict[str, Any] = dict(REQUEST_ID)
    if status in (201, 202):
        headers["Location"] = {"$ref": "#/components/headers/Location"}
    if status == 202 or "{job_id}" in route.path:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if route.idempotent:
        headers["Idempotent-Replayed"] = {"$ref": "#/components/headers/IdempotentReplayed"}
    return headers


def _enveloped(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["data"], "properties": {"data": schema}}


def _page(schema: dict[str, Any], example: Any) -> tuple[dict[str, Any], Any]:
    envelope = _enveloped({"type": "array", "items": schema})
    envelope["required"].append("pagination")
    envelope["properties"]["pagination"] = {"$ref": "#/components/schemas/Pagination"}
    return envelope, {"data": [example], "pagination": {"has_more": False, "next_cursor": None}}


def _pagination() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "`next_cursor` goes into `starting_after` for the next page.",
        "required": ["has_more", "next_cursor"],
        "properties": {"has_more": {"type": "boolean"}, "next_cursor": {"type": ["string", "null"]}},
    }


def _links(status: int, route: Route, routes: Sequence[Route]) -> dict[str, Any]:
    """The operations that take the id in this response."""
    if status not in (201, 202):
        return {}
    place = getattr(route.signature.answer, "ID", "id")
    return {
        other.operation_id: {
            "operationId": other.operation_id,
            "parameters": {other.path_names[0]: f"$response.body#/data/{place}"},
        }
        for other in routes
        if other.path.startswith(route.path + "/{") and len(other.path_names) == 1
    }
