"""/console/sign-in, /console/switch and /console/sign-out"""

import re
from collections.abc import Sequence

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.access import audit, keys
from mailrith_lite.access.audit import Actor
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.access.wrong_keys import WrongKeys
from mailrith_lite.console import ended_sessions, forms, templating
from mailrith_lite.console.cookies import delete_cookie, get_cookie, set_cookie
from mailrith_lite.console.forms import TOKEN_FIELD, Fields
from mailrith_lite.console.paths import PATH, SIGN_IN_PATH, redirect
from mailrith_lite.console.session import MAX_IDLE, MAX_SESSIONS, Session, find_key, new_token
from mailrith_lite.console.session_request import (
    SESSION_COOKIE,
    SESSIONS,
    SessionRequest,
    SignedIn,
    load_session,
    select_signed_in,
    sessions_of,
    set_sessions,
)
from mailrith_lite.database import Connection
from mailrith_lite.http.acting import actor
from mailrith_lite.http.key_check import check_key
from mailrith_lite.http.services import PRINCIPAL, SERVICES

WRONG_KEYS = web.AppKey("wrong_keys", WrongKeys)
MAX_WRONG_KEYS = 10  # of one address within a minute
_FORM_COOKIE = "mailrith_console_form"  # the token of the sign-in form, because there is no session yet
_INVALID_KEY = "This key does not work. Check that it is complete, and that it has not expired or been revoked."
_TOO_MANY = "This key does not work, and your address has tried too many. Check the key, then wait a minute."
_TOO_MANY_WORKSPACES = (
    f"This browser is signed in to {MAX_SESSIONS} workspaces, which is the most. Sign out of one of them first."
)
_CONSOLE_PAGE = re.compile(rf"{PATH}(?:/[A-Za-z0-9_-]+)*/?(?:\?[A-Za-z0-9_/?=&%.+-]*)?")


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """The parameter `add`: for a further workspace, although the browser is signed in."""
    target = _target(request.query.get("next", ""))
    if await load_session(request) is not None and "add" not in request.query:
        return redirect(request, target)
    return await _render_form(request, target)


async def sign_in(request: web.Request) -> web.StreamResponse:
    forms.check_origin(request)
    fields = await forms.receive(request, forms.SHORT)
    sessions = request.app[SESSIONS]
    forms.check_token(sessions, _sign_in_token(get_cookie(request, _FORM_COOKIE)), fields.get(TOKEN_FIELD, ""))
    target = _target(fields.get("next", ""))
    services, presented = request.config_dict[SERVICES], fields.get("key", "").strip()
    try:
        key = await check_key(services, request, presented, "console", request.app[WRONG_KEYS])
    except errors.InvalidApiKey:
        return await _render_form(request, target, problem=_INVALID_KEY, status=401)
    except errors.RateLimited as error:
        return await _render_form(request, target, problem=_TOO_MANY, status=429, retry_after=error.retry_after)
    signed_in = await select_signed_in(request, sessions_of(request))
    others = [one.session for one in signed_in if one.key.workspace_id != key.workspace_id]
    if len(others) >= MAX_SESSIONS:
        return await _render_form(request, target, problem=_TOO_MANY_WORKSPACES, status=409)
    request[PRINCIPAL] = keys.principal(key)
    replaced = [one for one in signed_in if one.key.workspace_id == key.workspace_id]
    await _record_sign_in(request, replaced)
    response = redirect(request, target)
    set_sessions(request, response, [sessions.begin(key, clock.now()), *others])
    delete_cookie(request, response, _FORM_COOKIE)
    return response


async def _record_sign_in(request: web.Request, replaced: Sequence[SignedIn]) -> None:
    """A browser has one session of a workspace: the earlier one ends."""
    database, by = request.config_dict[SERVICES].database, actor(request, "console")
    if not replaced:
        await audit.record_alone(database, by, "console.signed_in")
        return
    async with database.write(durable=True, changes="nobody") as connection:
        await _end(connection, [one.session for one in replaced])
        await audit.record(connection, by, "console.signed_in")


async def switch(request: web.Request) -> web.StreamResponse:
    """Makes another session of the browser the current one. The button that was pressed has its token.

    Raises:
        Forbidden: no page of this browser has sent the form.
        InvalidApiKey: the session or its key has ended.
    """
    forms.check_origin(request)
    fields = await forms.receive(request, forms.SHORT)
    listed, token = sessions_of(request), fields.get("switch", "")
    chosen = next((one for one in listed if request.app[SESSIONS].is_switch_token(one.token, token)), None)
    if chosen is None:
        raise forms.foreign_form()
    if await find_key(request.config_dict[SERVICES].database.lookup, chosen, clock.now()) is None:
        raise errors.InvalidApiKey
    response = redirect(request, PATH)
    set_sessions(request, response, [chosen, *(one for one in listed if one is not chosen)])
    return response


async def sign_out(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Of the current workspace; the page of another one follows. With the field `all`: of all workspaces."""
    ended = {call.session: call.key}
    if "all" in fields:
        ended |= {other.session: other.key for other in call.others}
    async with call.database.write(durable=True, changes="nobody") as connection:
        await _end(connection, list(ended))
        for key in ended.values():
            await audit.record(connection, _with_key(call.actor, key), "console.signed_out")
    stay = [other.session for other in call.others if other.session not in ended]
    response = redirect(call.request, PATH if stay else SIGN_IN_PATH)
    if stay:
        set_sessions(call.request, response, stay)
    else:
        delete_cookie(call.request, response, SESSION_COOKIE)
    return response


async def _end(connection: Connection, sessions: Sequence[Session]) -> None:
    """Ends the sessions themselves, so that no copy of the cookie works, nor one that is renewed now."""
    now = clock.now()
    for session in sessions:
        await ended_sessions.insert_ended(connection, session.token, now + 2 * MAX_IDLE, now)


def _with_key(actor: Actor, key: ApiKey) -> Actor:
    return msgspec.structs.replace(actor, workspace_id=key.workspace_id, key_id=key.id)


async def _render_form(
    request: web.Request, target: str, *, problem: str = "", status: int = 200, retry_after: int | None = None
) -> web.Response:
    """Keeps the token of the cookie, so that the form can be open in several tabs. `retry_after`: seconds."""
    token = get_cookie(request, _FORM_COOKIE) or new_token()
    response = await templating.render_page(
        request,
        "sign-in.html",
        status=status,
        problem=problem,
        target=target,
        signed_in=await select_signed_in(request, sessions_of(request)),
        form_token=request.app[SESSIONS].form_token(_sign_in_token(token)),
    )
    set_cookie(request, response, _FORM_COOKIE, token, seconds=MAX_IDLE // clock.SECOND)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _sign_in_token(token: str) -> str:
    """Differs from the token of every session, so that no form of a session is valid here."""
    return f"{SIGN_IN_PATH} {token}"


def _target(path: str) -> str:
    """The page to open after the sign-in: the path if it is one of the console, or else the first page."""
    return path if _CONSOLE_PAGE.fullmatch(path) else PATH
