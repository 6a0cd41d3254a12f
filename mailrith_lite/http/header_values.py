"""Reads the headers that clients send: media types, file names, cookies, expectations.

Each function takes linear time and accepts any text. The functions of the standard library and aiohttp do not:
`request.content_type`, `request.charset` and `email.message` take quadratic time, and raise IndexError and
RecursionError. `tests/api/test_header_values.py` checks that no module uses them for a request.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import hdrs, web
from multidict import MultiMapping

MAX_LENGTH = 4_096
"""Characters of a header with parameters. A file name of 255 bytes takes 765, and some clients send it twice."""
_NAME = r"[0-9A-Za-z!#$%&'*+.^_`|~-]++"
_PARAMETER = re.compile(rf';[ \t]*+(?:({_NAME})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;]*+)))?+[^;]*+')
_ESCAPED = re.compile(r"\\([\\\"])")
_ENCODED = re.compile(r"(utf-8|iso-8859-1)'[0-9A-Za-z-]*'(.*)", re.IGNORECASE | re.DOTALL)
_MAX_COOKIES = 1 << 15  # characters; a browser sends them in one header of at most 8 KiB
_MAX_DATE = 64
_LONG_NUMBER = re.compile(r"[0-9]{5}")


class MediaType(msgspec.Struct, frozen=True, kw_only=True):
    """`name` and the names of `parameters` are in lower case. `name` is empty for a missing or too long header."""

    name: str = ""
    parameters: dict[str, str] = {}

    @property
    def is_json(self) -> bool:
        """Whether it is JSON in UTF-8, the only encoding of JSON (RFC 8259)."""
        charset = self.parameters.get("charset", "utf-8").lower().replace("-", "")
        return (self.name == "application/json" or self.name.endswith("+json")) and charset == "utf8"


def media_type(headers: Mapping[str, str]) -> MediaType:
    """The header Content-Type (RFC 9110, 8.3)."""
    text = headers.get(hdrs.CONTENT_TYPE, "")
    if len(text) > MAX_LENGTH:
        return MediaType()
    return MediaType(name=_first(text).lower(), parameters=_parameters(text))


def file_name(disposition: str) -> str:
    """The file name of a header Content-Disposition (RFC 6266); empty if it has none that is readable."""
    parameters = _disposition(disposition)
    encoded = _ENCODED.fullmatch(parameters.get("filename*", ""))
    if encoded is None:
        return parameters.get("filename", "")
    try:
        return unquote_to_bytes(encoded[2]).decode(encoded[1])
    except UnicodeError:
        return parameters.get("filename", "")


def field_name(disposition: str) -> str:
    """The name of a form's field, from the header Content-Disposition of its part (RFC 7578)."""
    return _disposition(disposition).get("name", "")


def cookie(headers: MultiMapping[str], name: str) -> str:
    """The first cookie of this name; empty if there is none, or if it is not printable ASCII."""
    text = ";".join(headers.getall(hdrs.COOKIE, ()))[:_MAX_COOKIES]
    match = re.search(rf"(?:^|;)[ \t]*+{re.escape(name)}=([^;]*+)", text)
    value = match[1].rstrip(" \t") if match else ""
    return value if value.isascii() and value.isprintable() else ""


def check_expectation(headers: Mapping[str, str]) -> None:
    """
    Raises:
        HTTPExpectationFailed: the header Expect is not ASCII, so aiohttp cannot quote it in a response.
    """
    if not headers.get(hdrs.EXPECT, "").isascii():
        raise web.HTTPExpectationFailed


def has_broken_date(headers: Mapping[str, str]) -> bool:
    """Whether a conditional request has an impossible date. aiohttp fails on such a date."""
    names = (hdrs.IF_MODIFIED_SINCE, hdrs.IF_UNMODIFIED_SINCE, hdrs.IF_RANGE)
    texts = [text for name in names if not (text := headers.get(name, "")).startswith(('"', "W/"))]
    return any(len(text) > _MAX_DATE or _LONG_NUMBER.search(text) for text in texts)


def _disposition(text: str) -> dict[str, str]:
    return {} if len(text) > MAX_LENGTH else _parameters(text)


def _first(text: str) -> str:
    return text.partition(";")[0].strip(" \t")


def _parameters(text: str) -> dict[str, str]:
    """If a name repeats, its first value counts."""
    parameters: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(text):
        if name:
            parameters.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) or plain.strip(" \t"))
    return parameters
