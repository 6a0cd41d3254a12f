"""/sandbox/openapi.json: the OpenAPI document of the control routes."""

import functools
from http import HTTPStatus
from types import NoneType
from typing import Any

from aiohttp import web

from mailrith_lite.api import codec
from mailrith_lite.api.documentation.refusals import ERROR_SCHEMA
from mailrith_lite.api.documentation.schemas import Schemas
from mailrith_lite.testing.control import CONTROLS, Control

_JSON = "application/json"
_DESCRIPTION = """\
Controls a sandbox: fills it, decides when jobs move, makes requests fail, moves the clock, lists requests. \
An API key as `Authorization: Bearer mrk_…` chooses the workspace; without a key it is the sandbox's own."""


async def get_document(request: web.Request) -> web.StreamResponse:
    return codec.json_response(codec.encode(document()))


@functools.cache
def document() -> dict[str, Any]:
    schemas = Schemas(
        [control.form for control in CONTROLS],
        [control.answer for control in CONTROLS if control.answer is not NoneType],
    )
    paths: dict[str, Any] = {}
    for control in CONTROLS:
        paths.setdefault(control.path, {})[control.method.lower()] = _operation(control, schemas)
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


def _operation(control: Control, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": control.operation_id,
        "summary": (control.act.__doc__ or "").strip().split("\n")[0],
        "responses": {
            **_success(control, schemas),
            **{str(status): _refusal(status) for status in (400, 401, 404)},
        },
    }
    if control.method == "POST":
        schema = schemas.request(control.form)
        operation["requestBody"] = {"required": False, "content": {_JSON: {"schema": schema}}}
    return operation


def _success(control: Control, schemas: Schemas) -> dict[str, Any]:
    if control.answer is NoneType:
        return {"204": {"description": "Done"}}
    data = {"type": "object", "required": ["data"], "properties": {"data": schemas.answer(control.answer)}}
    return {"200": {"description": "OK", "content": {_JSON: {"schema": data}}}}


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": HTTPStatus(status).phrase, "content": {_JSON: {"schema": schema}}}
