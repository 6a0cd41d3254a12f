"""/console/developers: the last requests of the workspace, so that somebody can see why an integration fails."""

from collections.abc import Iterable
from http.client import responses
from typing import Final

import msgspec
from aiohttp import web

from mailrith_lite import ids
from mailrith_lite.access import key_table
from mailrith_lite.console import templating
from mailrith_lite.console.live import Part
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.http.request_log import LoggedRequest

READ: Final = ("workspace:read",)
PAGE_SIZE: Final = 50
_FIRST_ERROR: Final = 400
_MAX_DIGITS: Final = 20
_PHRASES: Final = {**responses, 499: "Connection closed by the client"}


class RequestFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What the page lists. `operation`, `key`: "" for all.

    `before`: the number of the last request of the page before.
    """

    only_errors: bool
    operation: str
    key: str
    before: int | None

    @property
    def fields(self) -> dict[str, str]:
        """The parameters of an address, without the place in the list."""
        sent = {"errors": "yes" if self.only_errors else "", "operation": self.operation, "key": self.key}
        return {name: value for name, value in sent.items() if value}

    def matches(self, request: LoggedRequest) -> bool:
        return (
            (not self.only_errors or request.status >= _FIRST_ERROR)
            and self.operation in ("", request.operation_id)
            and self.key in ("", ids.encode(ids.API_KEY, request.key_id))
        )


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """`key_id`: public. `phrase`: what the status means."""

    request: LoggedRequest
    key_id: str
    key_name: str
    phrase: str
    failed: bool


class RequestList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the log. `next_before`: "" if no older request follows."""

    rows: list[RequestRow]
    next_before: str


async def show_requests(call: SessionRequest) -> web.StreamResponse:
    chosen, logged = _filter(call), call.services.request_log.newest(call.workspace_id)
    names = await _key_names(call)
    return await templating.render_page(
        call.request,
        "requests.html",
        chosen=chosen,
        any=bool(logged),
        paused="pause" in call.request.query,
        operations=_choices((request.operation_id for request in logged), chosen.operation),
        keys={key: names.get(key, key) for key in _choices(map(_key_id, logged), chosen.key)},
        requests=_select(logged, chosen, names),
        query=call.request.query_string,
    )


async def render_rows(call: SessionRequest) -> Part:
    logged = call.services.request_log.newest(call.workspace_id)
    requests = _select(logged, _filter(call), await _key_names(call))
    text = await templating.render_part(call.request, "parts/requests.html", requests=requests)
    return Part(text=text, final=False)


def version(call: SessionRequest) -> int:
    return call.services.request_log.last_number(call.workspace_id)


def _filter(call: SessionRequest) -> RequestFilter:
    query = call.request.query
    before = query.get("before", "")
    return RequestFilter(
        only_errors="errors" in query,
        operation=query.get("operation", ""),
        key=query.get("key", ""),
        before=int(before) if before.isdecimal() and len(before) < _MAX_DIGITS else None,
    )


def _select(logged: list[LoggedRequest], chosen: RequestFilter, names: dict[str, str]) -> RequestList:
    """`names`: of the keys, by their public ids."""
    before = chosen.before
    older = [request for request in logged if before is None or request.number < before]
    matching = [request for request in older if chosen.matches(request)]
    listed = matching[:PAGE_SIZE]
    return RequestList(
        rows=[_row(request, names) for request in listed],
        next_before=str(listed[-1].number) if len(matching) > PAGE_SIZE else "",
    )


def _row(request: LoggedRequest, names: dict[str, str]) -> RequestRow:
    key_id = _key_id(request)
    return RequestRow(
        request=request,
        key_id=key_id,
        key_name=names.get(key_id, key_id),
        phrase=_PHRASES.get(request.status, ""),
        failed=request.status >= _FIRST_ERROR,
    )


def _key_id(request: LoggedRequest) -> str:
    return ids.encode(ids.API_KEY, request.key_id)


def _choices(values: Iterable[str], chosen: str) -> list[str]:
    """The values, and the chosen one even if no request has it any more."""
    return sorted({*values, chosen} - {""})


async def _key_names(call: SessionRequest) -> dict[str, str]:
    async with call.database.read() as connection:
        return {key.public_id: key.name for key in await key_table.select_keys(connection, call.workspace_id)}
