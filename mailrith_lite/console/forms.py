"""Receives forms, and checks that one of the console's own pages sent them (CSRF)."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from multidict import MultiDict

from mailrith_lite import errors
from mailrith_lite.console.session import Sessions
from mailrith_lite.http import wire_errors
from mailrith_lite.http.addresses import base_address
from mailrith_lite.http.body_stream import pieces
from mailrith_lite.http.header_values import media_type
from mailrith_lite.http.services import SERVICES

TOKEN_FIELD = "form_token"  # noqa: S105
_MAX_FIELDS = 12_000  # a page of 2,000 columns has five fields for each
_MAX_BYTES = 1 << 20
SHORT = 1 << 14
"""Bytes of a form that may be parsed on the event loop."""

Fields = MultiDict[str]


async def receive(request: web.Request, limit: int = _MAX_BYTES) -> Fields:
    """`limit`: bytes. Without a session it is at most `SHORT`.

    Raises:
        UnsupportedMediaType: the content type is not the one of a form.
        InvalidHttp: the body is not a form, or does not arrive in time.
        PayloadTooLarge
    """
    if media_type(request.headers).name != "application/x-www-form-urlencoded":
        raise errors.UnsupportedMediaType("Send the form as application/x-www-form-urlencoded.")
    body = bytearray()
    async for piece in pieces(request):
        body += piece
        if len(body) > limit:
            raise errors.PayloadTooLarge(f"This form takes at most {limit:,} bytes.")
    try:
        # 1 MB of percent signs takes most of a second
        return _parse(body) if len(body) <= SHORT else await asyncio.to_thread(_parse, body)
    except ValueError:
        raise wire_errors.InvalidHttp("The form cannot be understood; send it again.") from None


def _parse(body: bytearray) -> Fields:
    return MultiDict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))


def check_origin(request: web.Request) -> None:
    """Compares the header Origin with the host of the request and with the address of the service.

    The scheme is not compared, because a proxy may end TLS before this service.

    Raises:
        Forbidden: a page of another host sent the form.
    """
    _, _, sender = request.headers.get("Origin", "").lower().partition("://")
    own = {request.headers.get("Host", "").lower()}
    own.add(urlsplit(base_address(request.config_dict[SERVICES], request)).netloc.lower())
    if not sender or sender not in own:
        raise foreign_form()


def check_token(sessions: Sessions, session_token: str, form_token: str) -> None:
    """
    Raises:
        Forbidden: the form belongs to another session.
    """
    if not sessions.is_form_token(session_token, form_token):
        raise foreign_form()


def foreign_form() -> errors.Forbidden:
    return errors.Forbidden("This form is too old or was not made by the console; open the page again.")
