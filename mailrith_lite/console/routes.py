"""The routes of the console: path, handler, and the scopes that the key must hold."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from mailrith_lite.access.wrong_keys import WrongKeys
from mailrith_lite.console import (
    audit,
    bulk_changes,
    columns,
    corrections,
    custom_fields,
    exports,
    guides,
    imports,
    job_pages,
    jobs,
    keys,
    live,
    new_bulk_change,
    new_export,
    new_import,
    reference,
    requests,
    segments,
    sequences,
    several_files,
    sign_in,
    style,
    subscriber,
    subscribers,
    tags,
    undos,
    webhooks,
)
from mailrith_lite.console.error_pages import add_headers, error_pages
from mailrith_lite.console.live import STREAMS, Streams
from mailrith_lite.console.paths import PATH, job_path
from mailrith_lite.console.reference import REFERENCE, Reference
from mailrith_lite.console.session import Sessions
from mailrith_lite.console.session_request import SESSIONS, form, page
from mailrith_lite.console.sign_in import MAX_WRONG_KEYS, WRONG_KEYS
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, KINDS, UNDO, JobKind

_READ = ("subscribers:read",)


def create_console(
    secret: bytes, document: Callable[[], Mapping[str, Any]], *, style_page: bool = False
) -> web.Application:
    """A subapplication, so that its middleware and headers apply to the console only.

    `style_page`: for sandboxes.
    """
    app = web.Application(middlewares=[error_pages])
    app[SESSIONS] = Sessions(secret)
    app[WRONG_KEYS] = WrongKeys(MAX_WRONG_KEYS)
    app[STREAMS] = Streams()
    app[REFERENCE] = Reference(document)
    app.on_response_prepare.append(add_headers)
    _add_routes(app.router)
    if style_page:
        app.router.add_get("/style", page(style.show_style))
    return app


def _add_routes(router: web.UrlDispatcher) -> None:
    _add_start(router)
    _add_imports(router)
    _add_exports(router)
    _add_bulk_changes(router)
    for kind in KINDS:
        _add_job(router, kind)
    _add_subscribers(router)
    _add_catalog(router)
    _add_workspace(router)


def _add_start(router: web.UrlDispatcher) -> None:
    router.add_get("", page(jobs.show_jobs))
    router.add_get("/", page(jobs.remove_slash))
    router.add_get("/part", page(live.part(jobs.progress)))
    router.add_get("/live", page(live.stream(jobs.progress)))
    router.add_get("/sign-in", sign_in.show_sign_in)
    router.add_post("/sign-in", sign_in.sign_in)
    router.add_post("/switch", sign_in.switch)
    router.add_post("/sign-out", form(sign_in.sign_out))


def _add_imports(router: web.UrlDispatcher) -> None:
    router.add_get("/imports/new", page(new_import.show_new_import, *IMPORT.write_scopes))
    router.add_post("/imports/new", page(new_import.receive_file, *IMPORT.write_scopes))
    router.add_get("/uploads", page(several_files.show_files, *IMPORT.write_scopes))
    router.add_post("/uploads", form(several_files.start_imports, *IMPORT.write_scopes))
    router.add_get("/uploads/{upload_id}", page(columns.show_upload, *IMPORT.write_scopes))
    router.add_post("/uploads/{upload_id}", form(columns.start_import, *IMPORT.write_scopes))
    router.add_post("/uploads/{upload_id}/choices", form(columns.save_choices, *IMPORT.write_scopes))
    router.add_get("/imports/{job_id}", page(imports.show_import, *IMPORT.read_scopes))
    router.add_get("/imports/{job_id}/correct", page(corrections.show_corrections, *IMPORT.write_scopes))
    router.add_post("/imports/{job_id}/correct", form(corrections.import_corrected, *IMPORT.write_scopes))

    router.add_get("/imports/{job_id}/undo", page(undos.show_preview, *UNDO.write_scopes))
    router.add_post("/imports/{job_id}/undo", form(undos.start_undo, *UNDO.write_scopes))
    router.add_get("/undos/{job_id}", page(undos.show_undo, *UNDO.read_scopes))


def _add_exports(router: web.UrlDispatcher) -> None:
    router.add_get("/exports", page(exports.show_exports, *EXPORT.read_scopes))
    router.add_get("/exports/new", page(new_export.show_new_export, *EXPORT.read_scopes))
    router.add_post("/exports", form(new_export.act, *EXPORT.write_scopes))
    router.add_post("/exports/count", form(new_export.count, *EXPORT.read_scopes))
    router.add_get("/exports/{job_id}", page(exports.show_export, *EXPORT.read_scopes))
    router.add_get("/exports/{job_id}/file", page(exports.send_file, *EXPORT.read_scopes))


def _add_bulk_changes(router: web.UrlDispatcher) -> None:
    path, read, write = "/bulk-changes/{job_id}", BULK_CHANGE.read_scopes, BULK_CHANGE.write_scopes
    router.add_get("/bulk-changes/new", page(new_bulk_change.show_new_bulk_change, *read, *write))
    router.add_post("/bulk-changes/new", form(new_bulk_change.start_bulk_change, *read, *write))
    router.add_get(path, page(bulk_changes.show_bulk_change, *read))
    router.add_get(f"{path}/undo", page(bulk_changes.show_undo, *write))
    router.add_post(f"{path}/undo", form(bulk_changes.start_undo, *write))


def _add_job(router: web.UrlDispatcher, kind: JobKind) -> None:
    path, progress = job_path(kind, "{job_id}").removeprefix(PATH), job_pages.progress(kind)
    router.add_get(f"{path}/part", page(live.part(progress), *kind.read_scopes))
    router.add_get(f"{path}/live", page(live.stream(progress), *kind.read_scopes))
    router.add_get(f"{path}/delete", page(job_pages.show_deletion(kind), *kind.write_scopes))
    router.add_post(f"{path}/delete", form(job_pages.delete(kind), *kind.write_scopes))
    router.add_post(f"{path}/cancel", form(job_pages.cancel(kind), *kind.write_scopes))
    if kind is not EXPORT:
        router.add_get(f"{path}/report", page(job_pages.send_report(kind), *kind.read_scopes))


def _add_subscribers(router: web.UrlDispatcher) -> None:
    router.add_get("/subscribers", page(subscribers.show_subscribers, *_READ))
    router.add_get("/subscribers/{subscriber_id}", page(subscriber.show_subscriber, *_READ))
    router.add_post("/subscribers/{subscriber_id}", form(subscriber.act, *_READ, *subscriber.WRITE_SCOPES))
    router.add_get(
        "/subscribers/{subscriber_id}/erase", page(subscriber.show_erasure, *_READ, *subscriber.WRITE_SCOPES)
    )
    router.add_post("/subscribers/{subscriber_id}/erase", form(subscriber.erase, *_READ, *subscriber.WRITE_SCOPES))


def _add_workspace(router: web.UrlDispatcher) -> None:
    router.add_get("/keys", page(keys.show_keys, *keys.READ))
    router.add_post("/keys", form(keys.create, *keys.WRITE))
    router.add_get("/keys/{api_key_id}", page(keys.show_key, *keys.READ))
    router.add_post("/keys/{api_key_id}/rotate", form(keys.rotate, *keys.WRITE))
    router.add_post("/keys/{api_key_id}/revoke", form(keys.revoke, *keys.WRITE))

    router.add_get("/audit", page(audit.show_audit, "workspace:read"))
    router.add_get("/developers", page(requests.show_requests, *requests.READ))
    router.add_get("/developers/part", page(live.part(requests.render_rows), *requests.READ))
    router.add_get("/developers/live", page(live.stream(requests.render_rows, requests.version), *requests.READ))

    router.add_get("/developers/reference", page(reference.show_reference))
    router.add_get("/developers/reference/{operation_id}", page(reference.show_operation))
    router.add_get("/developers/guides", page(guides.show_guides))
    router.add_get("/developers/guides/{name}", page(guides.show_guide))
    router.add_get("/developers/guides/decisions/{name}", page(guides.show_decision))

    router.add_get("/webhooks", page(webhooks.show_webhooks, "webhooks:read"))
    router.add_post("/webhooks", form(webhooks.create, *webhooks.LIVE_SCOPES))
    router.add_get("/webhooks/{webhook_subscription_id}", page(webhooks.show_webhook, "webhooks:read"))
    one, deliveries = "/webhooks/{webhook_subscription_id}", webhooks.render_deliveries
    router.add_get(f"{one}/part", page(live.part(deliveries), "webhooks:read"))
    router.add_get(f"{one}/live", page(live.stream(deliveries), "webhooks:read"))
    router.add_post("/webhooks/{webhook_subscription_id}", form(webhooks.act, *webhooks.LIVE_SCOPES))


def _add_catalog(router: web.UrlDispatcher) -> None:
    """Pages of what the workspace defines."""
    router.add_get("/tags", page(tags.show_tags, *tags.READ))
    router.add_post("/tags", form(tags.create, *tags.WRITE))
    router.add_get("/tags/{tag_id}", page(tags.show_tag, *tags.READ))
    router.add_post("/tags/{tag_id}", form(tags.change, *tags.WRITE))
    router.add_post("/tags/{tag_id}/delete", form(tags.delete, *tags.WRITE))

    router.add_get("/segments", page(segments.show_segments, *segments.READ))
    router.add_get("/segments/new", page(segments.show_new, *segments.WRITE))
    router.add_post("/segments/new", form(segments.create, *segments.WRITE))
    router.add_post("/segments/count", form(segments.count, *segments.WRITE))
    router.add_get("/segments/{segment_id}", page(segments.show_segment, *segments.READ))
    router.add_post("/segments/{segment_id}", form(segments.change, *segments.WRITE))
    router.add_get("/segments/{segment_id}/count", page(segments.show_count, *segments.READ))
    router.add_post("/segments/{segment_id}/delete", form(segments.delete, *segments.WRITE))

    fields, field = "/custom-fields", "/custom-fields/{custom_field_id}"
    router.add_get(fields, page(custom_fields.show_custom_fields, *custom_fields.READ))
    router.add_post(fields, form(custom_fields.create, *custom_fields.WRITE))
    router.add_get(field, page(custom_fields.show_custom_field, *custom_fields.READ))
    router.add_post(field, form(custom_fields.change, *custom_fields.WRITE))
    router.add_post(f"{field}/delete", form(custom_fields.delete, *custom_fields.WRITE))

    router.add_get("/sequences", page(sequences.show_sequences, *sequences.READ))
    router.add_post("/sequences", form(sequences.create, *sequences.WRITE))
    router.add_get("/sequences/{sequence_id}", page(sequences.show_sequence, *sequences.READ))
    router.add_post("/sequences/{sequence_id}", form(sequences.rename, *sequences.WRITE))
    router.add_post("/sequences/{sequence_id}/status", form(sequences.set_status, *sequences.LIVE))
    router.add_post("/sequences/{sequence_id}/delete", form(sequences.delete, *sequences.WRITE))
