"""Which columns a person is asked about: all that may say who has left, and no others."""

from collections.abc import Sequence

import pytest
from test_analysis import ADDRESS, analysis_of

from mailrith_lite.imports.mapping import translate
from mailrith_lite.imports.uploads import leaving
from mailrith_lite.imports.uploads.analysis import Analysis, Question
from mailrith_lite.imports.uploads.answers import apply_answers
from mailrith_lite.unicode_forms import fold

DAY = "2024-01-05"
OTHER_ADDRESSES = [f"user{number}@example.com" for number in range(5)]


def analysis_of_column(column: str, cells: Sequence[str]) -> Analysis:
    return analysis_of({"Email": [ADDRESS, *OTHER_ADDRESSES][: len(cells)], column: cells})


def asked(analysis: Analysis) -> list[tuple[str, str | None]]:
    return [(question.code, question.column) for question in analysis.questions]


def meaning(analysis: Analysis, question: Question, answer: str, cell: str) -> str | None:
    """What an answer makes of a cell of the question's column: the status, or the blank cell."""
    [chosen] = [one for one in question.answers if one.value == answer]
    choice = apply_answers(analysis, [chosen])
    [values] = [one.values or {} for one in choice.mappings if one.csv_column == question.column]
    return translate({fold(word): status for word, status in values.items()}, cell) or choice.status


@pytest.mark.parametrize(
    "column",
    [
        *("Refuses email", "Objected to marketing", "Excluded from mailing", "Stop emails", "Declined marketing"),
        *("No more newsletters", "donotbulkemail", "Not opted out", "No consent"),
        *("Keine Werbung", "Widerspruch", "Ne pas contacter", "Pas de newsletter", "No contactar", "Fecha de baja"),
        *("Non contattare", "Não contactar", "Geen nieuwsbrief", "Rezygnacja", "退会"),
        *("Send me emails", "Keep me informed", "Contact by email", "May we email you?", "Email updates"),
        *("Newsletter erwünscht", "Acepta publicidad", "Wil nieuwsbrief", "メルマガ購読", "Nyhedsbrev", "Подписка"),
        *("Data protection consent", "Disabled"),
    ],
)
@pytest.mark.parametrize("words", [("yes", "no"), ("1", "0")])
def test_yes_and_no_under_a_name_that_may_be_about_email_is_a_question(column: str, words: tuple[str, str]) -> None:
    assert asked(analysis_of_column(column, words)) == [("consent_column", column)]


def test_email_on_hold_is_a_bounce() -> None:
    analysis = analysis_of_column("On Hold", ["yes", "no"])
    assert analysis.proposals[1].values is not None
    assert analysis.proposals[1].values["yes"] == "Bounced"


@pytest.mark.parametrize(
    "column",
    [
        *(
            "Unsubscription date",
            "Cancellation date",
            "Cancelled",
            "Deactivated at",
            "Inactive since",
            "Removed at",
        ),
        *("Consent withdrawn at", "consent_revoked_at", "Last unsubscribed date", "List exit date", "optout_ts"),
        *("Abmeldedatum", "Abmeldegrund", "Fecha de baja", "Data cancellazione", "Data de descadastro"),
        *("Uitschrijfdatum", "Afmelddatum", "Data rezygnacji", "退会日"),
    ],
)
@pytest.mark.parametrize("cell", [DAY, f"{DAY} 10:11:12", "06/05/2023"])
def test_filled_cell_of_a_column_about_leaving_is_a_question(column: str, cell: str) -> None:
    analysis = analysis_of_column(column, [cell, "", "", "0000-00-00 00:00:00", "NULL"])
    assert asked(analysis) == [("consent_column", column)]
    [question] = analysis.questions
    assert question.answers[0].value == "filled"
    assert [meaning(analysis, question, "filled", text) for text in (cell, "2031-02-03", "0000-00-00", "")] == [
        "Unsubscribed",
        "Unsubscribed",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Notes", ["kind", "unsubscribed on 3 May"]),
        ("Comment", ["", "please remove me from the list"]),
        ("Tags", ["vip, news", "vip, Opted-out"]),
        ("List", ["Main", "Suppression list"]),
        ("Liste", ["Kunden", "Abgemeldete"]),
        ("Email preference", ["Weekly", "Never"]),
        ("Preferred contact method", ["Email", "None"]),
        ("Emails", ["allowed", "not allowed"]),
        ("Subscription", ["Active", "Cancelled"]),
        ("Estado", ["Activo", "Baja"]),
        ("Customer status", ["active", "disabled"]),
        ("Email status", ["valid", "valid", "valid", "invalid"]),
        ("ステータス", ["配信中", "配信停止"]),
        ("メルマガ", ["希望する", "希望しない"]),
        ("Opt-in", ["yes", "N/A"]),
        ("Email marketing", ["Accepts", "Does not accept"]),
        ("Is globally ineligible", ["false", "true"]),
        ("Status", ["subscribed", ""]),
        ("Confirmed at", [DAY, ""]),
        ("Consent date", [DAY, ""]),
        ("Subscribed", [DAY, DAY, "no"]),
    ],
)
def test_cells_that_may_say_who_has_left_are_a_question(column: str, cells: list[str]) -> None:
    assert asked(analysis_of_column(column, cells)) == [("consent_column", column)]


@pytest.mark.parametrize("cell", ["Unsubscribed", "opted out by phone", "PLEASE DO NOT EMAIL", "désabonné", "退会"])
def test_one_cell_about_leaving_deep_in_a_column_of_different_texts_is_a_question(cell: str) -> None:
    cells = [f"note {number}" for number in range(3_000)]
    cells[2_500] = cell
    analysis = analysis_of({"Email": [ADDRESS], "Notes": cells})
    assert asked(analysis) == [("consent_column", "Notes")]
    assert cell in analysis.questions[0].text


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Subscription plan", ["Gold", "Free"]),
        ("Notes", ["he has cancelled the meeting", "likes blue"]),
        ("Phone opt-in", ["yes", "no"]),
        ("Blocked shipping address", ["yes", "no"]),
        ("Order status", ["Cancelled", "Completed"]),
        ("Customer no", ["1", "0"]),
        ("Active customer", ["yes", "no"]),
        ("Emails opened", ["0", "1"]),
        ("HTML email", ["1", "0"]),
        ("Email format", ["HTML", "text"]),
        ("Bounce rate", ["0", "1"]),
        ("Photo consent", ["yes", "no"]),
        ("Agreed to terms", ["yes", "no"]),
        ("Mailing list", ["Main", "Other"]),
        ("Permissions", ["read", "write"]),
        ("Subscriber", ["Ada Lovelace", "Alan Turing"]),
        ("Subscribed", [DAY, "2024-02-06"]),
        ("Unsubscribe link", ["https://example.com/unsubscribe/1", "https://example.com/unsubscribe/2"]),
        ("unsubscribe_token", ["a1b2", "c3d4"]),
        ("Opt-in source", ["web", "fair"]),
        ("Left-handed", ["yes", "no"]),
    ],
)
def test_harmless_column_is_no_question_and_no_status(column: str, cells: list[str]) -> None:
    analysis = analysis_of_column(column, cells)
    assert analysis.questions == []
    assert all(one.field.type != "subscriber-status" for one in analysis.proposals)


def test_column_about_email_with_many_different_answers_is_a_question() -> None:
    cells = ["yes", *(f"yes, number {number}" for number in range(100)), "no"]
    analysis = analysis_of({"Email": [ADDRESS], "May we email you?": cells})
    assert asked(analysis) == [("consent_column", "May we email you?")]


def test_status_of_each_person_makes_the_date_of_leaving_no_question() -> None:
    status = {"Email": [ADDRESS, "b@example.com"], "Status": ["active", "unsubscribed"]}
    assert asked(analysis_of({**status, "Unsubscribed at": ["", DAY]})) == []
    assert asked(analysis_of({**status, "Unsubscribed at": [DAY, DAY]})) == [("consent_column", "Unsubscribed at")]


def test_words_that_differ_in_case_only_are_one_answer() -> None:
    analysis = analysis_of_column("Newsletter", ["Yes please", "YES PLEASE", "No thanks"])
    [question] = analysis.questions
    assert [answer.value for answer in question.answers] == ["YES PLEASE", "No thanks", "filled", "ignore"]
    assert meaning(analysis, question, "YES PLEASE", "yes please") is None
    assert meaning(analysis, question, "YES PLEASE", "no thanks") == "Unsubscribed"


def test_known_words_among_others_are_an_answer_of_their_own() -> None:
    analysis = analysis_of_column("Tags", ["vip", "unsubscribed", "bounced"])
    [question] = analysis.questions
    assert [answer.value for answer in question.answers] == ["status", "vip", "filled", "ignore"]
    assert [meaning(analysis, question, "status", cell) for cell in ("vip", "Unsubscribed", "bounced")] == [
        None,
        "Unsubscribed",
        "Bounced",
    ]


def test_blank_cell_of_a_confirmation_date_is_unconfirmed_if_a_person_says_so() -> None:
    analysis = analysis_of_column("Confirmed at", [DAY, ""])
    [question] = analysis.questions
    assert [meaning(analysis, question, "blank", cell) for cell in (DAY, "")] == ["Active", "Unconfirmed"]


def test_file_name_that_says_unsubscribed_is_a_question_although_each_row_has_another_status() -> None:
    cells = {"Email": [ADDRESS, *OTHER_ADDRESSES[:2]], "Status": ["active", "pending", "pending"]}
    analysis = analysis_of(cells, file_name="unsubscribed.csv")
    assert asked(analysis) == [("file_name_status", None)]
    choice = apply_answers(analysis, [analysis.questions[0].answers[0]])
    assert (choice.status, choice.mappings[1].values) == ("Unsubscribed", {"active": None, "pending": None})


def test_no_answer_about_a_column_makes_people_active_in_a_file_of_people_who_have_left() -> None:
    cells = {"Email": [ADDRESS, *OTHER_ADDRESSES[:1]], "Opt-in": ["yes", ""]}
    analysis = analysis_of(cells, file_name="bounces.csv")
    assert asked(analysis) == [("file_name_status", None), ("consent_column", "Opt-in")]
    everybody, only_yes = (question.answers[0] for question in analysis.questions)
    for answers in ([everybody, only_yes], [only_yes, everybody]):
        choice = apply_answers(analysis, answers)
        assert choice.status == "Bounced"
        assert "Active" not in (choice.mappings[1].values or {}).values()


def test_tag_of_a_known_tool_that_says_who_has_left_is_a_question() -> None:
    columns = ("Email Address", "LEID", "EUID", "OPTIN_TIME")
    cells = {name: [ADDRESS if name == "Email Address" else ""] * 2 for name in columns}
    analysis = analysis_of({**cells, "TAGS": ['"vip","unsubscribed"', '"vip"']})
    assert analysis.source == "mailchimp"
    assert asked(analysis) == [("consent_column", "TAGS")]


def test_unsubscribe_time_of_some_people_in_a_joined_export_is_a_question_about_them() -> None:
    cells = {"Email Address": [ADDRESS, "b@example.com"], "LEID": ["1", "2"], "EUID": ["a", "b"]}
    analysis = analysis_of({**cells, "UNSUB_TIME": ["", DAY], "CLEAN_TIME": [DAY, ""]})
    assert asked(analysis) == [("consent_column", "UNSUB_TIME"), ("consent_column", "CLEAN_TIME")]
    unsubscribed, cleaned = analysis.questions
    assert meaning(analysis, unsubscribed, "filled", DAY) == "Unsubscribed"
    assert meaning(analysis, cleaned, "filled", DAY) == "Bounced"


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "unsub",
            "Un-subscribed",
            "desubscribed",
            "not subscribed",
            "never_subscribed",
            "not opted in",
            "opting out",
        ),
        *("black list", "on the block-list", "suppression", "do_not_email", "don’t contact", "no more e-mails"),
        *(
            "removed from the list",
            "hard bounce",
            "bounced",
            "complained",
            "spam complaint",
            "abgemeldet",
            "abbestellt",
        ),
        *("opting out", "abbestellt"),
        *("desabonnee", "désinscrit", "dada de baja", "descadastrado", "disiscritta", "uitgeschreven", "afgemeld"),
        *("wypisana", "配信停止", "購読解除", "退会", "отписался"),
    ],
)
def test_quick_look_at_a_text_misses_no_cell_about_leaving(cell: str) -> None:
    for text in (cell, cell.upper(), f"since May: {cell}, said he"):
        assert leaving.cell_says_left(text)
        assert leaving.may_say_left(f"a\n{text}\n")


@pytest.mark.parametrize(
    ("column", "cells", "text"),
    [
        ("Abgemeldet am", ["", DAY], "The column Abgemeldet am seems to say that 1 person is Unsubscribed."),
        ("Bounced at", [DAY, "", DAY], "The column Bounced at seems to say that 2 people are Bounced."),
        (
            "Spam complaint date",
            [DAY, ""],
            "The column Spam complaint date seems to say that 1 person is Complained.",
        ),
        ("blocked_at", [DAY, ""], "The column blocked_at seems to say that 1 person is Blocked."),
        ("Deleted at", [DAY, ""], "The column Deleted at seems to say that 1 person is Unsubscribed."),
    ],
)
def test_question_about_a_date_of_leaving_counts_the_people(column: str, cells: list[str], text: str) -> None:
    [question] = analysis_of_column(column, cells).questions
    assert question.text == f"{text} May they be written to?"


@pytest.mark.parametrize("name", ["Opt-in date", "Optin time", "Opted in", "Double opt-in date"])
def test_opt_in_date_of_some_people_only_is_a_question_and_no_answer_loses_it(name: str) -> None:
    analysis = analysis_of_column(name, [DAY, "", "2023-02-01"])
    assert asked(analysis) == [("consent_column", name)]
    assert meaning(analysis, analysis.questions[0], "blank", "") in ("Unsubscribed", "Unconfirmed")


def test_opt_in_date_that_says_nothing_about_consent_is_the_sign_up_time() -> None:
    analysis = analysis_of_column("Opt-in date", [DAY, "", "2023-02-01"])
    [ignore] = [one for one in analysis.questions[0].answers if one.value == "ignore"]
    [mapping] = [one for one in apply_answers(analysis, [ignore]).mappings if one.csv_column == "Opt-in date"]
    assert mapping.field.type == "subscribed-at"


@pytest.mark.parametrize("name", ["Opt-in date", "Signup date", "Subscribed", "Inscrit le"])
def test_sign_up_time_of_everybody_is_no_question(name: str) -> None:
    analysis = analysis_of_column(name, [DAY, "2024-03-01", "2023-02-01"])
    assert (asked(analysis), analysis.proposals[1].field.type) == ([], "subscribed-at")


@pytest.mark.parametrize("name", ["Signup date", "Subscribed", "Subscribed at", "Inscrit le", "Date added"])
def test_missing_sign_up_time_is_no_question(name: str) -> None:
    assert asked(analysis_of_column(name, [DAY, "", "2023-02-01"])) == []


def test_status_of_each_person_answers_for_a_missing_opt_in_date() -> None:
    analysis = analysis_of(
        {"Email": [ADDRESS, *OTHER_ADDRESSES[:1]], "Status": ["active", "unsubscribed"], "Opt-in date": [DAY, ""]}
    )
    assert asked(analysis) == []
    assert [one.field.type for one in analysis.proposals] == ["email", "subscriber-status", "subscribed-at"]


@pytest.mark.parametrize("words", [("yes", "no"), ("1", "0"), ("true", "true")])
def test_yes_and_no_without_a_name_is_a_question(words: tuple[str, str]) -> None:
    assert asked(analysis_of_column("Column 2", words)) == [("consent_column", "Column 2")]


def test_consent_column_of_a_known_tool_with_other_words_is_a_question() -> None:
    analysis = analysis_of(
        {
            "Email": [ADDRESS, *OTHER_ADDRESSES[:1]],
            "Accepts Email Marketing": ["Accepts", "Declined"],
            "Total Spent": ["0", "0"],
        }
    )
    assert (analysis.source, asked(analysis)) == ("shopify", [("consent_column", "Accepts Email Marketing")])
    assert meaning(analysis, analysis.questions[0], "Accepts", "Declined") == "Unsubscribed"
    assert meaning(analysis, analysis.questions[0], "Accepts", "Accepts") is None
