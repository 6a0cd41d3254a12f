"""Checks the key that a person or a program presents, and counts those that are refused."""

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, metrics
from mailrith_lite.access import keys, wrong_keys
from mailrith_lite.access.audit import Via
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.access.wrong_keys import WrongKeys
from mailrith_lite.http.acting import actor
from mailrith_lite.http.services import REFUSAL, REFUSED_KEY, Services


async def check_key(services: Services, request: web.Request, presented: str, via: Via, limit: WrongKeys) -> ApiKey:
    """
    Raises:
        InvalidApiKey: the key is unknown, was revoked or has expired.
        RateLimited: the key is refused in the same way, and this address has sent too many such keys before.
    """
    now = clock.now()
    try:
        key = await keys.select_presented(services.database.lookup, presented)
        request[REFUSED_KEY] = key
        keys.check_active(key, now)
    except errors.InvalidApiKey as error:
        metrics.SIGN_IN_FAILURES.labels(via).inc()
        refused = request.get(REFUSED_KEY)
        by = actor(request, via)
        if refused is not None:
            by = msgspec.structs.replace(by, workspace_id=refused.workspace_id, key_id=refused.id)
        services.refused_keys.note(by, error.error_code)
        retry_after = limit.note(by.address or "", now)
        # For the log: a form shows the error itself, so the middleware does not see it.
        request[REFUSAL] = error if retry_after is None else wrong_keys.too_many(retry_after)
        raise request[REFUSAL] from None
    del request[REFUSED_KEY]
    return key
