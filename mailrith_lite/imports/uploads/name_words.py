"""The words of the names that people give columns and files."""

import re
from typing import Final

from mailrith_lite.unicode_forms import fold, letters_and_digits

_MOST: Final = 1_000
"""Characters of a name that are read: a question of a form can be long."""
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of(name: str) -> list[str]:
    """`doNotContact`, `do_not_contact` and `Do not contact` have the same words."""
    return [word for word in re.split(r"[\W_]+", fold(_CAMEL.sub(" ", name[:_MOST]))) if word]


def plain(text: str) -> str:
    """The words with one space between them, without accents."""
    return " ".join(filter(None, map(letters_and_digits, words_of(text))))
