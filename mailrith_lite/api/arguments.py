"""The arguments of a handler, read from the request as its annotations say.

Beside the call, a handler can take `query`, a Struct of query parameters, and either `form`, the Struct of the
decoded JSON body, or `body`, a `Body[Struct]` that it decodes itself.
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
    """A handler that takes the call alone and passes the other arguments on."""
    declared = signature(handler)

    async def handle(call: Call) -> web.StreamResponse:
        arguments: dict[str, Any] = {}
        if declared.query is not Empty:
            arguments["query"] = parameters.parse(call.request, declared.query)
        if declared.body is not None:
            async with receive(call, declared.request, kind=declared.body, optional=declared.optional_body) as body:
                return await handler(call, body=body, **arguments)
        if declared.request is not None:
            async with receive(call, declared.request) as body:
                arguments["form"] = body.decode()
            _check_change(arguments["form"])
        return await handler(call, **arguments)

    return handle


def _check_change(form: msgspec.Struct) -> None:
    """
    Raises:
        InvalidBody: the form has no field.
    """
    if isinstance(form, Change) and all(getattr(form, name) is msgspec.UNSET for name in form.__struct_fields__):
        names = ", ".join(form.__struct_encode_fields__)
        raise errors.InvalidBody(f"Send at least one of {names}.", reason="nothing_to_change")
