"""Email addresses in texts: who is named in a refused row, in a header or in a message."""

import contextlib
import re
from collections.abc import Callable, Collection, Iterator
from itertools import pairwise
from typing import Any, Final

import msgspec

from mailrith_lite.audience import mailboxes, values

ERASED: Final = "(erased)"
"""Takes the place of a text about somebody who was deleted."""

_PIECE = re.compile(r"[^\s\"<>()\[\],;:|\\/?]+")
_BEFORE_ADDRESS: Final = "'=+-.*#&"
"""Valid in an address, and more often a formula guard or a mark before it."""
_WORD_END: Final = re.compile(r"(?<=[^0-9A-Za-z])(?=[0-9A-Za-z])|(?<=[0-9A-Za-z])(?=[^0-9A-Za-z])")


def addresses(cell: str) -> set[str]:
    """Every email address in a cell, as a subscriber's is saved. Takes linear time."""
    return {address for piece in _PIECE.findall(mailboxes.visible(cell)) for address in _whole(piece)}


def json_addresses(text: str) -> set[str]:
    """As `addresses`, in all strings of a JSON text."""
    return {address for one in _strings(msgspec.json.decode(text)) for address in addresses(one)}


def word_addresses(text: str) -> set[str]:
    """Every email address in a text that somebody has made of it, such as `signup-ada@example.com.csv`.

    Also `ada@example.com` of `x-ada@example.com`, who is another person.
    """
    return {address for piece in _PIECE.findall(mailboxes.visible(text)) for address in _parts(piece)}


def scrub(text: str, erased: Collection[str]) -> str:
    """The text without these addresses, as `word_addresses` finds them."""

    def replace(match: re.Match[str]) -> str:
        return ERASED if any(address in erased for address in _parts(match[0])) else match[0]

    return _PIECE.sub(replace, mailboxes.visible(text))


def scrub_json(text: str, erased: Collection[str]) -> str:
    """The JSON text with each string that has one of these addresses replaced."""

    def replace(one: str) -> str:
        return one if addresses(one).isdisjoint(erased) else ERASED

    return msgspec.json.encode(_map_strings(msgspec.json.decode(text), replace)).decode()


def _whole(piece: str) -> Iterator[str]:
    """Every address that the piece can contain, also if two addresses are written together."""
    for local, domain in pairwise(piece.split("@")):
        for one in dict.fromkeys((local, local.lstrip(_BEFORE_ADDRESS))):
            yield from _address(one, domain.rstrip(_BEFORE_ADDRESS))


def _parts(piece: str) -> Iterator[str]:
    """As `_whole`, also without the words before and after."""
    for local, domain in pairwise(piece.split("@")):
        local, domain = local[-values.MAX_EMAIL :], domain[: values.MAX_EMAIL]
        starts = [0, *(match.start() for match in _WORD_END.finditer(local))]
        ends = [len(domain), *(match.start() for match in _WORD_END.finditer(domain))]
        for start in starts:
            for end in ends:
                yield from _address(local[start:], domain[:end])


def _address(local: str, domain: str) -> Iterator[str]:
    """The address if it is valid."""
    if local and domain and len(local) + len(domain) < values.MAX_EMAIL:
        with contextlib.suppress(values.Refused):
            yield values.email(f"{local}@{domain}")


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from _strings(one)
        case dict():
            for name, one in value.items():
                yield name
                yield from _strings(one)


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """The value with each string changed, also those that name the members of objects."""
    match value:
        case str():
            return change(value)
        case list():
            return [_map_strings(one, change) for one in value]
        case dict():
            return {change(name): _map_strings(one, change) for name, one in value.items()}
        case _:
            return value
