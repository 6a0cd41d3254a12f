"""The cookies of the console. Scripts cannot read them.

When the service's address is https, a browser accepts them over TLS only, and from this host only: the prefix
`__Host-` means that no page of a neighboring domain has set them.

Their path is `/`: the service may stand below a path of a proxy that it does not know, and without a path a browser
would keep one cookie for each folder.
"""

from aiohttp import web

from mailrith_lite.http import header_values
from mailrith_lite.http.addresses import base_address
from mailrith_lite.http.services import SERVICES

_HOST_PREFIX = "__Host-"


def get_cookie(request: web.Request, name: str) -> str:
    """Empty if there is none."""
    return header_values.cookie(request.headers, _full_name(name, secure=_is_secure(request)))


def set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str, *, seconds: int) -> None:
    secure = _is_secure(request)
    response.set_cookie(
        _full_name(name, secure=secure),
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=secure,
    )


def delete_cookie(request: web.Request, response: web.StreamResponse, name: str) -> None:
    secure = _is_secure(request)
    response.del_cookie(_full_name(name, secure=secure), path="/", secure=secure)


def _is_secure(request: web.Request) -> bool:
    return base_address(request.config_dict[SERVICES], request).startswith("https:")


def _full_name(name: str, *, secure: bool) -> str:
    return _HOST_PREFIX + name if secure else name
