"""The form of an upload: what its choices and answers mean as an import request."""

import msgspec
import pytest

from mailrith_lite.console import column_form
from mailrith_lite.console.column_form import ColumnChoice, ColumnForm
from mailrith_lite.imports.mapping import MappedField, Mapping
from mailrith_lite.imports.uploads.analysis import Analysis, AnalyzedColumn, Answer, ImportPiece, Question

EMAIL = Mapping(csv_column="Email", field=MappedField(type="email"))
OPT_IN = Mapping(csv_column="Opt-in", field=MappedField(type="subscriber-status"), values={"no": "Unsubscribed"})
JOINED = Mapping(csv_column="Joined", field=MappedField(type="subscribed-at"))
CONSENT = Question(
    code="consent_column",
    column="Opt-in",
    text="What does Opt-in say?",
    answers=[
        Answer(label="no means Unsubscribed", value="status", request=ImportPiece(mappings=[OPT_IN])),
        Answer(label="It says nothing about email", value="ignore", request=ImportPiece(leave_out="Opt-in")),
    ],
)
ORDER = Question(
    code="date_order",
    column="Joined",
    text="Is 01/02/2024 in January or February?",
    answers=[
        Answer(label=name, value=name, request=ImportPiece(mappings=[msgspec.structs.replace(JOINED, format=name)]))
        for name in ("day-first", "month-first")
    ],
)
FILE_NAME = Question(
    code="file_name_status",
    text="The file is called unsubscribed.csv. Have these people unsubscribed?",
    answers=[
        Answer(label="Yes", value="yes", request=ImportPiece(status="Unsubscribed")),
        Answer(label="No", value="no", request=ImportPiece()),
    ],
)


def analysis(*questions: Question) -> Analysis:
    return Analysis(
        source=None,
        header_line=1,
        delimiter=",",
        encoding="UTF-8",
        columns=[
            AnalyzedColumn(name=name, samples=[], filled=1, proposal=proposal, reason="")
            for name, proposal in (("Email", EMAIL), ("Opt-in", None), ("Joined", JOINED))
        ],
        questions=list(questions),
        problems=[],
    )


def proposed(**changes: object) -> ColumnForm:
    """The proposals, with other members of the form."""
    return msgspec.structs.replace(column_form.from_analysis(analysis()), **changes)


def with_choice(place: int, **choice: str) -> ColumnForm:
    columns = list(proposed().columns)
    columns[place] = ColumnChoice(**choice)
    return proposed(columns=columns)


@pytest.mark.parametrize(
    ("question", "form", "is_open"),
    [
        (CONSENT, proposed(), True),
        (CONSENT, proposed(answers={"answer-consent_column-1": "status"}), False),
        (CONSENT, proposed(answers={"answer-consent_column-1": "nonsense"}), True),
        (CONSENT, proposed(answers={"answer-consent_column-2": "status"}), True),
        (CONSENT, with_choice(1, target="subscriber-status"), False),
        (CONSENT, with_choice(1, target="country"), True),  # it can still decide who may be written to
        (CONSENT, proposed(status="Active"), True),
        (ORDER, proposed(), True),
        (ORDER, with_choice(2), False),  # nobody needs the order of a column that is left out
        (ORDER, with_choice(2, target="subscribed-at", format="day-first"), False),
        (ORDER, proposed(answers={"answer-date_order-2": "day-first"}), False),
        (FILE_NAME, proposed(), True),
        (FILE_NAME, proposed(answers={"answer-file_name_status": "no"}), False),
        (FILE_NAME, proposed(status="Blocked"), False),
    ],
)
def test_question_is_open_until_an_answer_or_a_choice_decides_it(
    question: Question, form: ColumnForm, is_open: bool
) -> None:
    assert column_form.open_questions(form, analysis(question)) == ([question] if is_open else [])


def test_answers_change_the_mappings_and_the_status() -> None:
    answers = {
        "answer-consent_column-1": "status",
        "answer-date_order-2": "month-first",
        "answer-file_name_status": "yes",
    }
    choice = column_form.choose(proposed(answers=answers), analysis(CONSENT, ORDER, FILE_NAME), [])
    assert choice.mappings == [EMAIL, OPT_IN, msgspec.structs.replace(JOINED, format="month-first")]
    assert choice.status == "Unsubscribed"


def test_answer_does_not_restore_a_column_that_is_left_out() -> None:
    form = msgspec.structs.replace(with_choice(2), answers={"answer-date_order-2": "month-first"})
    assert column_form.choose(form, analysis(ORDER), []).mappings == [EMAIL]


def test_answer_about_consent_outranks_another_field_of_its_column() -> None:
    form = msgspec.structs.replace(with_choice(1, target="country"), answers={"answer-consent_column-1": "status"})
    assert OPT_IN in column_form.choose(form, analysis(CONSENT), []).mappings


def test_chosen_status_outranks_the_answer_about_the_name_of_the_file() -> None:
    form = proposed(status="Blocked", answers={"answer-file_name_status": "no"})
    assert column_form.choose(form, analysis(FILE_NAME), []).status == "Blocked"


def test_translations_are_dropped_when_the_target_changes() -> None:
    given = ColumnChoice(target="subscriber-status", given=OPT_IN)
    assert given.translations == {"no": "Unsubscribed"}
    assert msgspec.structs.replace(given, target="country").translations == {}


def test_answers_status_tags_and_sequences_are_not_used_for_the_next_file() -> None:
    form = msgspec.structs.replace(
        with_choice(2, target="last-opened-at"),
        answers={"answer-consent_column-1": "ignore"},
        status="Active",
        tags=["tag_x"],
        new_tag="Fair",
    )
    other = column_form.for_another_file(form, analysis(CONSENT))
    assert other == ColumnForm(columns=form.columns)
    assert column_form.open_questions(other, analysis(CONSENT)) == [CONSENT]


def test_consent_column_of_the_next_file_is_asked_about_again() -> None:
    earlier = with_choice(1, target="subscriber-status")
    assert column_form.open_questions(earlier, analysis(CONSENT)) == []
    other = column_form.for_another_file(earlier, analysis(CONSENT))
    assert column_form.open_questions(other, analysis(CONSENT)) == [CONSENT]
