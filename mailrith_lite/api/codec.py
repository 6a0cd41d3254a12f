"""Bytes to a Struct, and back; query parameters to a page."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from mailrith_lite import errors, ids
from mailrith_lite.idempotency import Answer

T = TypeVar("T")

_encoder = msgspec.json.Encoder(decimal_format="number")
DEFAULT_LIMIT = 25
MAX_LIMIT = 100
MAX_QUERY = 254
_CHECKED_WHOLE = 1 << 20


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`before_id`: the last item of the page before, as an integer; None begins with the newest."""

    limit: int
    before_id: int | None

    @property
    def fetched(self) -> int:
        """One more than is shown, to know whether there is more."""
        return self.limit + 1


def decode(body: bytes | memoryview, form: type[T]) -> T:
    """
    Raises:
        InvalidJson: not JSON.
        InvalidBody: JSON of another form; the error names the field.
    """
    try:
        if len(body) <= _CHECKED_WHOLE:
            str(body, "utf-8")  # the decoder does not look into strings that it skips
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as error:
        raise _invalid_body(str(error)) from None
    except RecursionError:
        raise errors.InvalidJson("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeError):
        raise errors.InvalidJson("The body is not valid JSON in UTF-8.") from None


def encode(value: Any) -> bytes:
    return _encoder.encode(value)


def data(value: Any) -> bytes:
    return encode({"data": value})


def json_response(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def answer_response(answer: Answer, headers: dict[str, str] | None = None) -> web.Response:
    """A fresh answer, or one that is replayed."""
    headers = dict(headers or {})
    if answer.location is not None:
        headers["Location"] = answer.location
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_response(answer.body, status=answer.status, headers=headers)


def page_response(page: Page, items: Sequence[Any]) -> web.Response:
    """`items`: one more than the page holds, if there is one; the last that is shown is the cursor."""
    shown = items[: page.limit]
    cursor = shown[-1].id if len(items) > page.limit else None
    pagination = {"has_more": cursor is not None, "next_cursor": cursor}
    return json_response(encode({"data": shown, "pagination": pagination}))


def parse_page(request: web.Request, prefix: str) -> Page:
    """
    Raises:
        InvalidQuery: `limit` or `starting_after` is not one.
    """
    limit = request.query.get("limit", str(DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MAX_LIMIT):
        raise errors.InvalidQuery(f"limit takes a whole number from 1 to {MAX_LIMIT}.", field="limit")
    cursor = request.query.get("starting_after")
    before_id = None if cursor is None else ids.decode(prefix, cursor)
    if cursor is not None and before_id is None:
        raise errors.InvalidQuery(
            "starting_after takes the next_cursor of the page before.", field="starting_after"
        )
    return Page(limit=int(limit), before_id=before_id)


def parse_choice(request: web.Request, name: str, choices: tuple[T, ...]) -> T | None:
    """
    Raises:
        InvalidQuery: the parameter is none of the choices.
    """
    text = request.query.get(name)
    if text is None:
        return None
    for choice in choices:
        if choice == text:
            return choice
    raise errors.InvalidQuery(f"{name} takes one of {', '.join(map(str, choices))}.", field=name)


def parse_text(request: web.Request, name: str) -> str | None:
    """
    Raises:
        InvalidQuery: the parameter is blank or too long.
    """
    text = request.query.get(name)
    if text is not None and ("\0" in text or not 1 <= len(text.strip()) <= MAX_QUERY):
        raise errors.InvalidQuery(f"{name} takes 1 to {MAX_QUERY} characters, none a NUL.", field=name)
    return text


def parse_flag(request: web.Request, name: str) -> bool:
    return parse_choice(request, name, ("true", "false")) == "true"


def _invalid_body(text: str) -> errors.InvalidBody:
    """msgspec says `Expected `str`, got `int` - at `$.mappings[2].csv_column``; we name the field our way."""
    problem, separator, place = text.rpartition(" - at `$")  # the last: a value that is quoted may hold the same
    if not separator:
        problem, place = text, ""
    field = place.rstrip("`").lstrip(".")
    for start in ("Object missing required field `", "Object contains unknown field `"):
        if problem.startswith(start):
            name = problem.removeprefix(start).rstrip("`")
            field = f"{field}.{name}" if field else name
            missing = "missing" in start
            return errors.InvalidBody(
                f"{field} is required." if missing else f"{field} is not a field of this request; leave it out.",
                field=field,
                reason="missing" if missing else "unknown_field",
            )
    subject = field or "The body"
    return errors.InvalidBody(
        f"{subject} has the wrong form: {problem[:1].lower()}{problem[1:]}.", field=field or None
    )
