"""What the handlers of all resources share: the body as a Struct, and the resource that the path names."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.api import codec
from mailrith_lite.api.bodies import receive
from mailrith_lite.api.call import Call
from mailrith_lite.api.parameters import PageQuery, Text
from mailrith_lite.database import Connection

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


class SearchQuery(PageQuery, frozen=True, kw_only=True):
    """A page of what has `search` in it, in any case."""

    search: Text | None = None


async def find(
    call: Call, connection: Connection, resource: str, select: Callable[[Connection, int, int], Awaitable[T | None]]
) -> T:
    """The resource whose public id stands in the path as `{resource_id}`.

    Raises:
        NotFound: it is not one of this workspace.
    """
    public_id = call.request.match_info[f"{resource}_id"]
    number = ids.decode(resource, public_id)
    found = None if number is None else await select(connection, call.workspace_id, number)
    if found is None:
        raise errors.NotFound.of(resource, public_id)
    return found


async def receive_form(call: Call, form: type[T]) -> T:
    """
    Raises:
        InvalidBody, InvalidJson, and what `receive` raises.
    """
    async with receive(call) as body:
        return codec.decode(body.data, form)


async def receive_change(call: Call, form: type[S]) -> S:
    """A form in which what is left out stays as it is.

    Raises:
        InvalidBody: also when nothing is in it.
    """
    change = await receive_form(call, form)
    names = form.__struct_encode_fields__
    if all(getattr(change, name) is msgspec.UNSET for name in form.__struct_fields__):
        raise errors.InvalidBody(f"Send at least one of {', '.join(names)}.", reason="nothing_to_change")
    return change


def chosen(change: T | msgspec.UnsetType, saved: T) -> T:
    """What was sent, else what is saved."""
    return saved if isinstance(change, msgspec.UnsetType) else change
