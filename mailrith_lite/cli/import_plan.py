"""What to import from a file and how: the proposals of its analysis, changed by the options of the command."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mailrith_lite.cli import open_questions, understanding
from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.input_files import InputFile
from mailrith_lite.cli.map_option import MapOption, custom_field_labels, parse_map
from mailrith_lite.cli.open_questions import GivenAnswer, Unanswered
from mailrith_lite.cli.printing import one_line, print_note
from mailrith_lite.cli.send_file import Upload, upload
from mailrith_lite.errors import StartError
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.imports.uploads.analysis import Answer, Question
from mailrith_lite.imports.uploads.answers import Choice, apply_answers, in_column_order, question_key


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command. `maps`: the values of `--map`. `yes`: ask nothing on the terminal."""

    maps: Sequence[str] = ()
    answers: Sequence[GivenAnswer] = ()
    status: str | None = None
    yes: bool = False


class FilePlan(msgspec.Struct, frozen=True, kw_only=True):
    """`members`: all members of the import request but its source. `open`: the questions without an answer."""

    file: InputFile
    upload: Upload
    members: dict[str, Any]
    open: list[Question]


async def plan_files(client: ApiClient, files: Sequence[InputFile], wishes: Wishes) -> list[FilePlan]:
    """Sends each file and decides what to import from it; nothing is imported yet.

    Raises:
        Unreachable, Refused
        Unanswered
        StartError: an option does not fit, or no column is the email.
    """
    labels = await custom_field_labels(client)
    uploads = [await upload(client, file) for file in files]
    questions = [question for one in uploads for question in one.analysis.questions]
    open_questions.check_all_used(wishes.answers, questions)
    plans = [_plan(file, one, wishes, labels) for file, one in zip(files, uploads, strict=True)]
    unanswered = [plan for plan in plans if plan.open]
    for plan in unanswered:
        open_questions.print_open(plan.file.name, plan.open)
    if unanswered:
        raise Unanswered({plan.file.name: plan.open for plan in unanswered})
    return plans


def _plan(file: InputFile, sent: Upload, wishes: Wishes, labels: Mapping[str, str]) -> FilePlan:
    analysis = sent.analysis
    maps = [parse_map(text, (column.name for column in analysis.columns), labels) for text in wishes.maps]
    understanding.print_form(file.name, analysis, sent.row_count)
    answers, unanswered = _answers(analysis.questions, maps, wishes)
    choice = apply_answers(analysis, answers)
    mappings = in_column_order(analysis, _with_maps(choice.mappings, maps))
    understanding.print_mappings(analysis, mappings, labels)
    understanding.print_problems(
        analysis, [one for one in analysis.problems if not any(wish.column == one.column for wish in maps)]
    )
    if not unanswered and not any(FIELDS[mapping.field.type].required for mapping in mappings):
        columns = ", ".join(column.name for column in analysis.columns)
        raise StartError(
            one_line(f'no column of {file.name} is the email; say which with --map "COLUMN=email": {columns}')
        )
    return FilePlan(file=file, upload=sent, members=_members(choice, mappings, wishes), open=unanswered)


def _answers(
    questions: Sequence[Question], maps: Sequence[MapOption], wishes: Wishes
) -> tuple[list[Answer], list[Question]]:
    """The answers, and the questions that have none."""
    answers: list[Answer] = []
    unanswered: list[Question] = []
    for question in questions:
        answer = open_questions.find_answer(question, wishes.answers)
        if answer is None and open_questions.is_decided(question, maps, wishes.status):
            continue
        if answer is None and wishes.yes:
            answer = open_questions.default_answer(question)
        elif answer is None and open_questions.can_ask():
            answer = open_questions.ask(question)
        if answer is None:
            unanswered.append(question)
            continue
        answers.append(answer)
        print_note(f"{question_key(question)}: {answer.label}")
    return answers, unanswered


def _with_maps(mappings: Sequence[ColumnMapping], maps: Sequence[MapOption]) -> dict[str, ColumnMapping]:
    """By column. A `--map` takes its field away from the column that was proposed for it.

    Raises:
        StartError: two options map one column.
    """
    by_column = {mapping.csv_column: mapping for mapping in mappings}
    columns = [one.column for one in maps]
    if twice := next((name for name in columns if columns.count(name) > 1), None):
        raise StartError(one_line(f"--map names the column {twice} twice"))
    for one in maps:
        by_column.pop(one.column, None)
    chosen = {one.column: one.mapping for one in maps if one.mapping is not None}
    taken = [mapping.field for mapping in chosen.values() if not FIELDS[mapping.field.type].several]
    return {name: mapping for name, mapping in by_column.items() if mapping.field not in taken} | chosen


def _members(choice: Choice, mappings: Sequence[ColumnMapping], wishes: Wishes) -> dict[str, Any]:
    members = choice.members | {"mappings": mappings}
    return members if wishes.status is None else members | {"status": wishes.status}
