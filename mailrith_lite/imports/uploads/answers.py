"""Answers to the questions of an analysis, applied to its proposals: for the command line and the console."""

from collections.abc import Iterable, Mapping

import msgspec

from mailrith_lite.audience import vocabulary
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.imports.uploads.analysis import Analysis, Answer, Question

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
    """The proposals of the analysis, changed as each answer says."""
    by_column = {mapping.csv_column: mapping for mapping in analysis.proposals}
    members: dict[str, object] = {}
    for answer in answers:
        piece = answer.request
        if piece.header is not None and piece.mappings:  # the columns get other names
            by_column.clear()
        if piece.leave_out is not None:
            by_column.pop(piece.leave_out, None)
        by_column |= {mapping.csv_column: mapping for mapping in piece.mappings}
        for name in ("status", "encoding", "file", "header"):
            if (value := getattr(piece, name)) is not None:
                members[name] = value
    return Choice(mappings=in_column_order(analysis, by_column), **members)  # type: ignore[arg-type]


def in_column_order(analysis: Analysis, by_column: Mapping[str, ColumnMapping]) -> list[ColumnMapping]:
    """The mappings of the file's columns; a mapping of any other column comes last."""
    names = [column.name for column in analysis.columns]
    order = {name: position for position, name in enumerate(names)}
    return sorted(by_column.values(), key=lambda mapping: order.get(mapping.csv_column, len(order)))
