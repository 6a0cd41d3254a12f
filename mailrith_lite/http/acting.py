"""Who sends a request, for the audit, and what the changes of a request need."""

from aiohttp import web

from mailrith_lite.access.audit import Actor, Via
from mailrith_lite.catalog.door import Door
from mailrith_lite.http.addresses import client_address
from mailrith_lite.http.services import PRINCIPAL, REQUEST_ID, SERVICES
from mailrith_lite.webhooks.events import Source


def actor(request: web.Request, via: Via) -> Actor:
    """The key of the request if it is known, and the address of the client."""
    principal = request.get(PRINCIPAL)
    return Actor(
        via=via,
        workspace_id=principal.workspace_id if principal else None,
        key_id=principal.key_id if principal else None,
        address=client_address(request.config_dict[SERVICES], request),
        request_id=request[REQUEST_ID],
    )


def door(request: web.Request, via: Via, source: Source) -> Door:
    """For the changes of a request whose key is known. `source`: of their events."""
    services = request.config_dict[SERVICES]
    return Door(
        workspace_id=request[PRINCIPAL].workspace_id,
        actor=actor(request, via),
        source=source,
        outbox=services.outbox,
        keeps_values=services.settings.undo_ttl > 0,
        require_evidence=services.settings.require_consent_evidence,
    )
