"""Decodes JSON bodies into Structs, and encodes responses."""

import functools
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.api import wording

T = TypeVar("T")

_encoder = msgspec.json.Encoder(decimal_format="number")
_CHECKED_FOR_UTF8 = 1 << 20  # bytes; a longer body is an import, whose text is checked later


def decode(body: bytes | memoryview, form: type[T]) -> T:
    """
    Raises:
        InvalidBody: the body is not JSON in UTF-8, or not an object.
        InvalidRequest: a value has the wrong type, or a field is missing or unknown; the error names the field.
    """
    try:
        if len(body) <= _CHECKED_FOR_UTF8:
            str(body, "utf-8")  # the decoder does not check strings of fields that it skips
        decoded: T = _decoder(cast(Any, form)).decode(body)
        return decoded
    except msgspec.ValidationError as error:
        raise _invalid_request(str(error), form) from None
    except RecursionError:
        raise errors.InvalidBody("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeError):
        raise not_json() from None


def not_json() -> errors.InvalidBody:
    return errors.InvalidBody("The body is not valid JSON in UTF-8.")


@functools.cache
def _decoder(form: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(form, float_hook=Decimal)


def encode(value: Any) -> bytes:
    return _encoder.encode(value)


def data(value: Any) -> bytes:
    return encode({"data": value})


def json_response(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def not_an_object() -> errors.InvalidBody:
    return errors.InvalidBody("The body takes a JSON object.")


def _invalid_request(text: str, form: Any) -> errors.Invalid:
    """msgspec says `Expected `str`, got `int` - at `$.mappings[2].csv_column``: only the path is used."""
    problem, separator, place = text.rpartition(" - at `$")  # the last one: a quoted value can contain it
    if not separator:
        problem, place = text, ""
    path = place.rstrip("`")
    field = path.lstrip(".")
    for start in ("Object missing required field `", "Object contains unknown field `"):
        if problem.startswith(start):
            name = problem.removeprefix(start).rstrip("`")
            field = f"{field}.{name}" if field else name
            missing = "missing" in start
            return errors.InvalidRequest(
                f"{field} is required." if missing else f"{field} is not a field of this request; leave it out.",
                field=field,
                reason="missing" if missing else "unknown_field",
            )
    if not field:
        return not_an_object()
    return errors.InvalidRequest(f"{field} takes {wording.takes(form, path) or 'another form'}.", field=field)
