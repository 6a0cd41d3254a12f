"""/sandbox/openapi.json: the control routes, described as the API is."""

import functools
from http import HTTPStatus
from typing import Any

from aiohttp import web

from mailrith_lite.api import codec
from mailrith_lite.api.documentation.refusals import ERROR_SCHEMA
from mailrith_lite.api.documentation.schemas import Schemas
from mailrith_lite.testing.control import CONTROLS, Control

_JSON = "application/json"
_DESCRIPTION = """\
Steers a sandbox: seeds it, decides when jobs move, lets requests fail, moves the clock, shows what a client sent. \
An API key as `Authorization: Bearer mrk_…` chooses the workspace; without one it is the sandbox's own."""


async def get_document(request: web.Request) -> web.StreamResponse:
    return codec.json_response(codec.encode(document()))


@functools.cache
def document() -> dict[str, Any]:
    schemas = Schemas([one.form for one in CONTROLS], [one.answer for one in CONTROLS if one.answer])
    paths: dict[str, Any] = {}
    for one in CONTROLS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mailrith_lite sandbox", "version": "v1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Error": ERROR_SCHEMA},
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"apiKey": []}],
    }


def _operation(one: Control, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": one.operation_id,
        "summary": (one.act.__doc__ or "").strip().split("\n")[0],
        "responses": {**_success(one, schemas), **dict(map(_refusal, (400, 401, 404)))},
    }
    if one.method == "POST":
        found["requestBody"] = {"required": False, "content": {_JSON: {"schema": schemas.request(one.form)}}}
    return found


def _success(one: Control, schemas: Schemas) -> dict[str, Any]:
    if one.answer is None:
        return {"204": {"description": "Done"}}
    data = {"type": "object", "required": ["data"], "properties": {"data": schemas.answer(one.answer)}}
    return {"200": {"description": "OK", "content": {_JSON: {"schema": data}}}}


def _refusal(status: int) -> tuple[str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Error"}
    return str(status), {"description": HTTPStatus(status).phrase, "content": {_JSON: {"schema": schema}}}
