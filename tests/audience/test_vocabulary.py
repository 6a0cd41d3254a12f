"""The words for a status, for yes and no, and for a blank cell."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.vocabulary import SUPPRESSED, Status
from mailrith_lite.unicode_forms import letters_and_digits

WORDS = [(word, status) for status in vocabulary.STATUSES for word in vocabulary.words_of(status)]
ENGLISH: dict[Status, list[str]] = {
    "Active": [
        "active",
        "subscribed",
        "enabled",
        "confirmed",
        "opted in",
        "opt-in",
        "opted-in",
        "double opt-in",
        "on",
    ],
    "Unconfirmed": ["unconfirmed", "pending", "validating", "awaiting confirmation", "not confirmed", "unverified"],
    "Unsubscribed": [
        *("unsubscribed", "inactive", "archived", "cancelled", "canceled", "opted out", "opt-out", "opted-out"),
        *("deleted", "removed", "non-subscribed", "never subscribed", "not subscribed", "off", "do not email"),
    ],
    "Bounced": ["bounced", "cleaned", "hard bounce", "hard bounced", "undeliverable", "invalid"],
    "Complained": ["complained", "complaint", "spam", "marked as spam", "abuse", "reported"],
    "Blocked": ["blocked", "blocklisted", "blacklisted", "suppressed", "banned", "disabled"],
}


@pytest.mark.parametrize(("status", "word"), [(status, word) for status in ENGLISH for word in ENGLISH[status]])
def test_english_word_is_a_status(status: Status, word: str) -> None:
    assert vocabulary.status_of(word) == status


@pytest.mark.parametrize("form", [str, str.upper, str.title, "  {}\t".format, "{}.".format, "«{}»".format])
def test_word_is_compared_by_its_letters_ignoring_case(form: type[str]) -> None:
    for word, status in WORDS:
        assert vocabulary.status_of(form(word)) == status, word


def test_each_word_means_one_status() -> None:
    statuses = defaultdict(set)
    for word, status in WORDS:
        statuses[letters_and_digits(word)].add(status)
    assert {word: found for word, found in statuses.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("ON", "Active"),
        ("Opted_Out", "Unsubscribed"),
        ("optedout", "Unsubscribed"),
        ("Nicht best\u00e4tigt", "Unconfirmed"),
        ("nicht besta\u0308tigt", "Unconfirmed"),
        ("DESABONNE", "Unsubscribed"),
        ("wyla\u0328czony", "Blocked"),
        ("wylaczony", "Blocked"),
        ("ｂｏｕｎｃｅｄ", "Bounced"),
    ],
)
def test_accents_and_punctuation_do_not_matter(text: str, status: Status) -> None:
    assert vocabulary.status_of(text) == status


@pytest.mark.parametrize(
    "text", ["", " ", "sleeping", "0", "1", "yes", "no", "null", "ᴀctive", "not", "actives", "active" * 100]
)
def test_other_text_is_no_status(text: str) -> None:
    assert vocabulary.status_of(text) is None


@pytest.mark.parametrize(
    ("statuses", "strictest"),
    [
        (["Active", "Unconfirmed"], "Unconfirmed"),
        (["Unconfirmed", "Unsubscribed", "Active"], "Unsubscribed"),
        (["Bounced", "Unsubscribed"], "Bounced"),
        (["Bounced", "Complained"], "Complained"),
        (["Complained", "Blocked", "Active"], "Blocked"),
        (["Active"], "Active"),
    ],
)
def test_strictest_status_permits_the_least(statuses: list[Status], strictest: Status) -> None:
    assert vocabulary.strictest(statuses) == strictest


@given(st.lists(st.sampled_from(vocabulary.STATUSES), min_size=1))
def test_strictest_status_is_a_suppression_if_one_of_them_is(statuses: list[Status]) -> None:
    assert (vocabulary.strictest(statuses) in SUPPRESSED) == any(status in SUPPRESSED for status in statuses)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("yes y true t on x X 1 Y TRUE ✓ checked ja oui vrai sí si SÍ sim verdadero sì vero waar tak prawda", True),
        ("no n false f off 0 N FALSE unchecked nein falsch non faux não nao falso nee onwaar nie fałsz", False),
        ("2 -1 1.0 maybe yess １x null N/A -", None),
    ],
)
def test_yes_and_no_are_read_in_eight_languages(words: str, answer: bool | None) -> None:
    for word in words.split():
        assert vocabulary.yes_or_no(word) is answer, word
        assert vocabulary.yes_or_no(f" {word}\n") is answer, word


def test_no_word_is_yes_and_no() -> None:
    assert vocabulary.YES_WORDS.isdisjoint(vocabulary.NO_WORDS)


@pytest.mark.parametrize(
    ("text", "blank"),
    [(text, True) for text in ("", " \t\u00a0", "NULL", "null", "\\N", "N/A", "n/a", "#N/A", "-", " - ", " " * 999)]
    + [(text, False) for text in ("None", "nan", "NA", "--", "0", "Null Island", "x" * 999)],
)
def test_words_for_a_blank_cell_are_read(text: str, blank: bool) -> None:
    assert vocabulary.is_blank(text) is blank
