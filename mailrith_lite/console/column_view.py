"""The columns and questions of a file as their page shows them."""

from collections.abc import Sequence

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import CHOICE_TYPES
from mailrith_lite.console import phrases
from mailrith_lite.console.column_form import (
    FIELD_TYPES,
    ColumnChoice,
    ColumnForm,
    from_analysis,
    open_questions,
    question_field,
)
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.imports import mapping
from mailrith_lite.imports.fields import STANDARD_FIELDS
from mailrith_lite.imports.uploads.analysis import Analysis, AnalyzedColumn, Question
from mailrith_lite.imports.uploads.analysis import Problem as CellProblem
from mailrith_lite.imports.uploads.translations import describe, group_words
from mailrith_lite.pages import formats

MAX_COLUMNS = 250
"""Columns of the page. A wider file shows the ones that it proposes, and the first of the others."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a column can become. `format_kind`: Date or Number where the cells can have several forms, else ""."""

    id: str
    name: str
    custom: bool
    format_kind: str = ""


class FieldTypeView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    format_kind: str
    takes_options: bool


class Format(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str


class ColumnView(msgspec.Struct, frozen=True, kw_only=True):
    """`becomes`: the name of the chosen field. `proposed`: the target of the proposal. `problems`: what the
    proposed field refuses. `question`: the id of the question about the column. `notes`: problems of the form, by
    the id of their field."""

    place: int
    column: AnalyzedColumn
    choice: ColumnChoice
    becomes: str
    proposed: str
    problems: list[str]
    question: str
    given: str
    notes: Problems

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def translation(self) -> str:
        """What the words of the column become; empty without a translation."""
        return describe(group_words(self.choice.translations, self.column.samples))

    @property
    def matters(self) -> bool:
        return bool(self.choice.target or self.question or self.proposed or self.notes)


class ColumnTable(msgspec.Struct, frozen=True, kw_only=True):
    """`first`: the columns that become something, or that a question is about. `left_out`: all others of the page.
    `not_shown`: how many the page leaves out."""

    first: list[ColumnView]
    left_out: list[ColumnView]
    not_shown: int


class QuestionView(msgspec.Struct, frozen=True, kw_only=True):
    """`id`: the name of its field. `chosen`: the value of the answer."""

    id: str
    question: Question
    chosen: str
    open: bool


_FORMAT_KINDS = {"Date": "date", "Number": "number"}
_FORMAT_NAMES = {
    "iso": "2024-01-31",
    "year-first": "2024/1/31",
    "day-first": "31/1/2024, day first",
    "month-first": "1/31/2024, month first",
    "excel": "45322, days as Excel counts them",
    "unix": "1706659200, seconds or milliseconds since 1970",
    "point": "1,234.5 with a point",
    "comma": "1.234,5 with a comma",
}

FORMATS = {
    _FORMAT_KINDS[kind]: [Format(id=name, name=_FORMAT_NAMES[name]) for name in names]
    for kind, names in mapping.FORMATS.items()
    if kind in _FORMAT_KINDS
}
FIELD_TYPE_VIEWS = [
    FieldTypeView(name=name, format_kind=_FORMAT_KINDS.get(name, ""), takes_options=name in CHOICE_TYPES)
    for name in FIELD_TYPES
]


def targets(custom_fields: Sequence[CustomField]) -> list[Target]:
    standard = [
        Target(id=field.type, name=field.label, custom=False, format_kind="date" if field.moment else "")
        for field in STANDARD_FIELDS
    ]
    return standard + [
        Target(
            id=ids.encode(ids.CUSTOM_FIELD, field.id),
            name=field.label,
            custom=True,
            format_kind=_FORMAT_KINDS.get(field.type, ""),
        )
        for field in custom_fields
    ]


def view_columns(
    analysis: Analysis, form: ColumnForm, custom_fields: Sequence[CustomField], problems: Problems
) -> ColumnTable:
    proposals = from_analysis(analysis)
    types = {ids.encode(ids.CUSTOM_FIELD, field.id): field.type for field in custom_fields}
    names = {target.id: target.name for target in targets(custom_fields)}
    questions = {question.column: question_field(question, analysis) for question in analysis.questions}
    cell_problems: dict[str, list[CellProblem]] = {}
    for problem in analysis.problems:
        cell_problems.setdefault(problem.column, []).append(problem)
    views: list[ColumnView] = []
    for place, (column, choice, proposal) in enumerate(
        zip(analysis.columns, form.columns, proposals.columns, strict=True)
    ):
        views.append(
            ColumnView(
                place=place,
                column=column,
                choice=choice,
                becomes=choice.label or names.get(choice.target, ""),
                proposed=proposal.target,
                problems=[
                    _describe(problem, column, proposal.field_type or types.get(proposal.target, ""))
                    for problem in cell_problems.get(column.name, ())
                ],
                question=questions.get(column.name, "") if column.name else "",
                given=msgspec.json.encode(choice.given).decode() if choice.given else "",
                notes=_notes(problems, place),
            )
        )
    first = [view for view in views if view.matters]
    left_out = [view for view in views if not view.matters]
    shown = max(0, MAX_COLUMNS - len(first))
    return ColumnTable(first=first, left_out=left_out[:shown], not_shown=len(left_out[shown:]))


def view_questions(analysis: Analysis, form: ColumnForm) -> list[QuestionView]:
    unanswered = open_questions(form, analysis)
    return [
        QuestionView(
            id=(field := question_field(question, analysis)),
            question=question,
            chosen=form.answers.get(field, ""),
            open=question in unanswered,
        )
        for question in analysis.questions
    ]


def _describe(problem: CellProblem, column: AnalyzedColumn, field_type: str) -> str:
    """`12 of 5,000 cannot be read as a date: “09/19”`"""
    if problem.code == "missing_email":
        return f"{formats.plural(problem.count, 'row')} without an email"
    if problem.code == "value_too_long":
        return f"{problem.count:,} of {column.filled:,} too long: “{problem.sample}”"
    what = phrases.expected(problem.code, field_type)
    return f"{problem.count:,} of {column.filled:,} cannot be read as {what}: “{problem.sample}”"


def _notes(problems: Problems, place: int) -> Problems:
    ids_of_row = {f"{kind}-{place}" for kind in ("column", "label", "type", "options", "format")}
    return {name: text for name, text in problems.items() if name in ids_of_row}
