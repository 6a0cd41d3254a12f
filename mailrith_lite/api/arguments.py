"""The arguments of a handler, read from the request as its annotations say.

Besides the call, a handler can take `query`, a Struct of query parameters, and either `form`, the Struct of the
decoded JSON body, or `body`, a `Body[Struct]` that it decodes itself.
"""

from typing import Any

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api import codes, parameters
from mailrith_lite.api.bodies import receive
from mailrith_lite.api.call import Call, CallHandler
from mailrith_lite.api.parameters import Empty
from mailrith_lite.api.resources import Change
from mailrith_lite.api.route import Handler, Signature, signature
from mailrith_lite.http import wire_errors


def with_arguments(handler: Handler) -> CallHandler:
    """A handler that takes the call alone and passes the other arguments on.

    An error of an invalid argument gets the code that the argument's form names.
    """
    declared = signature(handler)

    async def handle(call: Call) -> web.StreamResponse:
        try:
            query = parameters.parse(call.request, declared.query)
            return await _call(handler, declared, call, {} if declared.query is Empty else {"query": query})
        except wire_errors.InvalidQuery as error:
            codes.assign(error, declared.query)
            raise
        except errors.InvalidRequest as error:
            codes.assign(error, declared.request or declared.query)
            raise

    return handle


def without_query(handler: Handler) -> Handler:
    """A handler that needs no key, and takes no query parameters."""

    async def handle(request: web.Request) -> web.StreamResponse:
        parameters.parse(request, Empty)
        return await handler(request)

    return handle


async def _call(handler: Handler, taken: Signature, call: Call, arguments: dict[str, Any]) -> web.StreamResponse:
    if taken.body is not None:
        async with receive(call, taken.request, kind=taken.body, optional=taken.optional_body) as body:
            return await handler(call, body=body, **arguments)
    if taken.request is not None:
        async with receive(call, taken.request) as body:
            arguments["form"] = body.decode()
        _check_change(arguments["form"])
    return await handler(call, **arguments)


def _check_change(form: msgspec.Struct) -> None:
    """
    Raises:
        InvalidRequest: the form has no field.
    """
    if isinstance(form, Change) and all(getattr(form, name) is msgspec.UNSET for name in form.effective_fields()):
        raise empty_update(type(form))


def empty_update(form: type[Change]) -> errors.InvalidRequest:
    names = ", ".join(form.effective_fields())
    return errors.InvalidRequest(f"Send at least one of {names}.", code="empty_update")
