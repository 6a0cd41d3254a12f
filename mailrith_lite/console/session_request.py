"""Loads the session of a request, and wraps the handlers that need one."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from yarl import URL

from mailrith_lite import clock, errors
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
from mailrith_lite.http import wire_errors
from mailrith_lite.http.acting import actor
from mailrith_lite.http.services import PRINCIPAL, REQUEST_ID, REQUESTER, SERVICES, Services
from mailrith_lite.http.statuses import Handler
from mailrith_lite.jobs.kinds import KINDS, JobKind
from mailrith_lite.webhooks import events

SESSION_COOKIE = "mailrith_console"
SESSIONS = web.AppKey("sessions", Sessions)


class SessionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request with a valid session: what a handler of the console gets, as `Call` is for the API.

    `form_token`: every form of the page must contain it.
    """

    request: web.Request
    services: Services
    key: ApiKey
    principal: Principal
    session: Session
    form_token: str
    request_id: str

    @property
    def workspace_id(self) -> int:
        return self.principal.workspace_id

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit."""
        return actor(self.request, "console")

    @property
    def door(self) -> Door:
        return Door(
            workspace_id=self.workspace_id,
            actor=self.actor,
            source=events.CONSOLE,
            outbox=self.services.outbox,
            keeps_values=self.services.settings.undo_ttl > 0,
            require_evidence=self.services.settings.require_consent_evidence,
        )

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
        forms.check_token(call.request.app[SESSIONS], call.session.token, fields.get(TOKEN_FIELD, ""))
        return await handler(call, fields)

    return page(handle, *required)


async def load_session(request: web.Request) -> SessionRequest | None:
    """None without a valid session. Looks the key up again, and notes its use.

    Raises:
        ShuttingDown
    """
    services = request.config_dict[SERVICES]
    if services.stopping:
        raise wire_errors.ShuttingDown
    now = clock.now()
    session = request.app[SESSIONS].from_cookie(get_cookie(request, SESSION_COOKIE), now)
    if session is None:
        return None
    key = await find_key(services.database.lookup, session, now)
    if key is None:
        return None
    services.key_use.note(key.id, now)
    call = SessionRequest(
        request=request,
        services=services,
        key=key,
        principal=keys.principal(key),
        session=session,
        form_token=request.app[SESSIONS].form_token(session.token),
        request_id=request[REQUEST_ID],
    )
    request[REQUESTER].workspace_id = call.workspace_id
    request[PRINCIPAL], request[SESSION_REQUEST] = call.principal, call
    return call


def set_session(request: web.Request, response: web.StreamResponse, session: Session, now: int) -> None:
    seconds = (session.expires_at - now) // clock.SECOND
    set_cookie(request, response, SESSION_COOKIE, request.app[SESSIONS].to_cookie(session), seconds=seconds)


def _renew(call: SessionRequest, response: web.StreamResponse) -> None:
    """A page that updates itself does not keep its session alive: only a page that somebody opens does."""
    now = clock.now()
    session = renew(call.session, call.key, now)
    if session is not None:
        set_session(call.request, response, session, now)


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
