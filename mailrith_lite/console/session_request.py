"""Before a page: the session, the key behind it as it is now, and its scopes."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from yarl import URL

from mailrith_lite import clock, errors
from mailrith_lite.access import keys, scopes
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.access.keys import Principal
from mailrith_lite.console import forms
from mailrith_lite.console.forms import TOKEN_FIELD, Fields
from mailrith_lite.console.session import Session, Sessions, find_key
from mailrith_lite.console.sign_in_attempts import Attempts
from mailrith_lite.database import Database
from mailrith_lite.http.services import PRINCIPAL, REQUEST_ID, SERVICES, Services
from mailrith_lite.http.statuses import Handler

PATH = "/console"
SIGN_IN_PATH = f"{PATH}/sign-in"
SUBSCRIBERS_PATH = f"{PATH}/subscribers"
SESSION_COOKIE = "mailrith_console"

SESSIONS = web.AppKey("sessions", Sessions)
ATTEMPTS = web.AppKey("attempts", Attempts)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request of somebody who is signed in."""

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
    def database(self) -> Database:
        return self.services.database

    def may(self, *required: str) -> bool:
        """Does the key hold all of these scopes?"""
        return set(required) <= set(self.principal.scopes)


VISIT = web.RequestKey("visit", Visit)
VisitHandler = Callable[[Visit], Awaitable[web.StreamResponse]]
FormHandler = Callable[[Visit, Fields], Awaitable[web.StreamResponse]]


def page(handler: VisitHandler, *required: str) -> Handler:
    """The handler behind a session whose key holds the scopes; without a session, the way to the sign-in."""

    async def handle(request: web.Request) -> web.StreamResponse:
        visit = await current(request)
        if visit is None:
            return to_sign_in(request)
        scopes.require(visit.principal.scopes, required)
        return await handler(visit)

    return handle


def form(handler: FormHandler, *required: str) -> Handler:
    """The same for a form, which must be one of this session's."""

    async def handle(visit: Visit) -> web.StreamResponse:
        forms.check_origin(visit.request)
        fields = await forms.receive(visit.request)
        forms.check_token(visit.request.app[SESSIONS], visit.session.token, fields.get(TOKEN_FIELD, ""))
        return await handler(visit, fields)

    return page(handle, *required)


async def current(request: web.Request) -> Visit | None:
    """Who is signed in, if anybody is.

    Raises:
        ShuttingDown
    """
    services = request.config_dict[SERVICES]
    if services.stopping:
        raise errors.ShuttingDown
    now = clock.now()
    session = request.app[SESSIONS].unseal(request.cookies.get(SESSION_COOKIE, ""), now)
    if session is None:
        return None
    key = await find_key(services.database.lookup, session, now)
    if key is None:
        return None
    services.key_use.note(key.id, now)
    visit = Visit(
        request=request,
        services=services,
        key=key,
        principal=keys.principal(key),
        session=session,
        form_token=request.app[SESSIONS].form_token(session.token),
        request_id=request[REQUEST_ID],
    )
    request[PRINCIPAL], request[VISIT] = visit.principal, visit
    return visit


def to_sign_in(request: web.Request) -> web.Response:
    """A page is found again after the sign-in; the answer to a form, or a part of a page, is not."""
    whole = request.method in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    if not whole:
        raise errors.InvalidApiKey
    path = request.rel_url.raw_path_qs
    return redirect(
        request, SIGN_IN_PATH if path == PATH else str(URL.build(path=SIGN_IN_PATH, query={"next": path}))
    )


def page_behind(request: web.Request) -> str:
    """The page that a form stands on, or a part belongs to."""
    path = request.rel_url.raw_path
    if path == f"{PATH}/exports":
        return f"{path}/new"
    for ending in ("/cancel", "/part", "/live", "/sign-out"):
        path = path.removesuffix(ending)
    return path


def redirect(request: web.Request, path: str) -> web.Response:
    """To an address of this service, told from where the browser is."""
    return web.Response(status=303, headers={"Location": root_of(request) + path})


def root_of(request: web.Request) -> str:
    """The way from the page to where the service begins; a part of a page belongs to the page."""
    path = request.rel_url.raw_path.removesuffix("/part").removesuffix("/live")
    return "/".join([".."] * (path.count("/") - 1)) or "."
