"""The questions of an analysis: `--answer`, `--map` or `--status` answers them, or a person on the terminal."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import msgspec

from mailrith_lite.cli import output
from mailrith_lite.cli.map_option import MapOption
from mailrith_lite.cli.printing import one_line, print_text
from mailrith_lite.errors import StartError
from mailrith_lite.imports.uploads.analysis import Answer, Question
from mailrith_lite.imports.uploads.answers import CONSENT_QUESTIONS, question_key

_CHANGES_VALUES = frozenset({"date_order", "number_format"})


class GivenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`text`: the value of one `--answer`, which is `CODE[:COLUMN]=VALUE`."""

    text: str

    def value_for(self, question: Question) -> str | None:
        """None when it is about another question. The code alone answers each question with that code."""
        for key in (question_key(question), question.code):
            if self.text.casefold().startswith(f"{key}=".casefold()):
                return self.text[len(key) + 1 :].strip()
        return None


class Unanswered(StartError):
    """Questions have no answer, so nothing is imported."""

    code = "open_questions"

    def __init__(self, questions: Mapping[str, Sequence[Question]]) -> None:
        """`questions`: by the name of their file."""
        count = sum(map(len, questions.values()))
        noun = "question has" if count == 1 else "questions have"
        super().__init__(f"nothing is imported: {count} {noun} no answer; answer with the options above")
        self._questions = questions

    def document(self) -> dict[str, Any]:
        questions = [
            {"file": file, "key": question_key(one), "text": one.text, "answers": one.answers}
            for file, of_file in self._questions.items()
            for one in of_file
        ]
        return super().document() | {"details": {"questions": questions}}


def find_answer(question: Question, given: Sequence[GivenAnswer]) -> Answer | None:
    """The last given answer that the question allows. Another given answer may be for the question of another file.

    Raises:
        StartError: the question allows none of the given answers; the message lists the allowed ones.
    """
    values = [value for one in given if (value := one.value_for(question)) is not None]
    for value in reversed(values):
        for answer in question.answers:
            if answer.value.casefold() == value.casefold():
                return answer
    if not values:
        return None
    known = ", ".join(answer.value for answer in question.answers)
    raise StartError(one_line(f"{question_key(question)} cannot be answered with {values[-1]}; answer {known}"))


def check_all_used(given: Iterable[GivenAnswer], questions: Sequence[Question]) -> None:
    """
    Raises:
        StartError: an answer belongs to no question.
    """
    for one in given:
        if all(one.value_for(question) is None for question in questions):
            keys = ", ".join(question_key(question) for question in questions) or "none"
            raise StartError(one_line(f"no question fits --answer {one.text}; the questions are {keys}"))


def is_decided(question: Question, maps: Sequence[MapOption], status: str | None) -> bool:
    """Whether `--map` or `--status` says what the question asks."""
    if question.code == "file_name_status":
        return status is not None
    if question.code == "no_header":
        return bool(maps)  # a column is named as the header names it
    if question.code == "two_email_columns":
        return any(one.mapping is not None and one.mapping.field.type == "email" for one in maps)
    mine = [one.mapping for one in maps if one.column == question.column]
    if question.code in _CHANGES_VALUES:
        return any(one is None or one.format is not None for one in mine)
    return bool(mine)


def can_ask() -> bool:
    """Whether there is a person at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not output.current().as_json


def ask(question: Question) -> Answer:
    """Asks on the terminal."""
    print_text(question.text)
    for number, answer in enumerate(question.answers, 1):
        print_text(f"  {number}  {answer.label}")
    last = len(question.answers)

    def parse(text: str) -> Answer:
        if text.strip() not in map(str, range(1, last + 1)):
            raise click.UsageError(f"type a number from 1 to {last}")
        return question.answers[int(text) - 1]

    chosen: Answer = click.prompt(f"Answer (1 to {last})", value_proc=parse, err=True)
    return chosen


def default_answer(question: Question) -> Answer | None:
    """What `--yes` takes: never an answer that decides who may be written to or what a value means."""
    if question.code in CONSENT_QUESTIONS | _CHANGES_VALUES:
        return None
    return question.answers[0]


def print_open(file_name: str, questions: Iterable[Question]) -> None:
    """Each question, and the flags that answer it."""
    for question in questions:
        print_text(f"{file_name}: {question.text}")
        for answer in question.answers:
            flag = f'--answer "{question_key(question)}={answer.value}"'
            print_text(f"  {flag}  {answer.label}")
