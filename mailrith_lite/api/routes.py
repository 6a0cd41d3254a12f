"""The whole API on one page: method, path, operationId, scopes, handler."""

from typing import Any

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api import custom_fields, downloads, exports, health, imports, subscribers, tags
from mailrith_lite.api.middleware import Handler, authenticated
from mailrith_lite.api.not_served import NOT_SERVED, PUBLIC


class Route(msgspec.Struct, frozen=True):
    method: str
    path: str
    operation_id: str
    scopes: tuple[str, ...]
    handler: Any  # a CallHandler


_IMPORT = ("subscribers:import",)
_IMPORT_LIVE = ("subscribers:import", "live_actions:write")
_EXPORT = ("subscribers:export",)

ROUTES = (
    Route("GET", "/v1/subscribers", "listSubscribers", ("subscribers:read",), subscribers.list_subscribers),
    Route(
        "GET",
        "/v1/subscribers/{subscriber_id}",
        "getSubscriber",
        ("subscribers:read",),
        subscribers.get_subscriber,
    ),
    Route("GET", "/v1/tags", "listTags", ("tags:read",), tags.list_tags),
    Route("POST", "/v1/tags", "createTag", ("tags:write",), tags.create_tag),
    Route(
        "GET",
        "/v1/custom-fields",
        "listCustomFields",
        ("custom_fields:read",),
        custom_fields.list_custom_fields,
    ),
    Route(
        "POST",
        "/v1/custom-fields",
        "createCustomField",
        ("custom_fields:write",),
        custom_fields.create_custom_field,
    ),
    Route("GET", imports.PATH, "listSubscriberImportJobs", _IMPORT, imports.list_imports),
    Route("POST", imports.PATH, "createSubscriberImportJob", _IMPORT_LIVE, imports.create_import),
    Route("GET", f"{imports.PATH}/{{job_id}}", "getSubscriberImportJob", _IMPORT, imports.get_import),
    Route(
        "POST",
        f"{imports.PATH}/{{job_id}}/cancel",
        "cancelSubscriberImportJob",
        _IMPORT_LIVE,
        imports.cancel_import,
    ),
    Route("GET", exports.PATH, "listSubscriberExportJobs", _EXPORT, exports.list_exports),
    Route("POST", exports.PATH, "createSubscriberExportJob", _EXPORT, exports.create_export),
    Route("GET", f"{exports.PATH}/{{job_id}}", "getSubscriberExportJob", _EXPORT, exports.get_export),
    Route(
        "POST",
        f"{exports.PATH}/{{job_id}}/cancel",
        "cancelSubscriberExportJob",
        _EXPORT,
        exports.cancel_export,
    ),
)


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get(health.PATH, health.healthz)
    router.add_get(downloads.PATH, downloads.download)
    for route in ROUTES:
        _add(router, route.method, route.path, authenticated(route.handler, route.scopes))
    for method, path, operation_id in NOT_SERVED:
        _add(router, method, path, _refusal(operation_id))


def _add(router: web.UrlDispatcher, method: str, path: str, handler: Any) -> None:
    if method == "GET":
        router.add_get(path, handler)  # HEAD comes with it
    else:
        router.add_route(method, path, handler)


def _refusal(operation_id: str) -> Handler:
    async def refuse(_: object) -> web.StreamResponse:
        raise errors.OperationNotSupported(operation_id)

    return refuse if operation_id in PUBLIC else authenticated(refuse, ())
