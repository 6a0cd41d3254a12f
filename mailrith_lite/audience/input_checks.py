"""Checks of the values in a request. `field` is always the path of the value in the body."""

from collections.abc import Callable
from typing import TypeVar

from mailrith_lite import errors
from mailrith_lite.audience.values import Refused, has_control

S = TypeVar("S")
T = TypeVar("T")


def read_value(read: Callable[[S], T], sent: S, field: str) -> T:
    """Reads with one of the functions of `values`.

    Raises:
        InvalidBody: the value breaks a rule; the reason is the code of the row error that an import would report.
    """
    try:
        return read(sent)
    except Refused as refusal:
        raise errors.InvalidBody(refusal.message, field=field, reason=refusal.code) from None


def check_label(text: str, field: str, limit: int) -> None:
    """
    Raises:
        InvalidBody: the text is empty, is longer than `limit` characters, or has a control character.
    """
    if not 1 <= len(text) <= limit or has_control(text):
        raise errors.InvalidBody(f"{field} takes 1 to {limit} characters, none a control character.", field=field)


def check_description(description: str | None, limit: int) -> None:
    """
    Raises:
        InvalidBody: the description is longer than `limit` characters.
    """
    if description is not None and len(description) > limit:
        raise errors.InvalidBody(f"description takes at most {limit:,} characters.", field="description")
