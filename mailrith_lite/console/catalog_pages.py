"""What the pages of tags, custom fields and sequences share: a list with a search, and a form with its problems."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from mailrith_lite import errors, ids
from mailrith_lite.audience.segments import segment_table
from mailrith_lite.console import templating
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.names import Option
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection

T = TypeVar("T")

Select = Callable[..., Awaitable[Sequence[Any]]]
"""Selects tags, custom fields or sequences, newest first."""
PAGE_SIZE = 50
Refused = (errors.InvalidRequest, errors.Conflict)
"""Errors that a page shows beside its form."""


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a list that a page shows. `before_id`: None for the newest items."""

    search: str
    before_id: int | None

    @property
    def fields(self) -> dict[str, str]:
        """The parameters of an address, without the place in the list."""
        return {"search": self.search} if self.search else {}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a list. `id`: public. `value`: a tag, custom field or sequence."""

    id: str
    value: Any


def parse_query(call: SessionRequest, resource: str) -> ListQuery:
    """The parameter `before` names the last item of the page before."""
    query = call.request.query
    return ListQuery(
        search=query.get("search", "").strip(), before_id=ids.decode(resource, query.get("before", ""))
    )


async def render_list(
    call: SessionRequest,
    template: str,
    resource: str,
    select: Select,
    fields: Fields | None = None,
    problems: Problems | None = None,
    **values: Any,
) -> web.StreamResponse:
    """`fields`: the content of a form for a new item that was refused for the problems. `values`: further variables
    of the template."""
    query = parse_query(call, resource)
    async with call.database.read() as connection:
        selected = await select(
            connection, call.workspace_id, search=query.search, before_id=query.before_id, limit=PAGE_SIZE + 1
        )
    return await templating.render_page(
        call.request,
        template,
        status=400 if problems else 200,
        items=[Item(id=ids.encode(resource, value.id), value=value) for value in selected[:PAGE_SIZE]],
        query=query,
        more=len(selected) > PAGE_SIZE,
        form=fields or {},
        problems=problems or {},
        **values,
    )


async def find(
    call: SessionRequest,
    connection: Connection,
    resource: str,
    select: Callable[[Connection, int, int], Awaitable[T | None]],
) -> T:
    """
    Raises:
        NotFound: the workspace has no such tag, custom field or sequence.
    """
    public_id = call.request.match_info[f"{resource}_id"]
    item = await select(connection, call.workspace_id, ids.decode(resource, public_id) or 0)
    if item is None:
        raise errors.NotFound.of(resource, public_id)
    return item


async def segments_naming(connection: Connection, call: SessionRequest, resource: str, number: int) -> list[Option]:
    """The segments that name the item, so that it cannot be deleted; empty if the key lacks the scope."""
    if not call.may("segments:read"):
        return []
    public_id = ids.encode(resource, number)
    named = await segment_table.select_referring_segments(connection, call.workspace_id, resource, public_id)
    return [Option(id=ids.encode(ids.SEGMENT, segment.id), name=segment.name) for segment in named]


def problems_of(error: errors.MailrithError) -> Problems:
    """The page shows the message at the form element that has the name of the error's field."""
    return {error.details.get("field", "").rpartition(".")[2].partition("[")[0]: error.message}
