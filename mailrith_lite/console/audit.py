"""/console/audit: what people and keys did in the workspace, newest first."""

from typing import Final

import msgspec
from aiohttp import web

from mailrith_lite import ids
from mailrith_lite.access import audit
from mailrith_lite.access.audit import Entry
from mailrith_lite.console import templating
from mailrith_lite.console.paths import WEBHOOKS_PATH, job_path
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.jobs.kinds import kind_of

PAGE_SIZE = 50

LABELS: Final[dict[str, str]] = {
    "key.created": "Key created",
    "key.rotated": "Key rotated",
    "key.revoked": "Key revoked",
    "key.refused": "Key refused",
    "console.signed_in": "Signed in to the console",
    "console.signed_out": "Signed out of the console",
    "workspace.created": "Workspace created",
    "workspace.updated": "Workspace changed",
    "import.created": "Import started",
    "import.undone": "Undo of an import started",
    "bulk_change.created": "Bulk change started",
    "bulk_change.undone": "Undo of a bulk change started",
    "bulk_change.erased": "People erased by a bulk change",
    "export.created": "Export started",
    "export.downloaded": "Export downloaded",
    "report.downloaded": "Report downloaded",
    "job.deleted": "Job deleted",
    "subscriber.deleted": "Subscriber deleted",
    "tag.deleted": "Tag deleted",
    "custom_field.deleted": "Custom field deleted",
    "sequence.deleted": "Sequence deleted",
    "segment.deleted": "Segment deleted",
    "webhook.created": "Webhook created",
    "webhook.updated": "Webhook changed",
    "webhook.secret_rotated": "Secret of a webhook rotated",
    "webhook.deleted": "Webhook deleted",
    "database.restored": "Database restored",
    "service.started": "Service started",
}
_VIA: dict[str, str] = {
    "api": "API",
    "console": "Console",
    "link": "Link",
    "command": "Command line",
    "service": "Service",
}


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """`path`: of the page of what was made or changed; empty if it has none. `who`: the name of the key."""

    occurred_at: int
    label: str
    count: int
    object_id: str
    path: str
    who: str
    via: str
    address: str
    request_id: str


async def show_audit(call: SessionRequest) -> web.StreamResponse:
    """The parameter `before` names the last entry of the page before."""
    before_id = ids.decode(ids.AUDIT_ENTRY, call.request.query.get("before", ""))
    async with call.database.read() as connection:
        entries = await audit.select_entries(
            connection, call.workspace_id, before_id=before_id, limit=PAGE_SIZE + 1
        )
    listed = entries[:PAGE_SIZE]
    return await templating.render_page(
        call.request,
        "audit.html",
        rows=[_row(entry) for entry in listed],
        first=before_id is None,
        next_before=listed[-1].public_id if len(entries) > PAGE_SIZE else "",
    )


def _row(entry: Entry) -> AuditRow:
    return AuditRow(
        occurred_at=entry.occurred_at,
        label=LABELS.get(entry.action, entry.action),
        count=int(entry.details.get("count", 1)),
        object_id=entry.object_id or "",
        path=_path(entry.object_id or ""),
        who=entry.key_name or (ids.encode(ids.API_KEY, entry.key_id) if entry.key_id is not None else ""),
        via=_VIA.get(entry.via, entry.via),
        address=entry.address or "",
        request_id=entry.request_id or "",
    )


def _path(public_id: str) -> str:
    kind = kind_of(public_id)
    if kind is not None:
        return job_path(kind, public_id)
    is_webhook = ids.decode(ids.WEBHOOK_SUBSCRIPTION, public_id) is not None
    return f"{WEBHOOKS_PATH}/{public_id}" if is_webhook else ""
