"""The envelope of errors: every response of the API that is not a success has it."""

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.http.statuses import STATUSES, error_headers


def respond(error: errors.MailrithError) -> web.Response:
    status, error_type = STATUSES[type(error)]
    envelope = {"type": error_type, "code": error.error_code, "message": error.message, **error.extra()}
    if error.details:
        envelope["details"] = error.details
    challenge = {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.InvalidApiKey) else {}
    return web.Response(
        status=status,
        body=msgspec.json.encode({"error": envelope}),
        content_type="application/json",
        headers={**error_headers(error), **challenge},
    )
