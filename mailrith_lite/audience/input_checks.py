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
        InvalidRequest: the value breaks a rule; the reason is the code of the row error of an import.
    """
    try:
        return read(sent)
    except Refused as refusal:
        raise errors.InvalidRequest(refusal.message, field=field, reason=refusal.code) from None


def check_label(text: str, field: str, limit: int) -> None:
    """
    Raises:
        InvalidRequest: the text is empty, is longer than `limit` characters, or has a control character.
    """
    if not 1 <= len(text) <= limit or has_control(text):
        raise errors.InvalidRequest(
            f"{field} takes 1 to {limit} characters, without control characters.", field=field
        )


def check_description(description: str | None, limit: int) -> None:
    """
    Raises:
        InvalidRequest: the description is longer than `limit` characters.
    """
    if description is not None and len(description) > limit:
        raise errors.InvalidRequest(f"description takes at most {limit:,} characters.", field="description")
