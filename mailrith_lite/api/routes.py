"""The whole API on one page: method, path, operationId, scopes, handler, and what goes in and out."""

from typing import Any

from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api import (
    custom_fields,
    discovery,
    downloads,
    exports,
    front,
    health,
    imports,
    segments,
    sequences,
    subscribers,
    tags,
    upload_page,
    uploads,
    workspace,
)
from mailrith_lite.api.call import ROUTES as ROUTES_KEY
from mailrith_lite.api.documentation import openapi, reference
from mailrith_lite.api.middleware import authenticated
from mailrith_lite.api.not_served import NOT_SERVED
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.resources import SearchQuery
from mailrith_lite.api.route import Route
from mailrith_lite.http.statuses import Handler
from mailrith_lite.pages.static import add_static

_READ = ("subscribers:read",)
_WRITE = ("subscribers:write",)
_LIVE = ("subscribers:write", "live_actions:write")
_IMPORT = ("subscribers:import",)
_IMPORT_LIVE = ("subscribers:import", "live_actions:write")
_EXPORT = ("subscribers:export",)

_TAG = f"{tags.PATH}/{{tag_id}}"
_FIELD = f"{custom_fields.PATH}/{{custom_field_id}}"
_SEQUENCE = f"{sequences.PATH}/{{sequence_id}}"
_SEGMENT = f"{segments.PATH}/{{segment_id}}"
_SUBSCRIBER = f"{subscribers.PATH}/{{subscriber_id}}"
_IMPORT_JOB = f"{imports.PATH}/{{job_id}}"
_UPLOAD = f"{uploads.PATH}/{{upload_id}}"
_EXPORT_JOB = f"{exports.PATH}/{{job_id}}"

_DISCOVERY = (
    Route("GET", discovery.PATH, "getPublicApiMeta", (), discovery.get_meta, answer=discovery.Meta, bare=True, public=True),
    Route("GET", discovery.CAPABILITIES_PATH, "getPublicApiCapabilities", (), discovery.get_capabilities, answer=discovery.Capabilities),
    Route("GET", discovery.OPENAPI_PATH, "getPublicApiOpenApiDocument", (), openapi.get_document, answer=dict[str, Any], bare=True, public=True),
    Route("GET", workspace.PATH, "getWorkspace", ("workspace:read",), workspace.get_workspace, answer=workspace.WorkspaceResource),
)  # fmt: skip

_SUBSCRIBERS = (
    Route("GET", subscribers.PATH, "listSubscribers", _READ, subscribers.list_subscribers, answer=subscribers.SubscriberResource, listed=True, query=subscribers.SubscriberQuery),
    Route("POST", subscribers.PATH, "upsertSubscriber", _LIVE, subscribers.upsert_subscriber, subscribers.SubscriberRequest, subscribers.SubscriberResource, statuses=(201, 200), conflicts=("subscriber_already_exists",), idempotent=True),
    Route("GET", _SUBSCRIBER, "getSubscriber", _READ, subscribers.get_subscriber, answer=subscribers.SubscriberResource),
    Route("PATCH", _SUBSCRIBER, "updateSubscriber", _WRITE, subscribers.update_subscriber, subscribers.SubscriberChange, subscribers.SubscriberResource, conflicts=("subscriber_already_exists",)),
    Route("DELETE", _SUBSCRIBER, "deleteSubscriber", _WRITE, subscribers.delete_subscriber, statuses=(204,)),
    Route("PUT", f"{_SUBSCRIBER}/status", "updateSubscriberStatus", _LIVE, subscribers.update_subscriber_status, subscribers.StatusRequest, subscribers.SubscriberResource),
    Route("PUT", f"{_SUBSCRIBER}/tags/{{tag_id}}", "addSubscriberTag", _LIVE, subscribers.add_subscriber_tag, answer=subscribers.SubscriberResource),
    Route("DELETE", f"{_SUBSCRIBER}/tags/{{tag_id}}", "removeSubscriberTag", _LIVE, subscribers.remove_subscriber_tag, answer=subscribers.SubscriberResource),
    Route("PUT", f"{_SUBSCRIBER}/sequences/{{sequence_id}}", "addSubscriberSequence", _LIVE, subscribers.add_subscriber_sequence, answer=subscribers.SubscriberResource),
    Route("DELETE", f"{_SUBSCRIBER}/sequences/{{sequence_id}}", "removeSubscriberSequence", _LIVE, subscribers.remove_subscriber_sequence, answer=subscribers.SubscriberResource),
)  # fmt: skip

_CATALOGUE = (
    Route("GET", tags.PATH, "listTags", ("tags:read",), tags.list_tags, answer=tags.TagResource, listed=True, query=SearchQuery),
    Route("POST", tags.PATH, "createTag", ("tags:write",), tags.create_tag, tags.TagRequest, tags.TagResource, statuses=(201,), conflicts=("tag_name_taken",), idempotent=True),
    Route("GET", _TAG, "getTag", ("tags:read",), tags.get_tag, answer=tags.TagResource),
    Route("PUT", _TAG, "updateTag", ("tags:write",), tags.update_tag, tags.TagChange, tags.TagResource, conflicts=("tag_name_taken",)),
    Route("DELETE", _TAG, "deleteTag", ("tags:write",), tags.delete_tag, statuses=(204,), conflicts=("tag_in_use",)),
    Route("GET", custom_fields.PATH, "listCustomFields", ("custom_fields:read",), custom_fields.list_custom_fields, answer=custom_fields.CustomFieldResource, listed=True, query=SearchQuery),
    Route("POST", custom_fields.PATH, "createCustomField", ("custom_fields:write",), custom_fields.create_custom_field, custom_fields.CustomFieldRequest, custom_fields.CustomFieldResource, statuses=(201,), idempotent=True),
    Route("GET", _FIELD, "getCustomField", ("custom_fields:read",), custom_fields.get_custom_field, answer=custom_fields.CustomFieldResource),
    Route("PUT", _FIELD, "updateCustomField", ("custom_fields:write",), custom_fields.update_custom_field, custom_fields.CustomFieldChange, custom_fields.CustomFieldResource, conflicts=("custom_field_in_use",)),
    Route("DELETE", _FIELD, "deleteCustomField", ("custom_fields:write",), custom_fields.delete_custom_field, statuses=(204,), conflicts=("custom_field_in_use",)),
    Route("GET", sequences.PATH, "listSequences", ("sequences:read",), sequences.list_sequences, answer=sequences.SequenceSummaryResource, listed=True, query=SearchQuery),
    Route("POST", sequences.PATH, "createSequence", ("sequences:write",), sequences.create_sequence, sequences.SequenceRequest, sequences.SequenceResource, statuses=(201,), idempotent=True),
    Route("GET", _SEQUENCE, "getSequence", ("sequences:read",), sequences.get_sequence, answer=sequences.SequenceResource),
    Route("PUT", _SEQUENCE, "updateSequence", ("sequences:write",), sequences.update_sequence, sequences.SequenceChange, sequences.SequenceResource),
    Route("PUT", f"{_SEQUENCE}/status", "updateSequenceStatus", ("sequences:write", "live_actions:write"), sequences.update_sequence_status, sequences.SequenceStatusRequest, sequences.SequenceResource),
    Route("DELETE", _SEQUENCE, "deleteSequence", ("sequences:write",), sequences.delete_sequence, statuses=(204,)),
    Route("GET", segments.PATH, "listSegments", ("segments:read",), segments.list_segments, answer=segments.SegmentSummary, listed=True, query=SearchQuery),
    Route("POST", segments.PATH, "createSegment", ("segments:write",), segments.create_segment, segments.SegmentRequest, segments.SegmentResource, statuses=(201,), conflicts=("segment_name_taken",), idempotent=True),
    Route("POST", f"{segments.PATH}/preview", "previewSegment", ("segments:read",), segments.preview_segment, segments.PreviewRequest, segments.SegmentPreview),
    Route("GET", _SEGMENT, "getSegment", ("segments:read",), segments.get_segment, answer=segments.SegmentResource),
    Route("PUT", _SEGMENT, "updateSegment", ("segments:write",), segments.update_segment, segments.SegmentChange, segments.SegmentResource, conflicts=("segment_name_taken",)),
    Route("DELETE", _SEGMENT, "deleteSegment", ("segments:write",), segments.delete_segment, statuses=(204,), conflicts=("segment_in_use",)),
)  # fmt: skip

_JOBS = (
    Route("POST", uploads.PATH, "startSubscriberImportUpload", _IMPORT, uploads.start_upload, answer=uploads.ImportUpload, statuses=(201,)),
    Route("GET", _UPLOAD, "getSubscriberImportUpload", _IMPORT, uploads.get_upload, answer=uploads.ImportUpload),
    Route("GET", imports.PATH, "listSubscriberImportJobs", _IMPORT, imports.list_imports, answer=imports.ImportJobSummary, listed=True, query=PageQuery),
    Route("POST", imports.PATH, "createSubscriberImportJob", _IMPORT_LIVE, imports.create_import, imports.ImportRequest, imports.ImportJob, statuses=(202,), conflicts=("upload_already_used",), idempotent=True),
    Route("GET", _IMPORT_JOB, "getSubscriberImportJob", _IMPORT, imports.get_import, answer=imports.ImportJob),
    Route("POST", f"{_IMPORT_JOB}/cancel", "cancelSubscriberImportJob", _IMPORT_LIVE, imports.cancel_import, answer=imports.ImportJob, conflicts=("job_already_final",)),
    Route("GET", exports.PATH, "listSubscriberExportJobs", _EXPORT, exports.list_exports, answer=exports.ExportJobSummary, listed=True, query=PageQuery),
    Route("POST", exports.PATH, "createSubscriberExportJob", _EXPORT, exports.create_export, exports.ExportRequest, exports.ExportJob, statuses=(202,), idempotent=True, optional_body=True),
    Route("GET", _EXPORT_JOB, "getSubscriberExportJob", _EXPORT, exports.get_export, answer=exports.ExportJob),
    Route("POST", f"{_EXPORT_JOB}/cancel", "cancelSubscriberExportJob", _EXPORT, exports.cancel_export, answer=exports.ExportJob, conflicts=("job_already_final",)),
)  # fmt: skip

ROUTES = _DISCOVERY + _SUBSCRIBERS + _CATALOGUE + _JOBS


def add_routes(app: web.Application) -> None:
    app[ROUTES_KEY] = ROUTES
    app.router.add_get("/", front.show_front)
    app.router.add_get(health.PATH, health.healthz)
    app.router.add_get(downloads.PATH, downloads.download)
    upload_page.add_routes(app.router)
    add_static(app.router)
    reference.add_routes(app.router)
    for route in ROUTES:
        handler = route.handler if route.public else authenticated(route.handler, route.operation_id, route.scopes)
        _add(app.router, route.method, route.path, handler)
    for method, path, operation_id in NOT_SERVED:
        _add(app.router, method, path, _refusal(operation_id))


def _add(router: web.UrlDispatcher, method: str, path: str, handler: Any) -> None:
    if method == "GET":
        router.add_get(path, handler)  # HEAD comes with it
    else:
        router.add_route(method, path, handler)


def _refusal(operation_id: str) -> Handler:
    async def refuse(_: object) -> web.StreamResponse:
        raise errors.OperationNotSupported(operation_id)

    return authenticated(refuse, operation_id, ())
