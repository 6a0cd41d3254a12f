"""Answers to the questions of an analysis, applied to its proposals: for the command line and the console."""

from collections.abc import Iterable, Mapping

import msgspec

from mailrith_lite.audience import vocabulary
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.imports.uploads.analysis import Analysis, Answer, ImportPiece, Question

CONSENT_QUESTIONS = frozenset({"consent_column", "file_name_status"})
"""Codes of the questions that decide who may be written to. Nobody but a person answers them."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Members of an import request, `mappings` in the order of the columns. A member that is None is absent."""

    mappings: list[ColumnMapping]
    status: vocabulary.Status | None = None
    encoding: str | None = None
    file: str | None = None
    header: bool | None = None

    @property
    def members(self) -> dict[str, object]:
        """The members that are present."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


def question_key(question: Question) -> str:
    """Names a question in its file: `date_order:Joined`, or the code alone for a question about the whole file."""
    return question.code if question.column is None else f"{question.code}:{question.column}"


def apply_answers(analysis: Analysis, answers: Iterable[Answer]) -> Choice:
    """The proposals of the analysis, changed as each answer says.

    Of several statuses for the whole file the strictest counts. If everybody in the file has left, no cell says
    otherwise, whatever is answered about its column.
    """
    answers = sorted(answers, key=_is_about_everybody)
    by_column = {mapping.csv_column: mapping for mapping in analysis.proposals}
    members: dict[str, object] = {}
    statuses: list[vocabulary.Status] = []
    for answer in answers:
        piece = answer.request
        if piece.header is not None and piece.mappings:  # the columns get other names
            by_column.clear()
        if piece.leave_out is not None:
            by_column.pop(piece.leave_out, None)
        if _is_about_everybody(answer):
            by_column = _limit_statuses(by_column, piece)
        else:
            by_column |= {mapping.csv_column: mapping for mapping in piece.mappings}
        for name in ("encoding", "file", "header"):
            if (value := getattr(piece, name)) is not None:
                members[name] = value
        if piece.status is not None:
            statuses.append(piece.status)
    if statuses:
        members["status"] = vocabulary.strictest(statuses)
    return Choice(mappings=in_column_order(analysis, by_column), **members)  # type: ignore[arg-type]


def _is_about_everybody(answer: Answer) -> bool:
    """Whether it says that all people in the file have one status."""
    return answer.request.status is not None and answer.value == answer.request.status


def _limit_statuses(by_column: Mapping[str, ColumnMapping], piece: ImportPiece) -> dict[str, ColumnMapping]:
    """Takes the words of the columns that are mapped to the status from the answer; other columns stay."""
    assert piece.status is not None
    words = {mapping.csv_column: mapping.values or {} for mapping in piece.mappings}
    limited = dict(by_column)
    for name, mapping in by_column.items():
        if mapping.field.type != "subscriber-status":
            continue
        values: dict[str, str | None] = {
            word: vocabulary.at_least(vocabulary.status_of(meaning or ""), piece.status)
            for word, meaning in (mapping.values or {}).items()
        }
        limited[name] = msgspec.structs.replace(mapping, values={**values, **words.get(name, {})} or None)
    return limited


def in_column_order(analysis: Analysis, by_column: Mapping[str, ColumnMapping]) -> list[ColumnMapping]:
    """The mappings of the file's columns; a mapping of any other column comes last."""
    names = [column.name for column in analysis.columns]
    order = {name: position for position, name in enumerate(names)}
    return sorted(by_column.values(), key=lambda mapping: order.get(mapping.csv_column, len(order)))
