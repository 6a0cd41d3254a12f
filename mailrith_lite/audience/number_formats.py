"""Numbers as people write them, with a decimal point or a decimal comma, and with thousands separators."""

import re
from collections.abc import Callable
from typing import Final, Literal

NumberFormat = Literal["point", "comma"]
EXAMPLES: Final[dict[str | None, str]] = {None: "12.5", "point": "1,234.5", "comma": "1.234,5"}
MAX_NUMBER: Final = 100
"""A longer text is no number."""

_BLANKS = " \u00a0\u2009\u202f"
_EXPONENT = r"(?:[eE][+-]?[0-9]{1,3})?"
_PLAIN = re.compile(rf"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+){_EXPONENT}")
_COMMA = re.compile(rf"[+-]?(?:[0-9]+(?:,[0-9]*)?|,[0-9]+){_EXPONENT}")
_GROUPS_POINT = re.compile(rf"[+-]?[0-9]{{1,3}}(?:([,'’{_BLANKS}])[0-9]{{3}})(?:\1[0-9]{{3}})*(?:\.[0-9]*)?")
_GROUPS_COMMA = re.compile(rf"[+-]?[0-9]{{1,3}}(?:([.'’{_BLANKS}])[0-9]{{3}})(?:\1[0-9]{{3}})*(?:,[0-9]*)?")
_SEPARATORS = str.maketrans("", "", f",.'’{_BLANKS}")


def read_plain(text: str) -> str | None:
    """The text if it is a number as programs write it, without thousands separators: `-1234.5`, `1e3`."""
    return text if _PLAIN.fullmatch(text) else None


def read_point(text: str) -> str | None:
    """`1,234.50`, `1 234.50`, `1'234.50` or a plain number, as a plain number; None for another text."""
    if _PLAIN.fullmatch(text):
        return text
    if len(text) > MAX_NUMBER or not _GROUPS_POINT.fullmatch(text):
        return None
    whole, point, fraction = text.partition(".")
    return whole.translate(_SEPARATORS) + point + fraction


def read_comma(text: str) -> str | None:
    """`1.234,50`, `1 234,50`, `1'234,50` or `1234,5`, as a plain number; None for another text."""
    if _COMMA.fullmatch(text):
        return text.replace(",", ".")
    if len(text) > MAX_NUMBER or not _GROUPS_COMMA.fullmatch(text):
        return None
    whole, comma, fraction = text.partition(",")
    return whole.translate(_SEPARATORS) + ("." if comma else "") + fraction


READERS: Final[dict[str | None, Callable[[str], str | None]]] = {
    None: read_plain,
    "point": read_point,
    "comma": read_comma,
}
"""The reader of a trimmed text for each format, and for a text without a format (None)."""
