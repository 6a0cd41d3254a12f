"""What a log line says of a request: who sent it, and why it was refused. Nothing in it is a text of the client."""

import re
from typing import Any

from aiohttp import web

from mailrith_lite import errors, ids
from mailrith_lite.http.addresses import client_address
from mailrith_lite.http.services import PRINCIPAL, REFUSED_KEY, REQUEST_ID, SERVICES

_UNKNOWN = ("unknown_field", "unknown_parameter")  # with these reasons the field is a name that the client chose
_OF_CLIENTS = ("custom_fields", "values")  # the client chooses the names of their members
_FIELD = re.compile(r"[A-Za-z_]+(?:\[\d+\]|\.[A-Za-z_]+)*")
_WORD = re.compile(r"[a-z]{1,20}(?:-[a-z]{1,20}){0,3}|v\d")
_MAX_SEGMENTS = 6


def caller(request: web.Request) -> dict[str, Any]:
    """`key`: the id of the key, also if it has ended. `address`: of the client, also behind a trusted proxy."""
    services = request.app.get(SERVICES)
    principal, refused = request.get(PRINCIPAL), request.get(REFUSED_KEY)
    workspace_id = principal.workspace_id if principal else refused.workspace_id if refused else None
    key_id = principal.key_id if principal else refused.id if refused else None
    return {
        "request_id": request[REQUEST_ID],
        "address": request.remote if services is None else client_address(services, request),
        "workspace": None if workspace_id is None else ids.encode(ids.WORKSPACE, workspace_id),
        "key": None if key_id is None else ids.encode(ids.API_KEY, key_id),
    }


def refusal(error: errors.MailrithError | None) -> dict[str, Any]:
    """Code, field and reason. The field ends before a name that the client chose: `custom_fields.Size` becomes
    `custom_fields`."""
    if error is None:
        return {}
    reason = error.details.get("reason")
    return {"code": error.error_code, "field": _field(error.details.get("field"), reason), "reason": reason}


def path(text: str) -> str:
    """A path that no route has. Only plain words stay: ids, tokens, file names and all others become `…`."""
    first, *segments = text.split("/")
    cut = [segment if not segment or _WORD.fullmatch(segment) else "…" for segment in segments[:_MAX_SEGMENTS]]
    return "/".join([first, *cut, *(["…"] if len(segments) > _MAX_SEGMENTS else [])])


def _field(name: str | None, reason: str | None) -> str | None:
    if name is None or reason in _UNKNOWN:
        return None
    parts = name.split(".")
    last = next((place for place, part in enumerate(parts) if part.partition("[")[0] in _OF_CLIENTS), len(parts))
    known = ".".join(parts[: last + 1])
    return known if _FIELD.fullmatch(known) else None
