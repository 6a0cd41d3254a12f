"""Which columns of a file become the status, and which of them a person must be asked about."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports import column_names
from mailrith_lite.imports.uploads import consent_names, field_names, leaving
from mailrith_lite.imports.uploads.column_facts import ColumnFacts
from mailrith_lite.imports.uploads.sources.source import Words, YesNo
from mailrith_lite.unicode_forms import fold, letters_and_digits

Translation = dict[str, Status | None]
_USUAL: Final = ("yes", "no", "y", "n", "true", "false", "t", "f", "1", "0", "on", "off")
"""Always translated, so that a later file of the same tool can be read in the same way."""


class StatusColumn(msgspec.Struct, frozen=True, kw_only=True):
    """`values`: the translation of the cells. `open`: a person must say what the column means; it is not mapped
    until then. `known`: the values are what it means if it is the status. `blank`: all filled cells say yes, and a
    person must say whether the blank ones mean this status. `left`: a filled cell gives the person this status.
    """

    values: Translation = {}
    open: bool = False
    known: bool = False
    blank: Status | None = None
    left: Status | None = None
    reason: str


_OPT_IN: Final = "optin"
"""Of the names of sign-up times, those with it are about consent: `Opt-in date`, and not `Subscribed at`."""
UNKNOWN_WORDS: Final = StatusColumn(open=True, reason="Its name is about consent, and its cells are not known.")
_UNCLEAR: Final = StatusColumn(open=True, reason="Its name and its cells may say who may be written to.")


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
    name = column.name
    if not column.filled:
        named = field_names.type_of(name) == "subscriber-status"
        return StatusColumn(reason="Its name says so.") if named else None
    if consent_names.is_other_channel(name) or consent_names.is_identifier(name):
        return None
    words = _words(column)
    if words == []:
        return None
    meaning = consent_names.yes_no_meaning(name)
    if words is not None and meaning is not None and all(map(_is_known, words)):
        return _find_yes_no(column, meaning, words, row_count)
    if meaning is not None and meaning.no is not None and _is_dates(column) and not column.dates.refused:
        return _find_partial(column, meaning, row_count)
    if consent_names.has_details(name) and not _says_yes_or_no(words):
        return _find_detail(column, words, row_count)
    if field_names.type_of(name) == "subscriber-status":
        return _find_named_status(column, words)
    if words is not None and _are_statuses(words) and any(map(consent_names.is_strong_word, words)):
        return StatusColumn(reason="Its cells are statuses.")
    return _find_question(column, words)


def has_strange_words(column: ColumnFacts) -> bool:
    """Whether most of the filled cells are neither yes nor no nor a status."""
    known = sum(
        count for word, count in (column.words or {}).items() if vocabulary.is_blank(word) or _is_known(word)
    )
    return 2 * known < column.filled


def _find_yes_no(column: ColumnFacts, meaning: YesNo, words: Sequence[str], row_count: int) -> StatusColumn:
    has_yes_or_no = any(vocabulary.yes_or_no(word) is not None for word in words)
    return StatusColumn(
        values=by_source(meaning, column) if has_yes_or_no else {},
        blank=blank_status(meaning, column, row_count),
        reason="Its name and its cells say who may be written to.",
    )


def blank_status(meaning: YesNo, column: ColumnFacts, row_count: int) -> Status | None:
    """What the blank cells of an opt-in can mean, if it has a yes for some and a no for nobody."""
    words = _words(column)
    if not words or not all(map(vocabulary.yes_or_no, words)):
        return None
    return meaning.no if _count_filled(column) < row_count else None


def _count_filled(column: ColumnFacts) -> int:
    """Without cells such as N/A."""
    return sum(count for word, count in (column.words or {}).items() if not vocabulary.is_blank(word))


def count_left(column: ColumnFacts) -> int:
    """How many people a status column calls unsubscribed or the like; `inactive` may mean an account."""
    return sum(
        count
        for word, count in (column.words or {}).items()
        if consent_names.is_strong_word(word) and vocabulary.status_of(word) in vocabulary.SUPPRESSED
    )


def find_left_cells(column: ColumnFacts) -> StatusColumn | None:
    """Of a column that means something else, such as tags: only its cells count."""
    return _says_left(column, _words(column))


def statuses_of(column: ColumnFacts, values: Mapping[str, str | None]) -> dict[str, Status | None]:
    """Each different cell of a status column -> what it says. `values`: its translation."""
    folded = {fold(word): status for word, status in values.items()}
    return {word: vocabulary.status_of(folded.get(fold(word), word) or "") for word in _words(column) or ()}


def blank_beside_active(column: ColumnFacts, values: Mapping[str, str | None], row_count: int) -> Status | None:
    """What the blank cells of a status column can mean if each filled cell allows emails."""
    statuses = statuses_of(column, values).values()
    if not statuses or not {None, "Active"}.issuperset(statuses):
        return None
    return "Unsubscribed" if _count_filled(column) < row_count else None


def _find_detail(column: ColumnFacts, words: Sequence[str] | None, row_count: int) -> StatusColumn | None:
    """A column such as `Unsubscribed at`: a filled cell says that the person has left."""
    if consent_names.means_left(column.name):
        return departure(consent_names.status_of_detail(column.name))
    if consent_names.may_be_consent(column.name) and any(map(consent_names.refuses, words or ())):
        return _UNCLEAR
    meaning = consent_names.meaning_of_detail(column.name)
    return _says_left(column, words) or _find_partial(column, meaning, row_count)


def _find_partial(column: ColumnFacts, meaning: YesNo | None, row_count: int) -> StatusColumn | None:
    """A column such as `Confirmed at` or `Opt-in date`, with a date for some people only. `meaning`: of a yes."""
    if meaning is None or meaning.no is None or column.filled == row_count or not _is_dates(column):
        return None
    if field_names.type_of(column.name) is not None and _OPT_IN not in letters_and_digits(column.name):
        return None
    return StatusColumn(open=True, blank=meaning.no, reason="It has a date for some people only.")


def departure(status: Status) -> StatusColumn:
    """A filled cell seems to mean this status."""
    return StatusColumn(open=True, left=status, reason="A filled cell seems to say that the person has left.")


def _find_named_status(column: ColumnFacts, words: Sequence[str] | None) -> StatusColumn | None:
    """Most of the people must have a known status: a column of `valid` and `invalid` is not a status."""
    known = sum(
        count
        for word, count in (column.words or {}).items()
        if word in (words or ()) and vocabulary.status_of(word)
    )
    if 2 * known >= column.filled:
        return StatusColumn(reason="Its name says so, and its cells are statuses.")
    return StatusColumn(open=True, reason="Its name is that of a status, and its cells are not known.")


def _find_question(column: ColumnFacts, words: Sequence[str] | None) -> StatusColumn | None:
    """A person must say what the column means, if its name or its cells may be about consent."""
    name = column.name
    if _is_sign_up(column):
        return _UNCLEAR if consent_names.refuses(column.dates.refused) else _says_left(column, words)
    if _is_dates(column) and consent_names.means_left(name):
        return departure(consent_names.status_of_detail(column.name))
    if consent_names.looks_like_consent(name):
        return UNKNOWN_WORDS
    if words is not None and consent_names.is_state(name) and _has_suppressed(words) and _are_statuses(words):
        return StatusColumn(open=True, known=True, reason="Its cells look like statuses.")
    if column_names.is_made_up(name) and words is not None and _says_yes_or_no(words):
        return _UNCLEAR
    if consent_names.may_be_consent(name) and (
        _says_yes_or_no(words)
        or any(map(consent_names.refuses, words or ()))
        or (words is None and _begins_with_yes_or_no(column))
        or _is_dates(column)
    ):
        return _UNCLEAR
    if words and any(map(consent_names.is_strong_word, words)):
        return StatusColumn(open=True, reason="Some of its cells are about consent.")
    return _says_left(column, words)


def _says_left(column: ColumnFacts, words: Sequence[str] | None) -> StatusColumn | None:
    """Whatever the column is called, a cell can say that a person has left."""
    if column.left or any(map(leaving.cell_says_left, words or ())):
        return StatusColumn(open=True, reason="Some of its cells seem to say that the person has left.")
    return None


def _words(column: ColumnFacts) -> list[str] | None:
    """The different cells, without those such as N/A; None if there are too many."""
    return None if column.words is None else [word for word in column.words if not vocabulary.is_blank(word)]


def _is_sign_up(column: ColumnFacts) -> bool:
    """A column such as `Subscribed` that has dates."""
    return field_names.type_of(column.name) == "subscribed-at" and _is_dates(column)


def _is_dates(column: ColumnFacts) -> bool:
    return column.dates.count * 2 >= column.filled and column.plain_numbers * 2 < column.filled


def _says_yes_or_no(words: Iterable[str] | None) -> bool:
    return words is not None and all(vocabulary.yes_or_no(word) is not None for word in words)


def _begins_with_yes_or_no(column: ColumnFacts) -> bool:
    """Whether a column of many different texts, and not of numbers, has an answer among the first."""
    return column.plain_numbers * 2 < column.filled and any(
        vocabulary.yes_or_no(cell) is not None or consent_names.refuses(cell) for cell in column.samples
    )


def _is_known(word: str) -> bool:
    return vocabulary.yes_or_no(word) is not None or vocabulary.status_of(word) is not None


def _are_statuses(words: Iterable[str]) -> bool:
    return all(vocabulary.status_of(word) is not None for word in words)


def _has_suppressed(words: Iterable[str]) -> bool:
    return any(vocabulary.status_of(word) in vocabulary.SUPPRESSED for word in words)
