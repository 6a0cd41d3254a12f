"""The proposals, questions and problems of a file, by its name, its columns and all its cells."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import FieldType
from mailrith_lite.imports.uploads.analysis import Analysis, analyze
from mailrith_lite.imports.uploads.answers import apply_answers
from mailrith_lite.imports.uploads.column_facts import ColumnSurvey
from mailrith_lite.imports.uploads.survey import FileFacts

ADDRESS = "ada@example.com"


def field(label: str, field_type: FieldType = "Text", *options: str) -> CustomField:
    return CustomField(id=7, label=label, type=field_type, options=list(options), created_at=0, updated_at=0)


def analysis_of(
    cells: Mapping[str, Sequence[str]], *fields: CustomField, file_name: str = "list.csv", rows: int | None = None
) -> Analysis:
    surveys = [ColumnSurvey(name) for name in cells]
    for survey in surveys:
        survey.add(cells[survey.name])
    facts = FileFacts(
        delimiter=",",
        header_line=1,
        columns=[survey.facts() for survey in surveys],
        row_count=max(map(len, cells.values())) if rows is None else rows,
    )
    return analyze(facts, fields, encoding="UTF-8", file_name=file_name)


def proposed(analysis: Analysis) -> dict[str, str]:
    return {one.csv_column: one.field.label or one.field.type for one in analysis.proposals}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Email,Name,Country,Status,Tags", "email name country subscriber-status tags"),
        ("E-MAIL Address:,Full_Name,CC", "email name country"),
        ("First Name,Last Name,email address", "first-name last-name email"),
        ("surname,forename,mail,Signup Date", "last-name first-name email subscribed-at"),
        ("Vorname,Nachname,E-Mail-Adresse,Land,Anmeldedatum", "first-name last-name email country subscribed-at"),
        ("Vorname,Name,E-Mail", "first-name last-name email"),
        ("Prénom,Nom,Courriel,Pays,Date d'inscription", "first-name last-name email country subscribed-at"),
        ("Nombre,Apellidos,Correo electrónico,País,Etiquetas", "first-name last-name email country tags"),
        ("Primeiro nome,Sobrenome,Endereço de e-mail,País", "first-name last-name email country"),
        ("Nome,Cognome,Indirizzo email,Paese", "first-name last-name email country"),
        ("Voornaam,Achternaam,E-mailadres,Land", "first-name last-name email country"),
        ("Imię,Nazwisko,Adres e-mail,Kraj,Tagi", "first-name last-name email country tags"),
        ("名,姓,メールアドレス,国,タグ", "first-name last-name email country tags"),
        ("氏名,メール", "name email"),
    ],
)
def test_names_of_columns_in_nine_languages_suggest_fields(header: str, expected: str) -> None:
    columns: dict[str, Sequence[str]] = {name: [] for name in header.split(",")}
    assert " ".join(proposed(analysis_of(columns)).values()) == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"Contact": [ADDRESS, "", "b@example.org"]}, {"Contact": "email"}),
        ({"Contact": [ADDRESS, "b at example.org"]}, {"Contact": "email"}),
        ({"Contact": [ADDRESS, "b", "c"]}, {}),
        ({"Email": ["yes", "no"], "Contact": [ADDRESS]}, {"Contact": "email"}),
        ({"Email": ["", " "], "Other": ["x"]}, {"Email": "email"}),
        ({"Where": ["DE", "Kenya", "Türkei"]}, {"Where": "country"}),
        ({"Where": ["DE", "Kenya", "Atlantis"]}, {}),
        ({"First": ["Jordan", "Georgia"]}, {"First": "first-name"}),
        ({"Country": ["maybe", "never", "DE"]}, {}),
        ({"Anything": ["subscribed", "unsubscribed"]}, {"Anything": "subscriber-status"}),
        ({"Order": ["cancelled", "active"]}, {}),
        ({"Note": ["ada@example.com and others"]}, {}),
        ({"Full Name": ["Ada"], "Name": ["Ada"]}, {"Name": "name"}),
    ],
)
def test_cells_show_a_field_and_rule_out_the_name_of_a_column(
    cells: dict[str, list[str]], expected: dict[str, str]
) -> None:
    assert proposed(analysis_of(cells)) == expected


def test_custom_field_with_the_label_of_a_column_is_proposed() -> None:
    analysis = analysis_of({"Email": [ADDRESS], "SHOE size": ["38"]}, field("Shoe size"))
    assert proposed(analysis) == {"Email": "email", "SHOE size": "custom-field"}


def test_only_column_with_addresses_is_the_email_also_if_a_custom_field_has_its_name() -> None:
    assert proposed(analysis_of({"Contact": [ADDRESS], "Email": ["yes"]}, field("Contact")))["Contact"] == "email"


@pytest.mark.parametrize(
    ("column", "yes", "no"),
    [
        ("Accepts Email Marketing", None, "Unsubscribed"),
        ("subscribed_to_emails", None, "Unsubscribed"),
        ("optedin", None, "Unsubscribed"),
        ("Email opt-in", None, "Unsubscribed"),
        ("Newsletter", None, "Unsubscribed"),
        ("Marketing permissions", None, "Unsubscribed"),
        ("Einwilligung", None, "Unsubscribed"),
        ("confirmed", None, "Unconfirmed"),
        ("EMAIL_BLACKLISTED", "Blocked", None),
        ("blocked", "Blocked", None),
        ("suppressed", "Blocked", None),
        ("Unsubscribed from all email", "Unsubscribed", None),
        ("Opted out of email: News", "Unsubscribed", None),
        ("email_disabled", "Unsubscribed", None),
        ("doNotContact", "Unsubscribed", None),
        ("Do not email", "Unsubscribed", None),
        ("No Bulk Emails", "Unsubscribed", None),
        ("unsubscribed", "Unsubscribed", None),
        ("Opted Out", "Unsubscribed", None),
        ("HasOptedOutOfEmail", "Unsubscribed", None),
        ("Abgemeldet", "Unsubscribed", None),
        ("Désinscrit", "Unsubscribed", None),
        ("bounced", "Bounced", None),
        ("Marked as spam", "Complained", None),
    ],
)
@pytest.mark.parametrize("words", [("yes", "no"), ("TRUE", "FALSE"), ("1", "0"), ("Ja", "Nein")])
def test_consent_column_is_translated_to_statuses(
    column: str, yes: str | None, no: str | None, words: tuple[str, str]
) -> None:
    analysis = analysis_of({"Email": [ADDRESS, "b@example.com"], column: words})
    [_, mapping] = analysis.proposals
    assert mapping.field.type == "subscriber-status"
    assert mapping.values is not None
    assert [mapping.values[word.lower()] for word in words] == [yes, no]
    assert analysis.questions == []


@pytest.mark.parametrize("column", ["SMS_BLACKLISTED", "Accepts SMS Marketing", "Phone opt-in", "WhatsApp consent"])
def test_consent_for_another_channel_says_nothing_about_email(column: str) -> None:
    analysis = analysis_of({"Email": [ADDRESS, "b@example.com"], column: ["yes", "no"]})
    assert proposed(analysis) == {"Email": "email"}
    assert analysis.questions == []


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Newsletter consent", ["granted", "refused"]),
        ("Opt-in", ["A", "B"]),
        ("GDPR", ["signed", "no"]),
        ("Status", ["Lead", "Customer"]),
        ("Subscription status", ["1", "0"]),
        ("Reaction", ["subscribed", "asleep"]),
        ("Unsubscribed at", ["2024-01-05 10:00", ""]),
        ("Opt-out date", ["2024-01-05", ""]),
        ("Zgoda na newsletter", ["wyrażona", "brak"]),
    ],
)
def test_column_that_looks_like_consent_and_is_not_known_is_a_question(column: str, cells: list[str]) -> None:
    analysis = analysis_of({"Email": [ADDRESS, "b@example.com"], column: cells})
    assert proposed(analysis) == {"Email": "email"}
    [question] = analysis.questions
    assert (question.code, question.column) == ("consent_column", column)
    assert len({answer.value for answer in question.answers}) == len(question.answers) >= 2


@pytest.mark.parametrize("column", ["Subscribed At", "Opt-in IP", "consent timestamp", "Notes", "Plan", "Company"])
def test_details_and_other_columns_are_no_question(column: str) -> None:
    assert analysis_of({"Email": [ADDRESS], column: ["2024-01-05"]}).questions == []


def test_answer_about_consent_translates_the_words_of_the_column() -> None:
    analysis = analysis_of({"Email": [ADDRESS, "b@example.com"], "Consent": ["granted", "refused"]})
    [question] = analysis.questions
    granted = next(answer for answer in question.answers if answer.value == "granted")
    [_, mapping] = apply_answers(analysis, [granted]).mappings
    assert (mapping.csv_column, mapping.values) == ("Consent", {"granted": None, "refused": "Unsubscribed"})


def test_column_with_a_yes_for_some_asks_about_the_others() -> None:
    analysis = analysis_of({"Email": [ADDRESS, "b@example.com"], "Opt-in": ["x", ""]})
    [question] = analysis.questions
    choice = apply_answers(analysis, [question.answers[0]])
    assert choice.status == "Unsubscribed"
    assert choice.mappings[1].values is not None
    assert choice.mappings[1].values["x"] == "Active"


def test_custom_field_with_the_name_of_a_consent_column_is_a_question() -> None:
    analysis = analysis_of({"Email": [ADDRESS, "b@example.com"], "Opted out": ["yes", "no"]}, field("Opted out"))
    assert proposed(analysis) == {"Email": "email", "Opted out": "custom-field"}
    [question] = analysis.questions
    assert (question.column, question.answers[0].value) == ("Opted out", "status")


@pytest.mark.parametrize(
    ("file_name", "status"),
    [
        ("unsubscribed_members_export_4f2a.csv", "Unsubscribed"),
        ("cleaned_members_export.csv", "Bounced"),
        ("Abgemeldet 2024.csv", "Unsubscribed"),
        ("opt-outs.csv", "Unsubscribed"),
        ("suppression list.txt", "Blocked"),
        ("hard-bounces.csv", "Bounced"),
        ("spam complaints.csv", "Complained"),
        ("subscribed_members_export.csv", None),
        ("customers on hold off.csv", None),
        ("list.csv", None),
    ],
)
def test_name_of_a_file_asks_about_the_status_of_everybody(file_name: str, status: str | None) -> None:
    questions = analysis_of({"Email": [ADDRESS]}, file_name=file_name).questions
    assert [(one.code, one.answers[0].request.status) for one in questions] == (
        [("file_name_status", status)] if status else []
    )


def test_name_of_a_file_says_nothing_when_each_row_has_a_status() -> None:
    cells = {"Email": [ADDRESS, "b@example.com"], "Status": ["unsubscribed", "subscribed"]}
    assert analysis_of(cells, file_name="unsubscribed.csv").questions == []


@pytest.mark.parametrize(
    ("columns", "asked"),
    [
        (["Home", "Work"], ["Home", "Work"]),
        (["Home email", "Work email"], ["Home email", "Work email"]),
        (["Email", "Email (2)"], ["Email", "Email (2)"]),
        (["Email", "Work email"], []),
    ],
)
def test_several_columns_with_addresses_are_a_question_unless_one_has_the_best_name(
    columns: list[str], asked: list[str]
) -> None:
    analysis = analysis_of({name: [ADDRESS] for name in columns})
    assert proposed(analysis) == {columns[0]: "email"}
    assert [answer.value for one in analysis.questions for answer in one.answers] == asked
    for question in analysis.questions:
        [mapping] = apply_answers(analysis, [question.answers[1]]).mappings
        assert mapping.csv_column == columns[1]


def test_header_without_a_known_name_may_be_a_person() -> None:
    analysis = analysis_of({"Ada": ["Bob"], "somebody": ["bob@example.com"]})
    [question] = analysis.questions
    assert question.code == "no_header"
    choice = apply_answers(analysis, [question.answers[1]])
    assert (choice.header, [one.csv_column for one in choice.mappings]) == (False, ["Column 2"])


@pytest.mark.parametrize(
    ("cells", "custom", "expected"),
    [
        (
            {"Email": [ADDRESS, "", "ada at home"]},
            None,
            [("missing_email", 1, ""), ("invalid_email", 1, "ada at home")],
        ),
        (
            {"Email": [ADDRESS] * 4, "Country": ["DE", "Atlantis", "DE", "Atlantis"]},
            None,
            [("invalid_country", 2, "Atlantis")],
        ),
        ({"Email": [ADDRESS] * 2, "Status": ["Active", "asleep"]}, None, [("invalid_status", 1, "asleep")]),
        (
            {"Email": [ADDRESS] * 3, "Plan": ["Free", "Pro", "N/A"]},
            field("Plan", "Single Select", "Free"),
            [("invalid_custom_field", 1, "Pro")],
        ),
    ],
)
def test_problems_count_the_cells_that_the_proposed_fields_refuse(
    cells: dict[str, list[str]], custom: CustomField | None, expected: list[Any]
) -> None:
    problems = analysis_of(cells, *([custom] if custom else [])).problems
    assert [(one.code, one.count, one.sample) for one in problems] == expected


@pytest.mark.parametrize(
    ("name", "kind", "cells", "code", "answers"),
    [
        ("Joined", None, ["01/05/2024", "02/03/2024"], "date_order", ["day-first", "month-first"]),
        ("Born", "Date", ["01/05/2024", ""], "date_order", ["day-first", "month-first"]),
        ("Spent", "Number", ["1,234", "5,678"], "number_format", ["point", "comma"]),
        ("Joined", None, ["01/05/2024", "13/05/2024"], None, []),
        ("Joined", None, ["05/05/2024", "06/06/2024"], None, []),
        ("Spent", "Number", ["1,234", "5,67"], None, []),
        ("Note", None, ["01/05/2024"], None, []),
    ],
)
def test_column_that_can_be_read_in_two_ways_is_a_question(
    name: str, kind: FieldType | None, cells: list[str], code: str | None, answers: list[str]
) -> None:
    analysis = analysis_of(
        {"Email": [ADDRESS, "b@example.com"], name: cells}, *([field(name, kind)] if kind else [])
    )
    assert [(one.code, one.column) for one in analysis.questions] == ([(code, name)] if code else [])
    assert [answer.value for one in analysis.questions for answer in one.answers] == answers
    for question in analysis.questions:
        assert apply_answers(analysis, [question.answers[0]]).mappings[1].format == answers[0]


def test_cells_that_the_best_format_cannot_read_are_a_problem() -> None:
    analysis = analysis_of({"Email": [ADDRESS] * 4, "Joined": ["13/05/2024", "01/05/2024", "soon", "N/A"]})
    assert [(one.code, one.count, one.sample) for one in analysis.problems] == [("invalid_date", 1, "soon")]
