"""Who sends a request, for the audit."""

from aiohttp import web

from mailrith_lite.access.audit import Actor, Via
from mailrith_lite.http.addresses import client_address
from mailrith_lite.http.services import PRINCIPAL, REQUEST_ID, SERVICES


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
