"""How `describe` says in a few words which status or change each word of a column stands for."""

import pytest

from mailrith_lite.imports.uploads.translations import describe, group_words

YES_NO: dict[str, str | None] = {
    "yes": None,
    "no": "Unsubscribed",
    "y": None,
    "n": "Unsubscribed",
    "1": None,
    "0": "Unsubscribed",
    "ja": None,
    "nein": "Unsubscribed",
}


@pytest.mark.parametrize(
    ("values", "samples", "text"),
    [
        ({"ja": None}, [], "“ja” changes nothing"),
        ({"out": "Blocked", "": None}, [], "“out” becomes Blocked; blank changes nothing"),
        ({"a": "Active", "b": "Active", "c": "Bounced"}, [], "“a”, “b” become Active; “c” becomes Bounced"),
        ({"NULL": None, "*": "Unsubscribed"}, [], "every other cell becomes Unsubscribed; “NULL” changes nothing"),
        (YES_NO, [], "“no”, “n”, “0”, … become Unsubscribed; “yes”, “y”, “1”, … change nothing"),
        (YES_NO, ["JA", "Nein"], "“nein”, “no”, “n”, … become Unsubscribed; “ja”, “yes”, “y”, … change nothing"),
        ({}, ["ja"], ""),
    ],
)
def test_translation_lists_the_words_of_the_column_first(
    values: dict[str, str | None], samples: list[str], text: str
) -> None:
    assert describe(group_words(values, samples)) == text
