"""What a person must decide before an import, and what each answer means for the request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.mapping import OTHER_CELLS, MappedField
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.imports.uploads import consent_names, field_names, file_names, leaving, status_columns
from mailrith_lite.imports.uploads.column_facts import ColumnFacts
from mailrith_lite.imports.uploads.proposals import Proposals, value_kind
from mailrith_lite.imports.uploads.sources.source import Source
from mailrith_lite.imports.uploads.status_columns import StatusColumn
from mailrith_lite.imports.uploads.survey import FileFacts
from mailrith_lite.unicode_forms import fold, letters_and_digits

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
_NEVER: Final = ("0000-00-00", "0000-00-00 00:00:00", "0", "no", "false", "never", "none", "[]")
"""What tools write in a column such as `Unsubscribed at` for somebody who has not left."""
_STATUS: Final = MappedField(type="subscriber-status")


class ImportPiece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The members of an import request that an answer decides.

    `mappings`: each replaces the proposal of its column, or is added to the proposals. If `header` is set, they
    replace all proposals. `leave_out`: the column whose proposal is removed.
    """

    mappings: list[ColumnMapping] = []
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
    status, reason = file_names.status_of_file(file_name), f"The name of the file, {file_name},"
    if source is not None:
        columns = {letters_and_digits(column.name): column for column in facts.columns}
        for name, meaning in source.status_by.items():
            column = columns.get(letters_and_digits(name))
            if status is None and column is not None and column.filled in (0, facts.row_count):
                status, reason = meaning, f"The column {column.name}"
    statuses = [(column, values) for column in facts.columns if (values := _statuses(column, proposals))]
    if status is None or any(_decides(column, values, facts.row_count) for column, values in statuses):
        return
    stricter = [
        _status_piece(column, {word: vocabulary.at_least(meaning, status) for word, meaning in values.items()})
        for column, values in statuses
    ]
    yield Question(
        code="file_name_status",
        text=f"{reason} says that these people are {status}. Are they?",
        answers=[
            Answer(
                label=f"Yes, all of them are {status}",
                value=status,
                request=ImportPiece(status=status, mappings=[one for piece in stricter for one in piece.mappings]),
            ),
            Answer(label="No, the name says nothing about them", value=IGNORE, request=ImportPiece()),
        ],
    )


def _statuses(column: ColumnFacts, proposals: Proposals) -> dict[str, Status | None]:
    """Each cell of a column that is proposed as the status -> what it says."""
    proposal = proposals.by_column.get(column.name)
    if proposal is None or proposal.mapping.field.type != "subscriber-status":
        return {}
    values = proposal.mapping.values or {}
    translated = {word: vocabulary.status_of(meaning or "") for word, meaning in values.items()}
    return translated | status_columns.statuses_of(column, values)


def _decides(column: ColumnFacts, values: Mapping[str, Status | None], row_count: int) -> bool:
    """Whether the column has a status for each person, and says of some that they have left."""
    statuses = {values[word] for word in column.words or () if word in values}
    return column.filled == row_count and None not in statuses and not statuses.isdisjoint(vocabulary.SUPPRESSED)


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
    email = ColumnMapping(csv_column=f"Column {emails[0] + 1}", field=MappedField(type="email"))
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
                    mappings=[ColumnMapping(csv_column=name, field=MappedField(type="email"))], leave_out=proposed
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
                text=_consent_text(column, status),
                answers=[
                    *_meanings(column, status),
                    _says_nothing(column, proposals),
                ],
            )
        elif status is not None and status.blank is not None:
            yield _about_blank(column, status.values, status.blank)


def _says_nothing(column: ColumnFacts, proposals: Proposals) -> Answer:
    """With this answer, a column such as `Opt-in date` becomes the date field of its name, if that is free."""
    named = field_names.type_of(column.name)
    mapped = {proposal.mapping.field.type for proposal in proposals.by_column.values()}
    mappings = []
    if named is not None and FIELDS[named].moment and named not in mapped:
        mappings = [ColumnMapping(csv_column=column.name, field=MappedField(type=named))]
    return Answer(
        label="It says nothing about who may be written to", value=IGNORE, request=ImportPiece(mappings=mappings)
    )


def _consent_text(column: ColumnFacts, status: StatusColumn) -> str:
    if status.left is not None:
        people = "1 person is" if column.filled == 1 else f"{column.filled:,} people are"
        return f"The column {column.name} seems to say that {people} {status.left}. May they be written to?"
    cells = [*column.left, *(word for word in column.words or () if leaving.cell_says_left(word))][:_CHOICES]
    some = f", for example {', '.join(cells)}" if cells else ""
    return f"The column {column.name} seems to say who may be written to{some}. What does it mean?"


def _meanings(column: ColumnFacts, status: StatusColumn) -> Iterable[Answer]:
    if status.known:
        yield _as_status(column, "It is the status of each person", dict(status.values))
    elif status.blank is not None:
        yield Answer(
            label=f"Everybody with a blank cell is {status.blank}",
            value="blank",
            request=ImportPiece(
                status=status.blank,
                mappings=_status_piece(column, {**dict.fromkeys(_NEVER), OTHER_CELLS: "Active"}).mappings,
            ),
        )
    elif status.left is not None:
        yield _left(column, status.left)
    else:
        yield from _possible_meanings(column)


def _possible_meanings(column: ColumnFacts) -> Iterable[Answer]:
    """The known words are statuses; then one for each word that can be a yes; then that a filled cell is a no."""
    words = {fold(word): word for word in column.words or () if not vocabulary.is_blank(word)}
    statuses = {key: vocabulary.status_of(key) for key in words}
    left = [key for key, status in statuses.items() if status in vocabulary.SUPPRESSED]
    if left and len(words) > len(left):
        values = {words[key]: status for key, status in statuses.items()}
        quoted = ", ".join(f'"{words[key]}"' for key in left[:_CHOICES])
        yield _as_status(column, f"{quoted} may not be written to; the other cells say nothing", values)
    for yes in words if len(words) <= _CHOICES else ():
        if yes in left or leaving.cell_says_left(yes):
            continue
        values = {word: None if key == yes else "Unsubscribed" for key, word in words.items()}
        label = f'Only "{words[yes]}" may be written to'
        yield Answer(label=label, value=words[yes], request=_status_piece(column, values))
    yield _left(column, "Unsubscribed")


def _as_status(column: ColumnFacts, label: str, values: dict[str, Status | None]) -> Answer:
    return Answer(label=label, value="status", request=_status_piece(column, values))


def _left(column: ColumnFacts, status: Status) -> Answer:
    if column.filled and all(map(vocabulary.is_blank, column.words or (".",))):
        label = "Nobody in this file may be written to"
        return Answer(label=label, value="nobody", request=ImportPiece(status=status))
    return Answer(
        label="Nobody with a filled cell may be written to",
        value="filled",
        request=_status_piece(column, {**dict.fromkeys(_NEVER), OTHER_CELLS: status}),
    )


def _about_blank(column: ColumnFacts, values: Mapping[str, Status | None], blank: Status) -> Question:
    translation: dict[str, Status | None] = {
        word: "Active" if status is None and vocabulary.yes_or_no(word) is not False else status
        for word, status in values.items()
    }
    filled = sum(count for word, count in (column.words or {}).items() if not vocabulary.is_blank(word))
    return Question(
        code="consent_column",
        column=column.name,
        text=f"The column {column.name} says yes for {filled:,} people and nothing for the others. "
        "May the others be written to?",
        answers=[
            Answer(
                label="No, only those with a yes",
                value="no",
                request=ImportPiece(
                    status=blank,
                    mappings=[ColumnMapping(csv_column=column.name, field=_STATUS, values=dict(translation))],
                ),
            ),
            Answer(label="Yes, a blank cell says nothing", value="yes", request=ImportPiece()),
        ],
    )


def _status_piece(column: ColumnFacts, values: Mapping[str, Status | None]) -> ImportPiece:
    """`values`: empty if the cells are statuses already."""
    translation: dict[str, str | None] = {**values}
    return ImportPiece(mappings=[ColumnMapping(csv_column=column.name, field=_STATUS, values=translation or None)])
