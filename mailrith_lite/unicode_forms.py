"""The forms in which texts are saved and compared: macOS writes é as two characters, other systems as one."""

import re
import unicodedata
from typing import Final

_MANY_MARKS = re.compile(r"(?<![^\w\x00-\x7f])[^\w\x00-\x7f]{31}")
"""More combining marks in a row than any language has: the limit of Unicode's Stream-Safe Text Format is 30."""

_NOT_ASCII_LETTER_OR_DIGIT = re.compile(r"[\W_]+", re.ASCII)
_ACCENT = re.compile(r"[\u0300-\u036f]+")
_WITHOUT_STROKE: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
"""Letters that Unicode does not divide into a plain letter and an accent."""


def compose(text: str) -> str:
    """The text in the normal form NFC, in which equal letters are equal characters.

    A text with more than 30 combining marks in a row is returned unchanged: their sorting takes quadratic time.
    """
    if text.isascii() or _MANY_MARKS.search(text):
        return text
    return unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """The text as it is compared: two texts that differ only in upper and lower case or in the form are equal."""
    return compose(compose(text).casefold())  # a folded letter can be a letter and a mark


def letters_and_digits(text: str) -> str:
    """The text without blanks, punctuation, accents and upper case: `Opted-out` and `opted out` are equal.

    The marks of scripts such as Devanagari stay, because they are vowels.
    A text with more than 30 combining marks in a row becomes an empty one.
    """
    if text.isascii():
        return _NOT_ASCII_LETTER_OR_DIGIT.sub("", text).lower()
    if _MANY_MARKS.search(text):
        return ""
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", text.casefold())).translate(_WITHOUT_STROKE).casefold()
    letters = (letter for letter in plain if letter.isalnum() or unicodedata.category(letter)[0] == "M")
    return unicodedata.normalize("NFC", "".join(letters))
