"""/console/sign-in and /console/sign-out"""

import re

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.access import keys
from mailrith_lite.console import ended_sessions, forms, templating
from mailrith_lite.console.forms import TOKEN_FIELD, Fields
from mailrith_lite.console.paths import PATH, SIGN_IN_PATH, redirect
from mailrith_lite.console.session import LENGTH, new_token
from mailrith_lite.console.session_request import SESSION_COOKIE, SESSIONS, SessionRequest, load_session
from mailrith_lite.console.sign_in_attempts import WINDOW, Attempts
from mailrith_lite.http.addresses import base_address
from mailrith_lite.http.header_values import cookie
from mailrith_lite.http.services import SERVICES

ATTEMPTS = web.AppKey("attempts", Attempts)
_FORM_COOKIE = "mailrith_console_form"  # the token of the sign-in form, because there is no session yet
_COOKIE_PATH = ""  # without a path, a browser uses the folder of the sign-in page, also below a proxy's path
_INVALID_KEY = "This key does not work. Check that it is complete, and that it has not expired or been revoked."
_TOO_MANY = "Too many attempts from your address. Wait a minute, then try again."
_CONSOLE_PAGE = re.compile(rf"{PATH}(?:[/?][A-Za-z0-9_/?=&%.+-]*)?")


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    target = _target(request.query.get("next", ""))
    if await load_session(request) is not None:
        return redirect(request, target)
    return await _render_form(request, target)


async def sign_in(request: web.Request) -> web.StreamResponse:
    forms.check_origin(request)
    fields = await forms.receive(request)
    sessions = request.app[SESSIONS]
    forms.check_token(sessions, _sign_in_token(cookie(request.headers, _FORM_COOKIE)), fields.get(TOKEN_FIELD, ""))
    target, now = _target(fields.get("next", "")), clock.now()
    address, attempts = request.remote or "", request.app[ATTEMPTS]
    if not attempts.begin(address, now):
        return await _render_form(request, target, status=429, problem=_TOO_MANY)
    try:
        lookup = request.config_dict[SERVICES].database.lookup
        key = await keys.select_active(lookup, fields.get("key", "").strip(), now)
    except errors.InvalidApiKey:
        return await _render_form(request, target, status=401, problem=_INVALID_KEY)
    attempts.succeed(address)
    response = redirect(request, target)
    _set_cookie(request, response, SESSION_COOKIE, sessions.to_cookie(sessions.begin(key, now)))
    response.del_cookie(_FORM_COOKIE, path=_COOKIE_PATH)
    return response


async def sign_out(call: SessionRequest, _: Fields) -> web.StreamResponse:
    """Ends the session itself, so that a copy of the cookie does not work either."""
    async with call.database.write(durable=True, changes="nobody") as connection:
        await ended_sessions.insert_ended(connection, call.session.token, call.session.expires_at, clock.now())
    response = redirect(call.request, SIGN_IN_PATH)
    response.del_cookie(SESSION_COOKIE, path=_COOKIE_PATH)
    return response


async def _render_form(request: web.Request, target: str, *, status: int = 200, problem: str = "") -> web.Response:
    """Keeps the token of the cookie, so that the form can be open in several tabs."""
    token = cookie(request.headers, _FORM_COOKIE) or new_token()
    response = await templating.render_page(
        request,
        "sign-in.html",
        status=status,
        problem=problem,
        target=target,
        form_token=request.app[SESSIONS].form_token(_sign_in_token(token)),
    )
    _set_cookie(request, response, _FORM_COOKIE, token)
    if status == 429:
        response.headers["Retry-After"] = str(WINDOW // clock.SECOND)
    return response


def _sign_in_token(token: str) -> str:
    """Differs from the token of every session, so that no form of a session is valid here."""
    return f"{SIGN_IN_PATH} {token}"


def _set_cookie(request: web.Request, response: web.Response, name: str, value: str) -> None:
    """Scripts cannot read it. When the service's address is https, a browser sends it over TLS only."""
    response.set_cookie(
        name,
        value,
        max_age=LENGTH // clock.SECOND,
        path=_COOKIE_PATH,
        httponly=True,
        samesite="Strict",
        secure=base_address(request.config_dict[SERVICES], request).startswith("https:"),
    )


def _target(path: str) -> str:
    """The page to open after the sign-in: the path if it is one of the console, or else the first page."""
    return path if _CONSOLE_PAGE.fullmatch(path) and ".." not in path else PATH
