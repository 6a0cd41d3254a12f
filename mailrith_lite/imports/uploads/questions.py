"""What a person must decide before an import, and what each answer means for the request."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports.mapping import MappedField, Mapping
from mailrith_lite.imports.uploads import consent_names, field_names
from mailrith_lite.imports.uploads.column_facts import ColumnFacts
from mailrith_lite.imports.uploads.proposals import Proposals, value_kind
from mailrith_lite.imports.uploads.sources.source import Source
from mailrith_lite.imports.uploads.survey import FileFacts
from mailrith_lite.unicode_forms import letters_and_digits

QuestionCode = Literal[
    "consent_column",
    "file_name_status",
    "date_order",
    "number_format",
    "no_header",
    "two_email_columns",
    "mixed_encoding",
    "several_files",
]
IGNORE: Final = "ignore"
_CHOICES: Final = 6
"""A column with more different words is not asked about word by word."""
_STATUS: Final = MappedField(type="subscriber-status")


class ImportPiece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Members of an import request. A mapping replaces the proposal of its column, or is added to the proposals.

    `leave_out`: the column whose proposal is removed. With `header`, `mappings` replace all proposals.
    """

    mappings: list[Mapping] = []
    status: Status | None = None
    encoding: str | None = None
    file: str | None = None
    header: bool | None = None
    leave_out: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`label`: for people. `value`: names the answer on the command line. `request`: what it means."""

    label: str
    value: str
    request: ImportPiece


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a person must decide before an import. `column`: None for a question about the whole file."""

    code: QuestionCode
    column: str | None = None
    text: str
    answers: list[Answer]


def find_questions(
    facts: FileFacts, proposals: Proposals, source: Source | None, fields: Sequence[CustomField], file_name: str
) -> list[Question]:
    return [
        *_about_file_status(facts, proposals, source, file_name),
        *_about_header(facts, proposals, source),
        *_about_emails(proposals),
        *_about_formats(facts, proposals, fields),
        *_about_consent(facts, proposals),
    ]


def _about_file_status(
    facts: FileFacts, proposals: Proposals, source: Source | None, file_name: str
) -> Iterable[Question]:
    """When the name of the file, or a column that only such files have, says a status, and some row has none."""
    status, reason = consent_names.status_of_file(file_name), f"The name of the file, {file_name},"
    if source is not None:
        keys = {letters_and_digits(column.name): column.name for column in facts.columns}
        for name, meaning in source.status_by.items():
            if status is None and letters_and_digits(name) in keys:
                status, reason = meaning, f"The column {keys[letters_and_digits(name)]}"
    filled = (
        column.filled == facts.row_count
        for column in facts.columns
        if (proposal := proposals.by_column.get(column.name)) is not None
        and proposal.mapping.field.type == "subscriber-status"
        and not proposal.mapping.values
    )
    if status is None or (facts.row_count and any(filled)):
        return
    yield Question(
        code="file_name_status",
        text=f"{reason} says that these people are {status}. Are they?",
        answers=[
            Answer(label=f"Yes, all of them are {status}", value=status, request=ImportPiece(status=status)),
            Answer(label="No, the name says nothing about them", value=IGNORE, request=ImportPiece()),
        ],
    )


def _about_header(facts: FileFacts, proposals: Proposals, source: Source | None) -> Iterable[Question]:
    """A header that has no known name at all may be a row."""
    names = [column.name for column in facts.columns]
    emails = [index for index, name in enumerate(names) if _is_email(proposals, name)]
    if source is not None or facts.header_line is None or not emails or proposals.email_columns:
        return
    if not facts.columns[emails[0]].emails.count:
        return
    if any(
        field_names.type_of(name) or "mail" in name.casefold() or consent_names.looks_like_consent(name)
        for name in names
    ):
        return
    if len(proposals.by_column) > 1:
        return
    email = Mapping(csv_column=f"Column {emails[0] + 1}", field=MappedField(type="email"))
    yield Question(
        code="no_header",
        text=f"Is the line {', '.join(names[:5])} the header of the file, or the first person?",
        answers=[
            Answer(label="It is the header", value="header", request=ImportPiece()),
            Answer(
                label="It is the first person",
                value="row",
                request=ImportPiece(header=False, mappings=[email]),
            ),
        ],
    )


def _is_email(proposals: Proposals, name: str) -> bool:
    proposal = proposals.by_column.get(name)
    return proposal is not None and proposal.mapping.field.type == "email"


def _about_emails(proposals: Proposals) -> Iterable[Question]:
    if not proposals.email_columns:
        return
    proposed = proposals.email_columns[0]
    yield Question(
        code="two_email_columns",
        text="Several columns have email addresses. Which one is the address to write to?",
        answers=[
            Answer(
                label=name,
                value=name,
                request=ImportPiece()
                if name == proposed
                else ImportPiece(
                    mappings=[Mapping(csv_column=name, field=MappedField(type="email"))], leave_out=proposed
                ),
            )
            for name in proposals.email_columns
        ],
    )


def _about_formats(facts: FileFacts, proposals: Proposals, fields: Sequence[CustomField]) -> Iterable[Question]:
    """Dates such as 01/05/2024, and numbers such as 1,234, that all cells of a column leave open."""
    for column in facts.columns:
        proposal = proposals.by_column.get(column.name)
        if proposal is None or proposal.mapping.format is not None:
            continue
        kind = value_kind(proposal.mapping, fields)
        undecided = {"date": column.dates.undecided, "number": column.numbers.undecided, None: None}[kind]
        if undecided is not None:
            yield Question(
                code="date_order" if kind == "date" else "number_format",
                column=column.name,
                text=f"How is {undecided.cell} in the column {column.name} meant?",
                answers=[
                    Answer(
                        label=f"As {reading.value} ({reading.format.replace('-', ' ')})",
                        value=reading.format,
                        request=ImportPiece(
                            mappings=[msgspec.structs.replace(proposal.mapping, format=reading.format)]
                        ),
                    )
                    for reading in (undecided.first, undecided.second)
                ],
            )


def _about_consent(facts: FileFacts, proposals: Proposals) -> Iterable[Question]:
    for column in facts.columns:
        status = proposals.status_columns.get(column.name)
        if status is not None and status.open:
            yield Question(
                code="consent_column",
                column=column.name,
                text=f"The column {column.name} seems to say who may be written to. What does it mean?",
                answers=[
                    *(_known_meaning(column, status.values) if status.values else _possible_meanings(column)),
                    Answer(
                        label="It says nothing about who may be written to",
                        value=IGNORE,
                        request=ImportPiece(),
                    ),
                ],
            )
        elif status is not None and status.blank_is_open:
            yield _about_blank(column, status.values)


def _known_meaning(column: ColumnFacts, values: dict[str, Status | None]) -> Sequence[Answer]:
    return [
        Answer(
            label="It is the status of each person",
            value="status",
            request=_status_piece(column, {str(word): status for word, status in values.items()}),
        )
    ]


def _possible_meanings(column: ColumnFacts) -> list[Answer]:
    """One for each word that can be the yes, and then one in which every filled cell is a no."""
    words = [word for word in column.words or () if not vocabulary.is_blank(word)]
    answers = []
    if consent_names.has_details(column.name):
        words_that_allow: list[str] = []
    else:
        words_that_allow = words if len(words) <= _CHOICES else []
    for yes in words_that_allow:
        values: dict[str, str | None] = {word: None if word == yes else "Unsubscribed" for word in words}
        answers.append(
            Answer(label=f'Only "{yes}" may be written to', value=yes, request=_status_piece(column, values))
        )
    if words:
        values = dict.fromkeys(words, "Unsubscribed")
        label = "Nobody with a filled cell may be written to"
        answers.append(Answer(label=label, value="filled", request=_status_piece(column, values)))
    else:
        label = "Nobody in this file may be written to"
        answers.append(Answer(label=label, value="nobody", request=ImportPiece(status="Unsubscribed")))
    return answers


def _about_blank(column: ColumnFacts, values: dict[str, Status | None]) -> Question:
    translation: dict[str, str | None] = {
        word: "Active" if vocabulary.yes_or_no(word) else status for word, status in values.items()
    }
    return Question(
        code="consent_column",
        column=column.name,
        text=f"The column {column.name} says yes for {column.filled:,} people and nothing for the others. "
        "May the others be written to?",
        answers=[
            Answer(
                label="No, only those with a yes",
                value="no",
                request=ImportPiece(
                    status="Unsubscribed",
                    mappings=[Mapping(csv_column=column.name, field=_STATUS, values=translation)],
                ),
            ),
            Answer(label="Yes, a blank cell says nothing", value="yes", request=ImportPiece()),
        ],
    )


def _status_piece(column: ColumnFacts, values: dict[str, str | None]) -> ImportPiece:
    return ImportPiece(mappings=[Mapping(csv_column=column.name, field=_STATUS, values=values)])
