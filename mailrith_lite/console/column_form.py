"""The form of an upload: what each column becomes, answers to questions, and what is for everyone in the file."""

from collections.abc import Mapping as ByKey
from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import FieldType
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.cells import join_list, split_list
from mailrith_lite.console.forms import Fields
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import FORMATS, MappedField, Mapping, as_mappings
from mailrith_lite.imports.uploads import answers
from mailrith_lite.imports.uploads.analysis import Analysis, Answer, Question
from mailrith_lite.imports.uploads.answers import CONSENT_QUESTIONS, Choice

NEW_FIELD = "new-custom-field"
_STATUS = "subscriber-status"
FIELD_TYPES: tuple[FieldType, ...] = get_args(FieldType)


class ColumnChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one column becomes.

    `target`: the type of a field, the public id of a custom field, or "" to leave the column out. `label`,
    `field_type`, `options`: of a new custom field; the options as a list in one text. `format`: "" lets the column
    decide. `given`: the mapping that the page has proposed; its translations count while the target is its own.
    """

    target: str = ""
    label: str = ""
    field_type: str = ""
    options: str = ""
    format: str = ""
    given: Mapping | None = None

    @property
    def translations(self) -> dict[str, str | None]:
        if self.given is None or target_of(self.given.field) != self.target:
            return {}
        return self.given.values or {}


class ColumnForm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`columns`: one for each column of the file. `answers`: the field of a question -> the value of its answer.
    `tags`, `sequences`: public ids."""

    columns: list[ColumnChoice]
    answers: dict[str, str] = {}
    status: str = ""
    tags: list[str] = []
    sequences: list[str] = []
    new_tag: str = ""


def parse(fields: Fields, analysis: Analysis) -> ColumnForm:
    """
    Raises:
        InvalidRequest: the page has not made this form.
    """
    return ColumnForm(
        columns=[_parse_column(fields, place) for place in range(len(analysis.columns))],
        answers={name: value for name, value in fields.items() if name.startswith("answer-")},
        status=fields.get("status", ""),
        tags=fields.getall("tag", []),
        sequences=fields.getall("sequence", []),
        new_tag=fields.get("new_tag", ""),
    )


def _parse_column(fields: Fields, place: int) -> ColumnChoice:
    given = fields.get(f"given-{place}")
    try:
        return ColumnChoice(
            target=fields.get(f"column-{place}", ""),
            label=fields.get(f"label-{place}", ""),
            field_type=fields.get(f"type-{place}", ""),
            options=fields.get(f"options-{place}", ""),
            format=fields.get(f"format-{place}", ""),
            given=None if given is None else msgspec.json.decode(given, type=Mapping),
        )
    except msgspec.MsgspecError:
        raise errors.InvalidRequest("The form cannot be understood; open the page again.") from None


def from_analysis(analysis: Analysis) -> ColumnForm:
    return ColumnForm(columns=[_choice(column.proposal) for column in analysis.columns])


def from_plan(analysis: Analysis, plan: ImportPlan) -> ColumnForm:
    """The form of an import. A column of the plan that the file does not have is dropped."""
    mappings = {mapping.csv_column: mapping for mapping in as_mappings(plan.columns)}
    return ColumnForm(
        columns=[_choice(mappings.get(column.name)) for column in analysis.columns],
        status=plan.options.status or "",
        tags=[ids.encode(ids.TAG, tag_id) for tag_id in plan.tag_ids],
        sequences=[ids.encode(ids.SEQUENCE, sequence_id) for sequence_id in plan.sequence_ids],
        new_tag=plan.new_tag_name or "",
    )


def for_another_file(form: ColumnForm, analysis: Analysis) -> ColumnForm:
    """The form for another file with the same header: it takes over the columns alone.

    Answers, status, tags and sequences belong to the people of one file. So do the columns that say who may be
    written to: they come from the analysis of the other file, with its questions.
    """
    consent = {question.column for question in analysis.questions if question.code in CONSENT_QUESTIONS}
    consent |= {mapping.csv_column for mapping in analysis.proposals if mapping.field.type == _STATUS}
    return ColumnForm(
        columns=[
            _choice(column.proposal) if column.name in consent else choice
            for column, choice in zip(analysis.columns, form.columns, strict=True)
        ]
    )


def _choice(mapping: Mapping | None) -> ColumnChoice:
    if mapping is None:
        return ColumnChoice()
    field = mapping.field
    return ColumnChoice(
        target=target_of(field),
        label=field.label or "",
        field_type=field.custom_field_type or "",
        options=join_list(field.options or []),
        format=mapping.format or "",
        given=mapping if mapping.values else None,
    )


def target_of(field: MappedField) -> str:
    return field.custom_field_id or field.type


def question_field(question: Question, analysis: Analysis) -> str:
    """The name of the question's field: its code, with the position of its column."""
    if question.column is None:
        return f"answer-{question.code}"
    place = next((place for place, one in enumerate(analysis.columns) if one.name == question.column), "")
    return f"answer-{question.code}-{place}"


def open_questions(form: ColumnForm, analysis: Analysis) -> list[Question]:
    """The questions that the choices of the form do not decide, and that have no answer yet."""
    return [
        question
        for question in analysis.questions
        if not _is_decided(question, form, analysis) and _answer(question, form, analysis) is None
    ]


def choose(form: ColumnForm, analysis: Analysis, custom_fields: Sequence[CustomField]) -> Choice:
    """The members of the request that the form means.

    Raises:
        InvalidRequest: the page has not made this form.
    """
    types = {ids.encode(ids.CUSTOM_FIELD, field.id): field.type for field in custom_fields}
    chosen = msgspec.structs.replace(
        analysis,
        columns=[
            msgspec.structs.replace(column, proposal=_mapping(column.name, choice, types))
            for column, choice in zip(analysis.columns, form.columns, strict=True)
        ],
    )
    given = [
        answer
        for question in analysis.questions
        if not _is_decided(question, form, analysis) and (answer := _answer(question, form, analysis)) is not None
    ]
    choice = answers.apply_answers(chosen, given)
    if not form.status:
        return choice
    status = next((status for status in STATUSES if status == form.status), None)
    if status is None:
        raise errors.InvalidRequest("There is no such status.", field="status")
    return msgspec.structs.replace(choice, status=status)


def _is_decided(question: Question, form: ColumnForm, analysis: Analysis) -> bool:
    """Whether the person has decided what the question is about in another way: the status of the whole file, the
    column as the status, or another field for a column whose form is in doubt."""
    if question.code == "file_name_status":
        return bool(form.status)
    for column, choice in zip(analysis.columns, form.columns, strict=True):
        if column.name == question.column:
            proposed = _choice(column.proposal)
            if question.code in CONSENT_QUESTIONS:
                return choice.target == _STATUS != proposed.target
            return (choice.target, choice.format) != (proposed.target, proposed.format)
    return False


def _answer(question: Question, form: ColumnForm, analysis: Analysis) -> Answer | None:
    value = form.answers.get(question_field(question, analysis))
    return next((answer for answer in question.answers if answer.value == value), None)


def _mapping(name: str, choice: ColumnChoice, types: ByKey[str, FieldType]) -> Mapping | None:
    if not choice.target:
        return None
    field: dict[str, Any] = {"type": choice.target}
    if choice.target == NEW_FIELD:
        field |= {"label": choice.label, "custom_field_type": choice.field_type, "options": _options(choice)}
    elif choice.target not in FIELDS:
        field = {"type": "custom-field", "custom_field_id": choice.target}
    formats = FORMATS.get(format_kind(choice, types), ())
    mapping = {
        "csv_column": name,
        "field": field,
        "values": choice.translations or None,
        "format": choice.format if choice.format in formats else None,
    }
    try:
        return msgspec.convert(mapping, Mapping)
    except msgspec.ValidationError:
        raise errors.InvalidRequest("The form cannot be understood; open the page again.") from None


def format_kind(choice: ColumnChoice, types: ByKey[str, FieldType]) -> FieldType | None:
    """`Date` or `Number` where the cells of the column can have several forms. `types`: by public id."""
    if choice.target == NEW_FIELD:
        return next((name for name in FIELD_TYPES if name == choice.field_type), None)
    standard = next((field for field in FIELDS.values() if field.type == choice.target), None)
    return types.get(choice.target) if standard is None else "Date" if standard.moment else None


def _options(choice: ColumnChoice) -> list[str] | None:
    try:
        return split_list(choice.options) or None
    except ValueError as error:
        raise errors.InvalidRequest(f"The options cannot be read: {error}.", field="options") from None
