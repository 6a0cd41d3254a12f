"""Signed links. A link names the API key that it was made for, and works as long as that key."""

from aiohttp import web

from mailrith_lite import clock, ids, links
from mailrith_lite.access import key_table, keys
from mailrith_lite.access.keys import Principal
from mailrith_lite.http.services import PRINCIPAL, SERVICES, Services
from mailrith_lite.links import Links

DOWNLOAD_PATH = "/downloads/{workspace_id}/{job_id}"


def download_path(services: Services, principal: Principal, public_job_id: str, expires_at: int) -> str:
    """The signed path of a job's file, valid until `expires_at` (milliseconds)."""
    workspace_id = ids.encode(ids.WORKSPACE, principal.workspace_id)
    path = DOWNLOAD_PATH.format(workspace_id=workspace_id, job_id=public_job_id)
    return sign_path(services.links, path, principal, expires_at)


def sign_path(of_purpose: Links, path: str, principal: Principal, expires_at: int) -> str:
    """The path with its query, valid until `expires_at` (milliseconds)."""
    key_id, expires = ids.encode(ids.API_KEY, principal.key_id), expires_at // clock.SECOND
    signature = of_purpose.sign(path, _holder(key_id, principal.fingerprint), expires)
    return f"{path}?key_id={key_id}&expires={expires}&signature={signature}"


async def check_link(request: web.Request, of_purpose: Links) -> None:
    """Accepts a link that has expired. Afterwards the request is one of the link's key.

    Raises:
        InvalidSignature: the signature is not that of the link, or the key does not exist.
        Forbidden: the key is no longer active.
    """
    query, database = request.query, request.app[SERVICES].database
    key_id = ids.decode(ids.API_KEY, query.get("key_id", ""))
    key = None if key_id is None else await key_table.select_key(database.lookup, key_id)
    if key is None:
        raise links.invalid_signature()
    holder = _holder(key.public_id, keys.fingerprint(key))
    of_purpose.check_signature(request.path, holder, query.get("expires", ""), query.get("signature", ""))
    request[PRINCIPAL] = keys.principal(key)
    if key.status(clock.now()) != "active":
        raise links.revoked()


def _holder(public_key_id: str, fingerprint: str) -> str:
    return f"{public_key_id}.{fingerprint}"
