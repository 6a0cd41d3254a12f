"""Loads the session of a request, and wraps the handlers that need one.

A browser can be signed in to several workspaces. A request belongs to the current one alone.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiohttp import web
from yarl import URL

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import keys, scopes
from mailrith_lite.access.audit import Actor
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.access.keys import Principal
from mailrith_lite.catalog.door import Door
from mailrith_lite.console import forms
from mailrith_lite.console.cookies import get_cookie, set_cookie
from mailrith_lite.console.forms import TOKEN_FIELD, Fields
from mailrith_lite.console.paths import PATH, SIGN_IN_PATH, redirect
from mailrith_lite.console.session import Session, Sessions, find_key, renew
from mailrith_lite.database import Database
from mailrith_lite.http import acting, wire_errors
from mailrith_lite.http.services import PRINCIPAL, REQUEST_ID, REQUESTER, SERVICES, Services
from mailrith_lite.http.statuses import Handler
from mailrith_lite.jobs.kinds import KINDS, JobKind
from mailrith_lite.webhooks import events

SESSION_COOKIE = "mailrith_console"
SESSIONS = web.AppKey("sessions", Sessions)


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A valid session of the browser, with its key. `switch_token`: makes this session the current one."""

    session: Session
    key: ApiKey
    switch_token: str


class SessionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request with a valid session: what a handler of the console gets, as `Call` is for the API.

    `form_token`: every form of the page must contain it. `others`: sessions of other workspaces.
    """

    request: web.Request
    services: Services
    key: ApiKey
    principal: Principal
    session: Session
    form_token: str
    others: tuple[SignedIn, ...]
    request_id: str

    @property
    def workspace_id(self) -> int:
        return self.principal.workspace_id

    @property
    def public_workspace_id(self) -> str:
        return ids.encode(ids.WORKSPACE, self.workspace_id)

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit."""
        return acting.actor(self.request, "console")

    @property
    def door(self) -> Door:
        return acting.door(self.request, "console", events.CONSOLE)

    @property
    def database(self) -> Database:
        return self.services.database

    def may(self, *required: str) -> bool:
        """Whether the key holds all of these scopes."""
        return set(required) <= set(self.principal.scopes)

    @property
    def job_kinds(self) -> list[JobKind]:
        """The kinds of job that the key may see."""
        return [kind for kind in KINDS if self.may(*kind.read_scopes)]


SESSION_REQUEST = web.RequestKey("session_request", SessionRequest)
PageHandler = Callable[[SessionRequest], Awaitable[web.StreamResponse]]
FormHandler = Callable[[SessionRequest, Fields], Awaitable[web.StreamResponse]]


def page(handler: PageHandler, *required: str) -> Handler:
    """A handler for a page: it needs a session whose key holds the scopes."""

    async def handle(request: web.Request) -> web.StreamResponse:
        call = await load_session(request)
        if call is None:
            return _redirect_to_sign_in(request)
        _check_workspace(call)
        call.services.request_rates.check(call.principal)
        scopes.require(call.principal.scopes, required)
        response = await handler(call)
        if _is_page_load(request) and not response.prepared:
            _renew(call, response)
        return response

    return handle


def form(handler: FormHandler, *required: str) -> Handler:
    """A handler for a form: as for a page, and a page of the same session must have sent the form."""

    async def handle(call: SessionRequest) -> web.StreamResponse:
        forms.check_origin(call.request)
        fields = await forms.receive(call.request)
        check_form(call, fields.get(TOKEN_FIELD, ""))
        return await handler(call, fields)

    return page(handle, *required)


def check_form(call: SessionRequest, form_token: str) -> None:
    """
    Raises:
        Forbidden: no page of this session sent the form.
    """
    sessions = call.request.app[SESSIONS]
    for other in call.others:
        if sessions.is_form_token(other.session.token, form_token):
            own, current = other.key.workspace_name, call.key.workspace_name
            raise errors.Forbidden(
                f"The form is from a page of the workspace {own}, and this browser is now in {current}. "
                f"Nothing was changed; switch to {own}, and send it from there."
            )
    forms.check_token(sessions, call.session.token, form_token)


async def load_session(request: web.Request) -> SessionRequest | None:
    """None without a valid session. Looks the key up again, and notes its use.

    Raises:
        ShuttingDown
    """
    services = request.config_dict[SERVICES]
    if services.stopping:
        raise wire_errors.ShuttingDown
    now = clock.now()
    current, *others = sessions_of(request) or (None,)
    key = None if current is None else await find_key(services.database.lookup, current, now)
    if current is None or key is None:
        return None
    services.key_use.note(key.id, now)
    call = SessionRequest(
        request=request,
        services=services,
        key=key,
        principal=keys.principal(key),
        session=current,
        form_token=request.app[SESSIONS].form_token(current.token),
        others=tuple(await select_signed_in(request, others)),
        request_id=request[REQUEST_ID],
    )
    request[REQUESTER].workspace_id = call.workspace_id
    request[PRINCIPAL], request[SESSION_REQUEST] = call.principal, call
    return call


def sessions_of(request: web.Request) -> list[Session]:
    """The sessions of the browser, the current one first; some may have ended."""
    return request.app[SESSIONS].from_cookie(get_cookie(request, SESSION_COOKIE))


async def select_signed_in(request: web.Request, sessions: Sequence[Session]) -> list[SignedIn]:
    """The sessions that are valid."""
    connection, now = request.config_dict[SERVICES].database.lookup, clock.now()
    signed_in = []
    for session in sessions:
        if (key := await find_key(connection, session, now)) is not None:
            switch_token = request.app[SESSIONS].switch_token(session.token)
            signed_in.append(SignedIn(session=session, key=key, switch_token=switch_token))
    return signed_in


def set_sessions(request: web.Request, response: web.StreamResponse, sessions: Sequence[Session]) -> None:
    """`sessions`: the current one first. The cookie ends with the last of them."""
    seconds = (max(session.expires_at for session in sessions) - clock.now()) // clock.SECOND
    set_cookie(request, response, SESSION_COOKIE, request.app[SESSIONS].to_cookie(sessions), seconds=seconds)


def _renew(call: SessionRequest, response: web.StreamResponse) -> None:
    """A page that updates itself does not keep its session alive: only a page that somebody opens does."""
    session = renew(call.session, call.key, clock.now())
    if session is not None:
        set_sessions(call.request, response, [session, *(other.session for other in call.others)])


def _check_workspace(call: SessionRequest) -> None:
    """A page that updates itself names its workspace in the parameter `workspace`.

    Raises:
        InvalidApiKey: the browser has switched to another workspace since; the page must be loaded again.
    """
    if call.request.query.get("workspace", call.public_workspace_id) != call.public_workspace_id:
        raise errors.InvalidApiKey


def _is_page_load(request: web.Request) -> bool:
    """False for a form, and for a part of a page."""
    return request.method in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _redirect_to_sign_in(request: web.Request) -> web.Response:
    """Redirects page loads to sign-in and back; forms and partial updates get 401."""
    if not _is_page_load(request):
        raise errors.InvalidApiKey
    path = request.rel_url.raw_path_qs
    sign_in = SIGN_IN_PATH if path == PATH else str(URL.build(path=SIGN_IN_PATH, query={"next": path}))
    return redirect(request, sign_in)
