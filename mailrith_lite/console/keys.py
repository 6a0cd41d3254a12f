"""/console/keys: the keys of the workspace.

A key makes, rotates and revokes only keys whose scopes it has itself. It makes none that outlives it.
"""

from typing import Final

from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import key_changes, key_table, scopes
from mailrith_lite.access.key_changes import NewKey
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.console import key_scopes, templating
from mailrith_lite.console.catalog_pages import problems_of
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.paths import KEYS_PATH, redirect
from mailrith_lite.console.session import find_key
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection

READ = ("workspace:read",)
WRITE = ("workspace:read", "live_actions:write")
MAX_NAME = 100
_DAY: Final = 24 * 3600 * clock.SECOND
LIFETIMES: Final = {"30d": 30 * _DAY, "90d": 90 * _DAY, "365d": 365 * _DAY, "never": None}


async def show_keys(call: SessionRequest) -> web.StreamResponse:
    return await _render_list(call)


async def create(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Answers with the page of the new key. No other page shows it."""
    now = clock.now()
    try:
        name, chosen, lifetime = _name(fields), _scopes(call, fields), _lifetime(fields)
    except errors.InvalidRequest as error:
        return await _render_list(call, fields, problems_of(error))
    async with call.database.write(durable=True, changes="nobody") as connection:
        await _check_session(call, connection)
        new = await key_changes.create(
            connection,
            call.actor,
            workspace_id=call.workspace_id,
            name=name,
            scopes=chosen,
            expires_at=_earlier(call.key.expires_at, None if lifetime is None else now + lifetime),
            now=now,
        )
    return await _render_key(call, new.stored, new)


async def show_key(call: SessionRequest) -> web.StreamResponse:
    async with call.database.read() as connection:
        key = await _find(call, connection)
    return await _render_key(call, key)


async def rotate(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Answers with the page of the new key. The session ends if the old key is the key of the session."""
    now = clock.now()
    async with call.database.write(durable=True, changes="nobody") as connection:
        key = await _find(call, connection, to_change=True)
        status = key.status(now)
        if status != "active":
            raise errors.Conflict(f"This key is {status}; create a new one instead.")
        new = await key_changes.rotate(connection, call.actor, key, now)
    return await _render_key(call, new.stored, new)


async def revoke(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    async with call.database.write(durable=True, changes="nobody") as connection:
        key = await _find(call, connection, to_change=True)
        await key_changes.revoke(connection, call.actor, key, clock.now())
    return redirect(call.request, KEYS_PATH)


async def _find(call: SessionRequest, connection: Connection, *, to_change: bool = False) -> ApiKey:
    """
    Raises:
        NotFound: the workspace has no such key.
        InvalidApiKey, InsufficientScope: the key is to be changed, and the session has ended, or its key lacks a
            scope of this one.
    """
    public_id = call.request.match_info["api_key_id"]
    key = await key_table.select_key(connection, ids.decode(ids.API_KEY, public_id) or 0)
    if key is None or key.workspace_id != call.workspace_id:
        raise errors.NotFound.of(ids.API_KEY, public_id)
    if to_change:
        await _check_session(call, connection)
        scopes.require(call.principal.scopes, key.scopes)
    return key


async def _check_session(call: SessionRequest, connection: Connection) -> None:
    """Call it in the transaction: a slow form can arrive after the key of its session was revoked.

    Raises:
        InvalidApiKey: the session or its key has ended.
    """
    if await find_key(connection, call.session, clock.now()) is None:
        raise errors.InvalidApiKey


def _earlier(end: int | None, other: int | None) -> int | None:
    """None: never."""
    return min(filter(None, (end, other)), default=None)


def _name(fields: Fields) -> str:
    name = " ".join(fields.get("name", "").split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise errors.InvalidRequest(f"Give the key a name of 1 to {MAX_NAME} characters.", field="name")
    return name


def _scopes(call: SessionRequest, fields: Fields) -> tuple[str, ...]:
    sent = fields.getall("scope", [])
    chosen = tuple(scope for scope in scopes.ALL if scope in sent)
    if not chosen:
        raise errors.InvalidRequest("Choose what the key may do.", field="scopes")
    scopes.require(call.principal.scopes, chosen)
    return chosen


def _lifetime(fields: Fields) -> int | None:
    sent = fields.get("lifetime", "")
    if sent not in LIFETIMES:
        raise errors.InvalidRequest("Choose how long the key works.", field="lifetime")
    return LIFETIMES[sent]


async def _render_list(
    call: SessionRequest, fields: Fields | None = None, problems: Problems | None = None
) -> web.StreamResponse:
    """`fields`: the content of a form that was refused for the problems."""
    async with call.database.read() as connection:
        listed = await key_table.select_keys(connection, call.workspace_id)
    now = clock.now()
    return await templating.render_page(
        call.request,
        "keys.html",
        status=400 if problems else 200,
        keys=[(key, key.status(now)) for key in reversed(listed)],
        all_scopes=len(scopes.ALL),
        groups=key_scopes.groups(call.principal.scopes),
        others=key_scopes.others(call.principal.scopes),
        lifetimes=LIFETIMES,
        form=fields or {},
        chosen=fields.getall("scope", []) if fields else [],
        problems=problems or {},
    )


async def _render_key(call: SessionRequest, key: ApiKey, new: NewKey | None = None) -> web.StreamResponse:
    """`new`: a key that was made just now."""
    return await templating.render_page(
        call.request,
        "key.html",
        key=key,
        status_=key.status(clock.now()),
        secret=new.key if new else "",
        own=key.id == call.key.id,
        changeable=call.may(*WRITE) and call.may(*key.scopes),
        groups=key_scopes.groups(key.scopes),
        others=key_scopes.others(key.scopes),
    )
