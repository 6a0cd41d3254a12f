"""What a browser sends: the fields of a form, and the proof that a page of ours made it."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from multidict import MultiDict

from mailrith_lite import errors
from mailrith_lite.console.session import Sessions
from mailrith_lite.http.services import SERVICES

TOKEN_FIELD = "form_token"  # noqa: S105
_FIELDS = 2_000
_SILENCE = 60.0  # seconds

Fields = MultiDict[str]


async def receive(request: web.Request) -> Fields:
    """
    Raises:
        UnsupportedMediaType, InvalidHttp: it is not what a form sends.
        PayloadTooLarge: it is larger than any form of ours.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise errors.UnsupportedMediaType("Send the form as application/x-www-form-urlencoded.")
    try:
        async with asyncio.timeout(_SILENCE):
            body = await request.read()
        return MultiDict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS))
    except TimeoutError:
        raise errors.InvalidHttp("The form stopped arriving; send it again.") from None
    except ValueError:
        raise errors.InvalidHttp("The form cannot be understood; send it again.") from None


def check_origin(request: web.Request) -> None:
    """
    Raises:
        Forbidden: the form is not from a page of this host. A browser says where a form comes from; the scheme is
            not compared, because a proxy may end TLS before us.
    """
    _, _, sent = request.headers.get("Origin", "").lower().partition("://")
    own = {request.headers.get("Host", "").lower()}
    if public_url := request.config_dict[SERVICES].settings.public_url:
        own.add(urlsplit(public_url).netloc.lower())
    if not sent or sent not in own:
        raise foreign_form()


def check_token(sessions: Sessions, token: str, presented: str) -> None:
    """
    Raises:
        Forbidden: the form was not made for this session.
    """
    if not sessions.is_form_token(token, presented):
        raise foreign_form()


def foreign_form() -> errors.Forbidden:
    return errors.Forbidden("This form is too old or was not made by the console; open the page again.")
