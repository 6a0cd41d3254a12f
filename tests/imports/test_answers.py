"""Answers change what an analysis proposes."""

import pytest

from mailrith_lite.imports.mapping import MappedField, Mapping
from mailrith_lite.imports.uploads.analysis import Analysis, AnalyzedColumn, Answer, ImportPiece, Question
from mailrith_lite.imports.uploads.answers import apply_answers, question_key

EMAIL = Mapping(csv_column="Email", field=MappedField(type="email"))
STATE = Mapping(csv_column="State", field=MappedField(type="subscriber-status"))
NAME = Mapping(csv_column="Name", field=MappedField(type="name"))
OTHER_NAME = Mapping(csv_column="Name", field=MappedField(type="country"))


def analysis(*proposals: tuple[str, Mapping | None]) -> Analysis:
    return Analysis(
        source=None,
        header_line=1,
        delimiter=",",
        encoding="UTF-8",
        columns=[
            AnalyzedColumn(name=name, samples=[], filled=0, proposal=proposal, reason="")
            for name, proposal in proposals
        ],
        questions=[],
        problems=[],
    )


FILE = analysis(("State", None), ("Email", EMAIL), ("Name", NAME))


@pytest.mark.parametrize(
    ("pieces", "mappings"),
    [
        ([], [EMAIL, NAME]),
        ([ImportPiece(mappings=[STATE])], [STATE, EMAIL, NAME]),
        ([ImportPiece(mappings=[OTHER_NAME])], [EMAIL, OTHER_NAME]),
        ([ImportPiece(leave_out="Name")], [EMAIL]),
        ([ImportPiece(leave_out="State")], [EMAIL, NAME]),
        ([ImportPiece(leave_out="Name", mappings=[STATE])], [STATE, EMAIL]),
        ([ImportPiece(leave_out="Name"), ImportPiece(mappings=[STATE])], [STATE, EMAIL]),
    ],
)
def test_answer_replaces_adds_or_removes_mappings_in_the_order_of_the_columns(
    pieces: list[ImportPiece], mappings: list[Mapping]
) -> None:
    answers = [Answer(label="", value="", request=piece) for piece in pieces]
    assert apply_answers(FILE, answers).mappings == mappings


def test_answer_about_the_whole_file_becomes_a_member_of_the_request() -> None:
    pieces = [ImportPiece(status="Unsubscribed"), ImportPiece(header=False)]
    choice = apply_answers(FILE, [Answer(label="", value="", request=piece) for piece in pieces])
    assert choice.members == {"mappings": [EMAIL, NAME], "status": "Unsubscribed", "header": False}


def test_question_is_named_by_its_code_and_column() -> None:
    question = Question(code="date_order", column="Joined", text="", answers=[])
    assert question_key(question) == "date_order:Joined"
    assert question_key(Question(code="no_header", text="", answers=[])) == "no_header"
