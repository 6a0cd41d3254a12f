"""What people and programs write around an email address in a cell: names, `mailto:`, invisible characters."""

import re
from typing import Final

MAX_LENGTH: Final = 1_000
"""A longer text is not searched for an address."""

_INVISIBLE = re.compile(r"[\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_NAMED = re.compile(r"([^<>]*)<([^<>]*)>[\s,;.]*")
_BETWEEN = re.compile(r"[\s,;|]+")
_MAILTO: Final = "mailto:"


def addresses(text: str) -> list[str]:
    """The different addresses of a cell, bare but not checked. Empty if the cell has other text.

    The name in `Ada <ada@example.com>` is not other text.
    """
    shown = visible(text[:MAX_LENGTH]).strip()
    named = _NAMED.fullmatch(shown)
    if named is None:
        parts = [bare for part in _BETWEEN.split(shown) if (bare := _bare(part))]
    else:
        parts = [*filter(_has_address, map(_bare, _BETWEEN.split(named[1]))), _bare(named[2].strip())]
    result = list(dict.fromkeys(filter(_has_address, parts)))
    return result if len(result) > 1 or all(map(_has_address, parts)) else []


def visible(text: str) -> str:
    """The text without characters that nobody sees."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def _bare(part: str) -> str:
    if part[: len(_MAILTO)].lower() == _MAILTO:
        part = part[len(_MAILTO) :].partition("?")[0]
    return part.strip("\"'():").rstrip(".,;")


def _has_address(part: str) -> bool:
    local, at, domain = part.rpartition("@")
    return bool(local and at and domain)
