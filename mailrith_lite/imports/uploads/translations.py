"""Describes the translation of a column in a few words, for the command line and the console."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from mailrith_lite.imports.mapping import OTHER_CELLS
from mailrith_lite.unicode_forms import fold

_NAMES = {"": "blank", OTHER_CELLS: "every other cell"}
_MOST = 3
"""Words of one meaning that are listed."""


class WordGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Words with one meaning. `meaning`: None where they count as blank. `more`: there are words beside `words`."""

    words: list[str]
    meaning: str | None
    more: bool


def group_words(values: Mapping[str, str | None], samples: Collection[str]) -> list[WordGroup]:
    """A group for each meaning; the words that a column has come first. `samples`: cells of the column."""
    cells = {fold(sample) for sample in samples}
    by_meaning: dict[str | None, list[str]] = {}
    for word, meaning in values.items():
        by_meaning.setdefault(meaning, []).append(word)
    groups = [
        WordGroup(
            words=(ordered := sorted(words, key=lambda word: fold(word) not in cells))[:_MOST],
            meaning=meaning,
            more=len(ordered) > _MOST,
        )
        for meaning, words in by_meaning.items()
    ]
    return sorted(groups, key=lambda group: group.meaning is None)


def describe(groups: Iterable[WordGroup]) -> str:
    """`“nein”, “no”, “n”, … become Unsubscribed; “ja”, “yes”, “y”, … change nothing`."""
    return "; ".join(map(_describe, groups))


def _describe(group: WordGroup) -> str:
    names = [_NAMES.get(word, f"“{word}”") for word in group.words]
    one = len(names) == 1 and not group.more
    if group.meaning is None:
        effect = "changes nothing" if one else "change nothing"
    else:
        effect = f"{'becomes' if one else 'become'} {group.meaning}"
    return f"{', '.join(names)}{', …' if group.more else ''} {effect}"
