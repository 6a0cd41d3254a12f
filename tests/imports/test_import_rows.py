"""What one row does to a subscriber, and why a row is refused."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MAPPINGS, Server
from row_results import FULL, errors, subscribers

MIXED_CASE_OPTIONS = {"options": ["Red", "Deep Blue", "a, b"]}


CHOICES = ("Select (Dropdown)", "Single Select", "Multi Select")


def new_field(server: Server, field_type: str, label: str = "Field") -> str:
    body: dict[str, Any] = {"label": label, "type": field_type}
    if field_type in CHOICES:
        body["settings"] = MIXED_CASE_OPTIONS
    return str(server.call("POST", "/v1/custom-fields", body).json["data"]["id"])


def field_mapping(field_id: str, column: str = "Field") -> dict[str, Any]:
    return {"csv_column": column, "field": {"type": "custom-field", "custom_field_id": field_id}}


def table(*rows: list[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def test_every_row_error_is_reported_with_its_line_and_column(server: Server) -> None:
    number = new_field(server, "Number")
    job = server.import_csv(
        table(
            ["Email", "Name", "Status", "Country", "Field"],
            ["good@example.com", "Good", "active", "de", "1"],
            ["", "x"],
            ["  ", "x", ""],
            ["nobody", "x"],
            ["a@example.com", "x", "gone"],
            ["b@example.com", "x", "", "Atlantis"],
            ["c@example.com", "x", "", "", "many"],
            ["d@example.com", "x" * 201],
            ["x" * 255 + "@example.com"],
            ["e@example.com", "", "", "", "9" * 101],
            ["f@example.com", "", "", "", "1", "too", "many"],
            ["g@example.com", "", "", "", "1", "", " "],
            ["", " ", "", "", ""],
        ),
        [*FULL, field_mapping(number)],
    )
    assert errors(server, job) == [
        (3, "Email", "missing_email"),
        (4, "Email", "missing_email"),
        (5, "Email", "invalid_email"),
        (6, "Status", "invalid_status"),
        (7, "Country", "invalid_country"),
        (8, "Field", "invalid_custom_field"),
        (9, "Name", "value_too_long"),
        (10, "Email", "value_too_long"),
        (11, "Field", "value_too_long"),
        (12, "", "too_many_columns"),
    ]
    assert set(subscribers(server)) == {"good@example.com", "g@example.com"}
    assert (job["status"], job["imported_count"]) == ("Completed", 2)
    assert (job["progress"]["rejected_count"], job["progress"]["rows_processed"]) == (10, 12)


@pytest.mark.parametrize(
    ("field_type", "cell", "code"),
    [
        ("Text", "x" * 10_001, "value_too_long"),
        ("Text Area", "x" * 10_001, "value_too_long"),
        ("Number", "a dozen", "invalid_custom_field"),
        ("Date", "2026-02-30", "invalid_custom_field"),
        ("Checkbox", "perhaps", "invalid_custom_field"),
        ("Select (Dropdown)", "Green", "invalid_custom_field"),
        ("Single Select", "Red, Deep Blue", "invalid_custom_field"),
        ("Multi Select", "Red, Green", "invalid_custom_field"),
        ("Multi Select", '"Green', "invalid_custom_field"),
    ],
)
def test_a_row_with_an_invalid_custom_field_is_refused(
    server: Server, field_type: str, cell: str, code: str
) -> None:
    server.import_csv("Email,Name\nada@example.com,Ada\n")
    field = field_mapping(new_field(server, field_type))
    job = server.import_csv(
        table(["Email", "Name", "Field"], ["ada@example.com", "New", cell], ["bob@example.com", "Bob", ""]),
        [*MAPPINGS, field],
    )
    assert errors(server, job) == [(2, "Field", code)]
    by_email = subscribers(server)
    assert (by_email["ada@example.com"]["name"], by_email["ada@example.com"]["custom_fields"]) == ("Ada", {})
    assert by_email["bob@example.com"]["name"] == "Bob"


@pytest.mark.parametrize(
    ("field_type", "cell", "value"),
    [
        ("Text", " a\r\nb ", "a\r\nb"),
        ("Text", "'=1", "=1"),
        ("Text", "'x", "'x"),
        ("Text Area", " a \n", " a \n"),
        ("Number", "007.50", 7.5),
        ("Number", "12", 12),
        ("Number", "-0", 0),
        ("Date", " 2024-02-29", "2024-02-29"),
        ("Checkbox", "NO", False),
        ("Checkbox", "1", True),
        ("Select (Dropdown)", "Deep Blue ", "Deep Blue"),
        ("Single Select", "a, b", "a, b"),
        ("Multi Select", '"a, b",Red,Red', ["a, b", "Red"]),
    ],
)
def test_a_custom_field_has_the_json_value_of_its_type(
    server: Server, field_type: str, cell: str, value: Any
) -> None:
    field = new_field(server, field_type)
    job = server.import_csv(
        table(["Email", "Name", "Field"], ["ada@example.com", "", cell]), [*MAPPINGS, field_mapping(field)]
    )
    assert job["imported_count"] == 1
    imported = subscribers(server)["ada@example.com"]["custom_fields"]
    assert imported == {field: value}
    assert type(imported[field]) is type(value)


@pytest.mark.parametrize(
    "digits",
    [
        "12345678901234567890123456789012345678901234567890",
        "-18446744073709551617",
        "0.1000000000000000055511151231257827",
        "0." + "0" * 40 + "1",
        "9007199254740993.5",
        "3" * 100,
    ],
)
def test_a_number_keeps_every_digit_in_an_export_and_in_a_second_import(server: Server, digits: str) -> None:
    field = new_field(server, "Number")
    mappings = [MAPPINGS[0], field_mapping(field)]
    text = table(["Email", "Field"], ["ada@example.com", digits])
    server.import_csv(text, mappings)
    assert server.import_csv(text, mappings)["progress"]["unchanged_count"] == 1
    _, exported = server.export_csv()
    assert exported.splitlines()[1].split(",")[-1].removeprefix("'") == digits


def test_all_forms_of_an_email_are_one_subscriber(server: Server) -> None:
    job = server.import_csv(
        "Email,Name\nada@bücher.example,1\n ADA@BÜCHER.EXAMPLE ,2\nada@xn--bcher-kva.example,3\n"
    )
    assert (job["progress"]["created_count"], job["progress"]["updated_count"]) == (1, 2)
    assert {email: subscriber["name"] for email, subscriber in subscribers(server).items()} == {
        "ada@xn--bcher-kva.example": "3"
    }


def test_a_later_row_with_the_same_email_updates_the_subscriber(server: Server) -> None:
    job = server.import_csv(
        "Email,Name,Country\na@x.com,One,de\nb@x.com,B,\na@x.com,Two,\nA@X.com,,fr\na@x.com,Two,FR\n",
        [*MAPPINGS, FULL[3]],
    )
    ada = subscribers(server)["a@x.com"]
    assert (ada["name"], ada["country"]) == ("Two", "FR")
    counts = job["progress"]
    assert (counts["created_count"], counts["updated_count"], counts["unchanged_count"]) == (2, 2, 1)


def test_a_refused_row_does_not_affect_other_rows_with_its_email(server: Server) -> None:
    job = server.import_csv("Email,Name\na@x.com,One\na@x.com," + "x" * 201 + "\na@x.com,Three\n")
    assert subscribers(server)["a@x.com"]["name"] == "Three"
    assert (job["imported_count"], job["progress"]["rejected_count"]) == (2, 1)


def test_a_second_import_updates_the_subscribers_of_the_first(server: Server) -> None:
    server.import_csv("Email,Name\na@x.com,One\nb@x.com,B\n")
    before = subscribers(server)
    job = server.import_csv("Email,Name\nb@x.com,B\na@x.com,Two\nc@x.com,C\n")
    after = subscribers(server)
    counts = job["progress"]
    assert (counts["created_count"], counts["updated_count"], counts["unchanged_count"]) == (1, 1, 1)
    assert after["a@x.com"]["id"] == before["a@x.com"]["id"]
    assert after["a@x.com"]["created_at"] == before["a@x.com"]["created_at"]
    assert after["b@x.com"] == before["b@x.com"]


def test_a_blank_cell_keeps_the_saved_value(server: Server) -> None:
    kinds = ["Text", "Text Area", "Number", "Date", "Checkbox", *CHOICES]
    fields = [new_field(server, kind, label=kind) for kind in kinds]
    mappings = [*FULL, *(field_mapping(field, kind) for field, kind in zip(fields, kinds, strict=True))]
    header = ["Email", "Name", "Status", "Country", *kinds]
    filled = ["a@x.com", "Ada", "Bounced", "GB", "t", " t ", "1.5", "2026-01-01", "yes", "Red", "Red", "Red"]
    server.import_csv(table(header, filled), mappings)
    before = subscribers(server)
    blanks = [
        ["a@x.com", *[""] * 11],
        ["a@x.com", *[" \t\u00a0"] * 11],
        ["a@x.com", *["\n"] * 11],
        ["a@x.com"],
        ["a@x.com", ""],
    ]
    job = server.import_csv(table(header, *blanks), mappings)
    assert job["progress"]["unchanged_count"] == 5
    assert subscribers(server) == before
    assert len(before["a@x.com"]["custom_fields"]) == 8


def test_a_new_subscriber_without_a_name_has_an_empty_name(server: Server) -> None:
    server.import_csv("Email,Name\na@x.com\n")
    ada = subscribers(server)["a@x.com"]
    assert (ada["name"], ada["country"], ada["custom_fields"], ada["tags"]) == ("", None, {}, [])


def test_a_custom_field_does_not_change_the_others(server: Server) -> None:
    first, second = new_field(server, "Text", "First"), new_field(server, "Text", "Second")
    both = [MAPPINGS[0], field_mapping(first, "First"), field_mapping(second, "Second")]
    server.import_csv("Email,First,Second\na@x.com,1,2\n", both)
    server.import_csv("Email,First,Second\na@x.com,,3\n", both)
    server.import_csv("Email,First\na@x.com,4\n", both[:2])
    assert subscribers(server)["a@x.com"]["custom_fields"] == {first: "4", second: "3"}


@pytest.mark.parametrize("cell", ["gb", "GBR", "united kingdom", " United Kingdom "])
def test_a_country_is_stored_as_alpha_2(server: Server, cell: str) -> None:
    server.import_csv(f"Email,Country\na@x.com,{cell}\n", [FULL[0], FULL[3]])
    assert subscribers(server)["a@x.com"]["country"] == "GB"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_text_may_have_any_delimiter_and_line_ends(server: Server, delimiter: str, end: str) -> None:
    lines = [["\ufeffEmail", "Name"], [], ["a@x.com", '"A, B; C | D\tE"'], ["b@x.com"], []]
    text = end.join(delimiter.join(line) for line in lines) + end + f'c@x.com{delimiter}"two{end}lines"'
    job = server.import_csv(text)
    assert (job["status"], job["imported_count"]) == ("Completed", 3)
    names = {email: subscriber["name"] for email, subscriber in subscribers(server).items()}
    assert names == {"a@x.com": "A, B; C | D\tE", "b@x.com": "", "c@x.com": f"two{end}lines"}


def test_an_import_removes_one_apostrophe_from_a_guarded_cell(server: Server) -> None:
    server.import_csv("Email,Name\n'=a@x.com,'+1+1\n'b@x.com,''=1\nc@x.com,'quoted'\n")
    assert {email: subscriber["name"] for email, subscriber in subscribers(server).items()} == {
        "=a@x.com": "+1+1",
        "'b@x.com": "'=1",
        "c@x.com": "'quoted'",
    }


def test_an_import_keeps_every_apostrophe_if_the_formula_guard_is_off(serve: Callable[..., Server]) -> None:
    server = serve(export_formula_guard=False)
    server.import_csv("Email,Name\na@x.com,'=1\n")
    assert subscribers(server)["a@x.com"]["name"] == "'=1"


@pytest.mark.slow
def test_a_large_body_is_imported_completely(server: Server) -> None:
    rows = "".join(f"user{number}@example.com,Nämé 👩 {number}\n" for number in range(40_000))
    job = server.import_csv("Email,Name\n" + rows)
    assert (job["status"], job["imported_count"]) == ("Completed", 40_000)
    assert server.rows("SELECT count(*), count(DISTINCT name), max(name) FROM subscribers") == [
        (40_000, 40_000, "Nämé 👩 9999")
    ]


@pytest.mark.parametrize(
    "text", ["select'; DROP TABLE jobs; --", "NULL", "\u202eevil", "{}", "0", "\x7f\x1b[31m", "x\u0300"]
)
def test_a_name_may_be_any_text(server: Server, text: str) -> None:
    server.import_csv(table(["Email", "Name"], ["a@x.com", text]))
    assert subscribers(server)["a@x.com"]["name"] == text


def test_the_order_of_the_mappings_does_not_matter(server: Server) -> None:
    job = server.import_csv("Name,Email\nAda,a@x.com\nBob,nobody\n", MAPPINGS[::-1])
    assert subscribers(server)["a@x.com"]["name"] == "Ada"
    assert errors(server, job) == [(3, "Email", "invalid_email")]
