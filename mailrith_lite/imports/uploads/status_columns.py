"""Which columns of a file become the status, and which of them a person must be asked about."""

from collections.abc import Iterable
from typing import Final

import msgspec

from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports.uploads import consent_names, field_names
from mailrith_lite.imports.uploads.column_facts import ColumnFacts
from mailrith_lite.imports.uploads.sources.source import Words, YesNo

Translation = dict[str, Status | None]
_USUAL: Final = ("yes", "no", "y", "n", "true", "false", "t", "f", "1", "0", "on", "off")
"""Always translated, so that a later file of the same tool can be read in the same way."""


class StatusColumn(msgspec.Struct, frozen=True, kw_only=True):
    """`values`: the translation of the cells. `open`: a person must say what the column means; it is not mapped
    until then. `blank_is_open`: all filled cells say yes, and a person must say what the blank ones mean."""

    values: Translation = {}
    open: bool = False
    blank_is_open: bool = False
    reason: str


def by_source(meaning: YesNo | Words, column: ColumnFacts) -> Translation:
    """The translation of a column whose meaning is known."""
    if isinstance(meaning, Words):
        return dict(meaning.meanings)
    words = [word.lower() for word in column.words or () if vocabulary.yes_or_no(word) is not None]
    return {
        word: meaning.yes if vocabulary.yes_or_no(word) else meaning.no for word in dict.fromkeys((*_USUAL, *words))
    }


def find_status(column: ColumnFacts, row_count: int) -> StatusColumn | None:
    """None for a column that says nothing about consent."""
    if consent_names.is_other_channel(column.name):
        return None
    if not column.filled:
        named = field_names.type_of(column.name) == "subscriber-status"
        return StatusColumn(reason="Its name says so.") if named else None
    words = None if column.words is None else [word for word in column.words if not vocabulary.is_blank(word)]
    if consent_names.has_details(column.name):
        return _find_departure(column, words)
    meaning = consent_names.yes_no_meaning(column.name)
    if words is not None and meaning is not None and all(map(_is_known, words)):
        says_yes = all(map(vocabulary.yes_or_no, words))
        return StatusColumn(
            values=by_source(meaning, column)
            if any(vocabulary.yes_or_no(word) is not None for word in words)
            else {},
            blank_is_open=says_yes and meaning.no is not None and column.filled < row_count,
            reason="Its name and its cells say who may be written to.",
        )
    if field_names.type_of(column.name) == "subscriber-status":
        return _find_named_status(words)
    if words and _are_statuses(words) and any(map(consent_names.is_strong_word, words)):
        return StatusColumn(reason="Its cells are statuses.")
    if consent_names.looks_like_consent(column.name) and not _is_sign_up(column):
        return StatusColumn(open=True, reason="Its name is about consent, and its cells are not known.")
    if words and any(map(consent_names.is_strong_word, words)) and column.longest <= vocabulary.MAX_WORD:
        return StatusColumn(open=True, reason="Some of its cells are about consent_names.")
    return None


def _find_departure(column: ColumnFacts, words: Iterable[str] | None) -> StatusColumn | None:
    """A column such as `Unsubscribed at`: a filled cell says that the person has left."""
    if not consent_names.means_left(column.name):
        return None
    return StatusColumn(open=True, reason="A filled cell seems to say that the person has left.")


def _find_named_status(words: list[str] | None) -> StatusColumn | None:
    if words and any(vocabulary.status_of(word) is not None for word in words):
        return StatusColumn(reason="Its name says so, and its cells are statuses.")
    return StatusColumn(open=True, reason="Its name is that of a status, and its cells are not known.")


def _is_sign_up(column: ColumnFacts) -> bool:
    """A column such as `Subscribed` that has dates."""
    return field_names.type_of(column.name) == "subscribed-at" and column.words is None


def _is_known(word: str) -> bool:
    return vocabulary.yes_or_no(word) is not None or vocabulary.status_of(word) is not None


def _are_statuses(words: Iterable[str]) -> bool:
    return all(vocabulary.status_of(word) is not None for word in words)
