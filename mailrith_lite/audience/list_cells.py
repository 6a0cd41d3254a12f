"""Cells with the names of tags or sequences: `VIP, Spring fair`, `a;b`, `a|b`, `"a, b","c"`."""

import functools
from collections.abc import Callable

from mailrith_lite.audience.values import Refused
from mailrith_lite.cells import split_names
from mailrith_lite.unicode_forms import compose, fold

_CACHED_CELLS = 4_096


def names_reader(max_name: int) -> Callable[[str], tuple[str, ...]]:
    """A function that reads the names of a cell, each once ignoring case; it raises Refused for a longer name."""
    return functools.lru_cache(_CACHED_CELLS)(functools.partial(_read_names, max_name))


def _read_names(max_name: int, text: str) -> tuple[str, ...]:
    by_key: dict[str, str] = {}
    for item in split_names(text):
        name = compose(item)
        if len(name) > max_name:
            raise Refused("value_too_long", f'"{name[:60]}" is too long; a name has at most {max_name} characters.')
        by_key.setdefault(fold(name), name)
    return tuple(by_key.values())
