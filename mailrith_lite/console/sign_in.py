"""/console/sign-in and /console/sign-out"""

import re

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.access import keys
from mailrith_lite.console import ended_sessions, forms, templating
from mailrith_lite.console.forms import TOKEN_FIELD, Fields
from mailrith_lite.console.session import LENGTH, new_token
from mailrith_lite.console.session_request import (
    ATTEMPTS,
    PATH,
    SESSION_COOKIE,
    SESSIONS,
    SIGN_IN_PATH,
    Visit,
    current,
    redirect,
)
from mailrith_lite.http.addresses import base_address
from mailrith_lite.http.services import SERVICES

_FORM_COOKIE = "mailrith_console_form"  # what the sign-in form is bound to: there is no session yet
_HERE = ""  # no path of ours: a browser then takes the folder of the sign-in as it sees it
_REFUSED = "This key does not work. Check that it is complete, and that it has not expired or been revoked."
_TOO_OFTEN = "Too many attempts from your address. Wait a minute, then try again."
_OWN_PAGE = re.compile(rf"{PATH}(?:[/?][A-Za-z0-9_/?=&%.+-]*)?")


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    target = _target(request.query.get("next", ""))
    if await current(request) is not None:
        return redirect(request, target)
    return await _form(request, target)


async def sign_in(request: web.Request) -> web.StreamResponse:
    forms.check_origin(request)
    fields = await forms.receive(request)
    forms.check_token(request.app[SESSIONS], _bound_to(_token(request)), fields.get(TOKEN_FIELD, ""))
    target, now = _target(fields.get("next", "")), clock.now()
    address, attempts = request.remote or "", request.app[ATTEMPTS]
    if not attempts.begin(address, now):
        return await _form(request, target, status=429, problem=_TOO_OFTEN)
    try:
        lookup = request.config_dict[SERVICES].database.lookup
        key = await keys.check(lookup, fields.get("key", "").strip(), now)
    except errors.InvalidApiKey:
        return await _form(request, target, status=401, problem=_REFUSED)
    attempts.succeed(address)
    response = redirect(request, target)
    session = request.app[SESSIONS].begin(key, now)
    _set_cookie(request, response, SESSION_COOKIE, request.app[SESSIONS].seal(session), LENGTH)
    response.del_cookie(_FORM_COOKIE, path=_HERE)
    return response


async def sign_out(visit: Visit, _: Fields) -> web.StreamResponse:
    """From now on a copy of the cookie opens nothing."""
    async with visit.database.write(durable=True, changes="nobody") as connection:
        await ended_sessions.insert_ended(connection, visit.session.token, visit.session.expires_at, clock.now())
    response = redirect(visit.request, SIGN_IN_PATH)
    response.del_cookie(SESSION_COOKIE, path=_HERE)
    return response


async def _form(request: web.Request, target: str, *, status: int = 200, problem: str = "") -> web.Response:
    """One token for all tabs in which the form is open."""
    token = _token(request) or new_token()
    form_token = request.app[SESSIONS].form_token(_bound_to(token))
    response = await templating.page(
        request, "sign-in.html", status=status, problem=problem, target=target, form_token=form_token
    )
    _set_cookie(request, response, _FORM_COOKIE, token, LENGTH)
    if status == 429:
        response.headers["Retry-After"] = "60"
    return response


def _token(request: web.Request) -> str:
    return request.cookies.get(_FORM_COOKIE, "")


def _bound_to(token: str) -> str:
    return f"{SIGN_IN_PATH} {token}"


def _set_cookie(request: web.Request, response: web.Response, name: str, value: str, length: int) -> None:
    """For the console alone, out of reach of scripts, and over TLS alone where the console has it."""
    response.set_cookie(
        name,
        value,
        max_age=length // clock.SECOND,
        path=_HERE,
        httponly=True,
        samesite="Strict",
        secure=base_address(request.config_dict[SERVICES], request).startswith("https:"),
    )


def _target(path: str) -> str:
    """Where to go once signed in: a page of the console, or else its first."""
    return path if _OWN_PAGE.fullmatch(path) and ".." not in path else PATH
