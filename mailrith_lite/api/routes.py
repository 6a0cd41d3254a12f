"""The whole API on one page: method, path, operationId, scopes, handler. The handler says what goes in and out."""

from aiohttp import web

from mailrith_lite.api import (
    bulk_changes,
    custom_fields,
    discovery,
    downloads,
    exports,
    front,
    health,
    history,
    imports,
    job_deletion,
    memberships,
    scrape,
    segments,
    sequences,
    subscriber_list,
    subscribers,
    tags,
    undos,
    upload_page,
    uploads,
    webhook_deliveries,
    webhooks,
    well_known,
    workspace,
)
from mailrith_lite.api.arguments import with_arguments, without_query
from mailrith_lite.api.documentation import openapi, reference
from mailrith_lite.api.middleware import authenticated
from mailrith_lite.api.not_served import NOT_SERVED
from mailrith_lite.api.route import SECTIONS as SECTIONS_KEY
from mailrith_lite.api.route import Addition, Handler, Route, Section
from mailrith_lite.http import wire_errors
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT
from mailrith_lite.pages.static import add_static

_READ = ("subscribers:read",)
_WRITE = ("subscribers:write",)
_LIVE = subscribers.LIVE_SCOPES
_IMPORT, _IMPORT_LIVE = IMPORT.read_scopes, IMPORT.write_scopes
_EXPORT, _EXPORT_LIVE = EXPORT.read_scopes, EXPORT.write_scopes
_BULK, _BULK_LIVE = BULK_CHANGE.read_scopes, BULK_CHANGE.write_scopes
_TAGS_READ, _TAGS_WRITE = ("tags:read",), ("tags:write",)
_FIELDS_READ, _FIELDS_WRITE = ("custom_fields:read",), ("custom_fields:write",)
_SEQUENCES_READ, _SEQUENCES_WRITE = ("sequences:read",), ("sequences:write",)
_SEQUENCES_LIVE = ("sequences:write", "live_actions:write")
_SEGMENTS_READ, _SEGMENTS_WRITE = ("segments:read",), ("segments:write",)
_WEBHOOKS_READ, _WEBHOOKS_LIVE = ("webhooks:read",), ("webhooks:write", "live_actions:write")

_TAG = f"{tags.PATH}/{{tag_id}}"
_FIELD = f"{custom_fields.PATH}/{{custom_field_id}}"
_SEQUENCE = f"{sequences.PATH}/{{sequence_id}}"
_SEGMENT = f"{segments.PATH}/{{segment_id}}"
_WEBHOOK = f"{webhooks.PATH}/{{webhook_subscription_id}}"
_DELIVERY = f"{_WEBHOOK}/deliveries/{{delivery_id}}"
_SUBSCRIBER = f"{subscribers.PATH}/{{subscriber_id}}"
_ITS_TAG = f"{_SUBSCRIBER}/tags/{{tag_id}}"
_ITS_SEQUENCE = f"{_SUBSCRIBER}/sequences/{{sequence_id}}"
_IMPORT_JOB = f"{imports.PATH}/{{job_id}}"
_UNDO = f"{_IMPORT_JOB}/undo"
_UNDO_JOB = f"{undos.PATH}/{{job_id}}"
_UPLOAD = f"{uploads.PATH}/{{upload_id}}"
_EXPORT_JOB = f"{exports.PATH}/{{job_id}}"

_BULK_PREVIEW = f"{bulk_changes.PATH}/preview"
_BULK_JOB = f"{bulk_changes.PATH}/{{job_id}}"

_PLATFORM = (
    Route("GET", discovery.PATH, "getPublicApiMeta", (), discovery.get_meta, public=True),
    Route("GET", discovery.CAPABILITIES_PATH, "getPublicApiCapabilities", (), discovery.get_capabilities),
    Route("GET", discovery.OPENAPI_PATH, "getPublicApiOpenApiDocument", (), openapi.get_document, public=True),
)
_WORKSPACE = (Route("GET", workspace.PATH, "getWorkspace", ("workspace:read",), workspace.get_workspace),)
_SUBSCRIBERS = (
    Route("GET", subscribers.PATH, "listSubscribers", _READ, subscriber_list.list_subscribers),
    Route("POST", subscribers.PATH, "upsertSubscriber", _LIVE, subscribers.upsert_subscriber),
    Route("GET", _SUBSCRIBER, "getSubscriber", _READ, subscribers.get_subscriber),
    Addition("GET", f"{_SUBSCRIBER}/history", "listSubscriberChanges", _READ, history.list_history),
    Route("PATCH", _SUBSCRIBER, "updateSubscriber", _WRITE, subscribers.update_subscriber),
    Route("DELETE", _SUBSCRIBER, "deleteSubscriber", _WRITE, subscribers.delete_subscriber),
    Route("PUT", f"{_SUBSCRIBER}/status", "updateSubscriberStatus", _LIVE, subscribers.update_subscriber_status),
    Route("PUT", _ITS_TAG, "addSubscriberTag", _LIVE, memberships.add_subscriber_tag),
    Route("DELETE", _ITS_TAG, "removeSubscriberTag", _LIVE, memberships.remove_subscriber_tag),
    Route("PUT", _ITS_SEQUENCE, "addSubscriberSequence", _LIVE, memberships.add_subscriber_sequence),
    Route("DELETE", _ITS_SEQUENCE, "removeSubscriberSequence", _LIVE, memberships.remove_subscriber_sequence),
)
_TAGS = (
    Route("GET", tags.PATH, "listTags", _TAGS_READ, tags.list_tags),
    Route("POST", tags.PATH, "createTag", _TAGS_WRITE, tags.create_tag),
    Route("GET", _TAG, "getTag", _TAGS_READ, tags.get_tag),
    Route("PUT", _TAG, "updateTag", _TAGS_WRITE, tags.update_tag),
    Route("DELETE", _TAG, "deleteTag", _TAGS_WRITE, tags.delete_tag),
)
_CUSTOM_FIELDS = (
    Route("GET", custom_fields.PATH, "listCustomFields", _FIELDS_READ, custom_fields.list_custom_fields),
    Route("POST", custom_fields.PATH, "createCustomField", _FIELDS_WRITE, custom_fields.create_custom_field),
    Route("GET", _FIELD, "getCustomField", _FIELDS_READ, custom_fields.get_custom_field),
    Route("PUT", _FIELD, "updateCustomField", _FIELDS_WRITE, custom_fields.update_custom_field),
    Route("DELETE", _FIELD, "deleteCustomField", _FIELDS_WRITE, custom_fields.delete_custom_field),
)
_SEQUENCES = (
    Route("GET", sequences.PATH, "listSequences", _SEQUENCES_READ, sequences.list_sequences),
    Route("POST", sequences.PATH, "createSequence", _SEQUENCES_WRITE, sequences.create_sequence),
    Route("GET", _SEQUENCE, "getSequence", _SEQUENCES_READ, sequences.get_sequence),
    Route("PUT", _SEQUENCE, "updateSequence", _SEQUENCES_WRITE, sequences.update_sequence),
    Route("PUT", f"{_SEQUENCE}/status", "updateSequenceStatus", _SEQUENCES_LIVE, sequences.update_sequence_status),
    Route("DELETE", _SEQUENCE, "deleteSequence", _SEQUENCES_WRITE, sequences.delete_sequence),
)
_SEGMENTS = (
    Route("GET", segments.PATH, "listSegments", _SEGMENTS_READ, segments.list_segments),
    Route("POST", segments.PATH, "createSegment", _SEGMENTS_WRITE, segments.create_segment),
    Route("POST", f"{segments.PATH}/preview", "previewSegment", _SEGMENTS_READ, segments.preview_segment),
    Route("GET", _SEGMENT, "getSegment", _SEGMENTS_READ, segments.get_segment),
    Route("PUT", _SEGMENT, "updateSegment", _SEGMENTS_WRITE, segments.update_segment),
    Route("DELETE", _SEGMENT, "deleteSegment", _SEGMENTS_WRITE, segments.delete_segment),
)
_WEBHOOKS = (
    Route("GET", webhooks.PATH, "listWebhookSubscriptions", _WEBHOOKS_READ, webhooks.list_subscriptions),
    Route("POST", webhooks.PATH, "createWebhookSubscription", _WEBHOOKS_LIVE, webhooks.create_subscription),
    Route("GET", _WEBHOOK, "getWebhookSubscription", _WEBHOOKS_READ, webhooks.get_subscription),
    Route("PUT", _WEBHOOK, "updateWebhookSubscription", _WEBHOOKS_LIVE, webhooks.update_subscription),
    Route("DELETE", _WEBHOOK, "deleteWebhookSubscription", _WEBHOOKS_LIVE, webhooks.delete_subscription),
    Route(
        "POST",
        f"{_WEBHOOK}/rotate-secret",
        "rotateWebhookSubscriptionSecret",
        _WEBHOOKS_LIVE,
        webhooks.rotate_secret,
    ),
    Addition("POST", f"{_WEBHOOK}/test", "testWebhookSubscription", _WEBHOOKS_LIVE, webhook_deliveries.send_test),
    Addition(
        "GET",
        f"{_WEBHOOK}/deliveries",
        "listWebhookDeliveries",
        _WEBHOOKS_READ,
        webhook_deliveries.list_deliveries,
    ),
    Addition("GET", _DELIVERY, "getWebhookDelivery", _WEBHOOKS_READ, webhook_deliveries.get_delivery),
    Addition(
        "POST", f"{_DELIVERY}/resend", "resendWebhookDelivery", _WEBHOOKS_LIVE, webhook_deliveries.resend_delivery
    ),
)
_JOBS = (
    Route("POST", uploads.PATH, "startSubscriberImportUpload", _IMPORT, uploads.start_upload),
    Route("GET", _UPLOAD, "getSubscriberImportUpload", _IMPORT, uploads.get_upload),
    Route("GET", imports.PATH, "listSubscriberImportJobs", _IMPORT, imports.list_imports),
    Route("POST", imports.PATH, "createSubscriberImportJob", _IMPORT_LIVE, imports.create_import),
    Route("GET", _IMPORT_JOB, "getSubscriberImportJob", _IMPORT, imports.get_import),
    Addition("DELETE", _IMPORT_JOB, "deleteSubscriberImportJob", _IMPORT_LIVE, job_deletion.delete_import),
    Addition("POST", f"{_IMPORT_JOB}/cancel", "cancelSubscriberImportJob", _IMPORT_LIVE, imports.cancel_import),
    Addition("POST", _UNDO, "undoSubscriberImport", _IMPORT_LIVE, undos.create_undo),
    Addition("GET", _UNDO, "getSubscriberImportUndo", _IMPORT, undos.get_undo_of_import),
    Addition("GET", f"{_UNDO}/preview", "previewSubscriberImportUndo", _IMPORT, undos.preview_undo),
    Addition("POST", f"{_UNDO}/cancel", "cancelSubscriberImportUndo", _IMPORT_LIVE, undos.cancel_undo_of_import),
    Addition("GET", undos.PATH, "listSubscriberImportUndoJobs", _IMPORT, undos.list_undos),
    Addition("GET", _UNDO_JOB, "getSubscriberImportUndoJob", _IMPORT, undos.get_undo),
    Addition("DELETE", _UNDO_JOB, "deleteSubscriberImportUndoJob", _IMPORT_LIVE, job_deletion.delete_undo),
    Addition("POST", f"{_UNDO_JOB}/cancel", "cancelSubscriberImportUndoJob", _IMPORT_LIVE, undos.cancel_undo),
    Route("GET", exports.PATH, "listSubscriberExportJobs", _EXPORT, exports.list_exports),
    Route("POST", exports.PATH, "createSubscriberExportJob", _EXPORT_LIVE, exports.create_export),
    Route("GET", _EXPORT_JOB, "getSubscriberExportJob", _EXPORT, exports.get_export),
    Addition("DELETE", _EXPORT_JOB, "deleteSubscriberExportJob", _EXPORT_LIVE, job_deletion.delete_export),
    Addition("POST", f"{_EXPORT_JOB}/cancel", "cancelSubscriberExportJob", _EXPORT_LIVE, exports.cancel_export),
    Addition("GET", bulk_changes.PATH, "listSubscriberBulkChangeJobs", _BULK, bulk_changes.list_changes),
    Addition("POST", bulk_changes.PATH, "createSubscriberBulkChangeJob", _BULK_LIVE, bulk_changes.create_change),
    Addition("POST", _BULK_PREVIEW, "previewSubscriberBulkChange", _BULK, bulk_changes.preview_change),
    Addition("GET", _BULK_JOB, "getSubscriberBulkChangeJob", _BULK, bulk_changes.get_change),
    Addition("DELETE", _BULK_JOB, "deleteSubscriberBulkChangeJob", _BULK_LIVE, job_deletion.delete_bulk_change),
    Addition(
        "POST", f"{_BULK_JOB}/cancel", "cancelSubscriberBulkChangeJob", _BULK_LIVE, bulk_changes.cancel_change
    ),
    Addition("POST", f"{_BULK_JOB}/undo", "undoSubscriberBulkChange", _BULK_LIVE, bulk_changes.undo_change),
)

SECTIONS = (
    Section(None, "Platform", "About the API itself.", _PLATFORM),
    Section("workspace", "Workspace", "The workspace that the key belongs to.", _WORKSPACE),
    Section("subscribers", "Subscribers", "Subscribers, with their tags and sequences.", _SUBSCRIBERS),
    Section("tags", "Tags", "Labels for subscribers.", _TAGS),
    Section("custom_fields", "Custom Fields", "The workspace's own typed fields of subscribers.", _CUSTOM_FIELDS),
    Section("sequences", "Sequences", "Who is in which sequence; no email is sent.", _SEQUENCES),
    Section("segments", "Segments", "Saved conditions, and how many subscribers match them.", _SEGMENTS),
    Section("webhook_subscriptions", "Webhooks", "Where events are sent, and what became of each.", _WEBHOOKS),
    Section("jobs", "Import and Export Jobs", "Import, export or change many subscribers at once.", _JOBS),
)
ROUTES = tuple(route for section in SECTIONS for route in section.routes)


def add_routes(app: web.Application) -> None:
    app[SECTIONS_KEY] = SECTIONS
    app.router.add_get("/", front.show_front)
    app.router.add_get(health.PATH, health.healthz)
    app.router.add_get(scrape.PATH, scrape.get_metrics_with_token)
    app.router.add_get(downloads.PATH, downloads.download)
    upload_page.add_routes(app.router)
    well_known.add_routes(app.router)
    add_static(app.router)
    reference.add_routes(app.router)
    for route in ROUTES:
        handler = without_query(route.handler) if route.public else _with_key(route)
        _add(app.router, route.method, route.path, handler)
    for one in NOT_SERVED:
        _add(app.router, one.method, one.path, _refusal(one.operation_id))


def _with_key(route: Route) -> Handler:
    return authenticated(with_arguments(route.handler), route.operation_id, route.scopes)


def _add(router: web.UrlDispatcher, method: str, path: str, handler: Handler) -> None:
    if method == "GET":
        router.add_get(path, handler)  # HEAD comes with it
    else:
        router.add_route(method, path, handler)


def _refusal(operation_id: str) -> Handler:
    async def refuse(_: object) -> web.StreamResponse:
        raise wire_errors.OperationNotSupported(operation_id)

    return authenticated(refuse, operation_id, ())
