"""/console/sign-in and /console/sign-out"""

import re

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.access import audit, keys
from mailrith_lite.access.wrong_keys import WrongKeys
from mailrith_lite.console import ended_sessions, forms, templating
from mailrith_lite.console.cookies import delete_cookie, get_cookie, set_cookie
from mailrith_lite.console.forms import TOKEN_FIELD, Fields
from mailrith_lite.console.paths import PATH, SIGN_IN_PATH, redirect
from mailrith_lite.console.session import MAX_IDLE, new_token
from mailrith_lite.console.session_request import (
    SESSION_COOKIE,
    SESSIONS,
    SessionRequest,
    load_session,
    set_session,
)
from mailrith_lite.http.acting import actor
from mailrith_lite.http.key_check import check_key
from mailrith_lite.http.services import PRINCIPAL, SERVICES

WRONG_KEYS = web.AppKey("wrong_keys", WrongKeys)
MAX_WRONG_KEYS = 10  # of one address within a minute
_FORM_COOKIE = "mailrith_console_form"  # the token of the sign-in form, because there is no session yet
_INVALID_KEY = "This key does not work. Check that it is complete, and that it has not expired or been revoked."
_TOO_MANY = "This key does not work, and your address has tried too many. Check the key, then wait a minute."
_CONSOLE_PAGE = re.compile(rf"{PATH}(?:/[A-Za-z0-9_-]+)*/?(?:\?[A-Za-z0-9_/?=&%.+-]*)?")


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    target = _target(request.query.get("next", ""))
    if await load_session(request) is not None:
        return redirect(request, target)
    return await _render_form(request, target)


async def sign_in(request: web.Request) -> web.StreamResponse:
    forms.check_origin(request)
    fields = await forms.receive(request, forms.SHORT)
    sessions = request.app[SESSIONS]
    forms.check_token(sessions, _sign_in_token(get_cookie(request, _FORM_COOKIE)), fields.get(TOKEN_FIELD, ""))
    target, now = _target(fields.get("next", "")), clock.now()
    services = request.config_dict[SERVICES]
    try:
        key = await check_key(request, fields.get("key", "").strip(), "console", request.app[WRONG_KEYS])
    except errors.InvalidApiKey:
        return await _render_form(request, target, problem=_INVALID_KEY)
    except errors.RateLimited as error:
        return await _render_form(request, target, problem=_TOO_MANY, retry_after=error.retry_after)
    request[PRINCIPAL] = keys.principal(key)
    await audit.record_alone(services.database, actor(request, "console"), "console.signed_in")
    response = redirect(request, target)
    set_session(request, response, sessions.begin(key, now), now)
    delete_cookie(request, response, _FORM_COOKIE)
    return response


async def sign_out(call: SessionRequest, _: Fields) -> web.StreamResponse:
    """Ends the session itself, so that a copy of the cookie, or one that is renewed now, does not work either."""
    async with call.database.write(durable=True, changes="nobody") as connection:
        now = clock.now()
        await ended_sessions.insert_ended(connection, call.session.token, now + 2 * MAX_IDLE, now)
        await audit.record(connection, call.actor, "console.signed_out")
    response = redirect(call.request, SIGN_IN_PATH)
    delete_cookie(call.request, response, SESSION_COOKIE)
    return response


async def _render_form(
    request: web.Request, target: str, *, problem: str = "", retry_after: int | None = None
) -> web.Response:
    """Keeps the token of the cookie, so that the form can be open in several tabs. `retry_after`: seconds."""
    token = get_cookie(request, _FORM_COOKIE) or new_token()
    status = 200 if not problem else 401 if retry_after is None else 429
    response = await templating.render_page(
        request,
        "sign-in.html",
        status=status,
        problem=problem,
        target=target,
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
