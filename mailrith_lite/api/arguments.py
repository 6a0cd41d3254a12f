"""The arguments of a handler, read from the request as its annotations say.

A handler takes the call, and by name: `query`, a Struct of query parameters; `form`, the Struct that the JSON body
writes; or `body`, a `Body[Struct]`, which is not decoded yet.
"""

from typing import Any

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api import parameters
from mailrith_lite.api.bodies import receive
from mailrith_lite.api.call import Call, CallHandler
from mailrith_lite.api.parameters import Empty
from mailrith_lite.api.resources import Change
from mailrith_lite.api.route import Handler, signature


def with_arguments(handler: Handler) -> CallHandler:
    """The handler, for a call alone."""
    taken = signature(handler)

    async def handle(call: Call) -> web.StreamResponse:
        found: dict[str, Any] = {}
        if taken.query is not Empty:
            found["query"] = parameters.parse(call.request, taken.query)
        if taken.body is not None:
            async with receive(call, taken.request, kind=taken.body, optional=taken.optional_body) as body:
                return await handler(call, body=body, **found)
        if taken.request is not None:
            async with receive(call, taken.request) as body:
                found["form"] = body.decode()
            _check_change(found["form"])
        return await handler(call, **found)

    return handle


def _check_change(form: msgspec.Struct) -> None:
    """
    Raises:
        InvalidBody: it changes nothing.
    """
    if isinstance(form, Change) and all(getattr(form, name) is msgspec.UNSET for name in form.__struct_fields__):
        names = ", ".join(form.__struct_encode_fields__)
        raise errors.InvalidBody(f"Send at least one of {names}.", reason="nothing_to_change")
