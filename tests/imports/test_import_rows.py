"""What one row does to a subscriber, and why a row is refused."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MAPPINGS, Server

from mailrith_lite.audience.values import STATUSES, SUPPRESSED

FULL = [
    *MAPPINGS,
    {"csv_column": "Status", "field": {"type": "subscriber-status"}},
    {"csv_column": "Country", "field": {"type": "country"}},
]
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


def subscribers(server: Server) -> dict[str, Any]:
    """By email."""
    listed = server.call("GET", "/v1/subscribers?limit=100").json["data"]
    return {subscriber["email"]: subscriber for subscriber in listed}


def errors(server: Server, job: Any) -> list[tuple[int, str, str]]:
    """(line, column, code) of every row of the report."""
    if job["error_report_url"] is None:
        return []
    rows = csv.DictReader(io.StringIO(server.report(job), newline=""))
    return [(int(row["error_line"]), row["error_column"], row["error_code"]) for row in rows]


def test_every_row_error_is_reported_with_its_line_and_column(server: Server) -> None:
    number = new_field(server, "Number")
    job = server.import_csv(
        table(
            ["Email", "Name", "Status", "Country", "Field"],
            ["good@example.com", "Good", "active", "de", "1"],
            ["", "x"],
            ["  ", ""],
            ["nobody", "x"],
            ["a@example.com", "x", "gone"],
            ["b@example.com", "x", "", "Atlantis"],
            ["c@example.com", "x", "", "", "many"],
            ["d@example.com", "x" * 201],
            ["x" * 255 + "@example.com"],
            ["e@example.com", "", "", "", "9" * 101],
            ["f@example.com", "", "", "", "1", "too", "many"],
            ["g@example.com", "", "", "", "1", ""],
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
        (13, "", "too_many_columns"),
    ]
    assert list(subscribers(server)) == ["good@example.com"]
    assert (job["status"], job["imported_count"]) == ("Completed", 1)
    assert (job["progress"]["rejected_count"], job["progress"]["rows_processed"]) == (11, 12)


@pytest.mark.parametrize(
    ("field_type", "cell", "code"),
    [
        ("Text", "x" * 10_001, "value_too_long"),
        ("Text Area", "x" * 10_001, "value_too_long"),
        ("Number", "12,5", "invalid_custom_field"),
        ("Date", "2026-02-30", "invalid_custom_field"),
        ("Checkbox", "perhaps", "invalid_custom_field"),
        ("Select (Dropdown)", "red", "invalid_custom_field"),
        ("Single Select", "Red, Deep Blue", "invalid_custom_field"),
        ("Multi Select", "Red, Green", "invalid_custom_field"),
        ("Multi Select", '"Red', "invalid_custom_field"),
    ],
)
def test_a_row_with_a_bad_custom_field_is_refused_whole(
    server: Server, field_type: str, cell: str, code: str
) -> None:
    server.import_csv("Email,Name\nada@example.com,Ada\n")
    field = field_mapping(new_field(server, field_type))
    job = server.import_csv(
        table(["Email", "Name", "Field"], ["ada@example.com", "New", cell], ["bob@example.com", "Bob", ""]),
        [*MAPPINGS, field],
    )
    assert errors(server, job) == [(2, "Field", code)]
    found = subscribers(server)
    assert (found["ada@example.com"]["name"], found["ada@example.com"]["custom_fields"]) == ("Ada", {})
    assert found["bob@example.com"]["name"] == "Bob"


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
def test_a_custom_field_has_the_json_of_its_type(server: Server, field_type: str, cell: str, value: Any) -> None:
    field = new_field(server, field_type)
    job = server.import_csv(
        table(["Email", "Name", "Field"], ["ada@example.com", "", cell]), [*MAPPINGS, field_mapping(field)]
    )
    assert job["imported_count"] == 1
    found = subscribers(server)["ada@example.com"]["custom_fields"]
    assert found == {field: value}
    assert type(found[field]) is type(value)


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
def test_a_number_keeps_every_digit_on_the_wire_and_when_it_is_imported_again(server: Server, digits: str) -> None:
    field = new_field(server, "Number")
    mappings = [MAPPINGS[0], field_mapping(field)]
    text = table(["Email", "Field"], ["ada@example.com", digits])
    server.import_csv(text, mappings)
    assert server.import_csv(text, mappings)["progress"]["unchanged_count"] == 1
    _, exported = server.export_csv()
    assert exported.splitlines()[1].split(",")[-1].removeprefix("'") == digits


def test_an_email_is_the_key_in_any_form_that_means_the_same(server: Server) -> None:
    job = server.import_csv(
        "Email,Name\nada@bücher.example,1\n ADA@BÜCHER.EXAMPLE ,2\nada@xn--bcher-kva.example,3\n"
    )
    assert (job["progress"]["created_count"], job["progress"]["updated_count"]) == (1, 2)
    assert {email: found["name"] for email, found in subscribers(server).items()} == {
        "ada@xn--bcher-kva.example": "3"
    }


def test_a_later_duplicate_updates_the_earlier(server: Server) -> None:
    job = server.import_csv(
        "Email,Name,Country\na@x.com,One,de\nb@x.com,B,\na@x.com,Two,\nA@X.com,,fr\na@x.com,Two,FR\n",
        [*MAPPINGS, FULL[3]],
    )
    found = subscribers(server)["a@x.com"]
    assert (found["name"], found["country"]) == ("Two", "FR")
    counts = job["progress"]
    assert (counts["created_count"], counts["updated_count"], counts["unchanged_count"]) == (2, 2, 1)


def test_an_earlier_good_row_stays_when_a_later_one_of_the_same_email_is_refused(server: Server) -> None:
    job = server.import_csv("Email,Name\na@x.com,One\na@x.com," + "x" * 201 + "\na@x.com,Three\n")
    assert subscribers(server)["a@x.com"]["name"] == "Three"
    assert (job["imported_count"], job["progress"]["rejected_count"]) == (2, 1)


def test_a_second_file_updates_what_the_first_created(server: Server) -> None:
    server.import_csv("Email,Name\na@x.com,One\nb@x.com,B\n")
    before = subscribers(server)
    job = server.import_csv("Email,Name\nb@x.com,B\na@x.com,Two\nc@x.com,C\n")
    after = subscribers(server)
    counts = job["progress"]
    assert (counts["created_count"], counts["updated_count"], counts["unchanged_count"]) == (1, 1, 1)
    assert after["a@x.com"]["id"] == before["a@x.com"]["id"]
    assert after["a@x.com"]["created_at"] == before["a@x.com"]["created_at"]
    assert after["b@x.com"] == before["b@x.com"]


def test_a_blank_cell_leaves_every_saved_value(server: Server) -> None:
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


def test_a_new_subscriber_without_a_name_has_an_empty_one(server: Server) -> None:
    server.import_csv("Email,Name\na@x.com\n")
    found = subscribers(server)["a@x.com"]
    assert (found["name"], found["country"], found["custom_fields"], found["tags"]) == ("", None, {}, [])


def test_one_custom_field_leaves_the_others(server: Server) -> None:
    first, second = new_field(server, "Text", "First"), new_field(server, "Text", "Second")
    both = [MAPPINGS[0], field_mapping(first, "First"), field_mapping(second, "Second")]
    server.import_csv("Email,First,Second\na@x.com,1,2\n", both)
    server.import_csv("Email,First,Second\na@x.com,,3\n", both)
    server.import_csv("Email,First\na@x.com,4\n", both[:2])
    assert subscribers(server)["a@x.com"]["custom_fields"] == {first: "4", second: "3"}


def test_a_new_subscriber_is_active_unless_the_file_says_otherwise(server: Server) -> None:
    server.import_csv("Email,Status\na@x.com,\nb@x.com,uNCONFIRMED\nc@x.com,BLOCKED\n", [FULL[0], FULL[2]])
    server.import_csv("Email\nd@x.com\n", [FULL[0]])
    assert {email: found["status"] for email, found in subscribers(server).items()} == {
        "a@x.com": "Active",
        "b@x.com": "Unconfirmed",
        "c@x.com": "Blocked",
        "d@x.com": "Active",
    }


@pytest.mark.parametrize("status", STATUSES)
def test_an_existing_subscriber_keeps_the_status_unless_it_is_mapped(server: Server, status: str) -> None:
    server.import_csv(f"Email,Status\na@x.com,{status}\n", [FULL[0], FULL[2]])
    job = server.import_csv("Email,Name,Status\na@x.com,Ada,Active\n")
    assert job["progress"]["warning_count"] == 0
    assert subscribers(server)["a@x.com"]["status"] == status
    assert subscribers(server)["a@x.com"]["name"] == "Ada"


@pytest.mark.parametrize("wanted", STATUSES)
@pytest.mark.parametrize("saved", STATUSES)
def test_an_import_never_lifts_a_suppression(server: Server, saved: str, wanted: str) -> None:
    server.import_csv(f"Email,Status\na@x.com,{saved}\n", [FULL[0], FULL[2]])
    job = server.import_csv(f"Email,Name,Status\na@x.com,Ada,{wanted.upper()}\n", FULL[:3])
    kept = saved in SUPPRESSED and wanted not in SUPPRESSED
    found = subscribers(server)["a@x.com"]
    assert (found["name"], found["status"]) == ("Ada", saved if kept else wanted)
    assert errors(server, job) == ([(2, "Status", "status_kept")] if kept else [])
    counts = job["progress"]
    assert (counts["updated_count"], counts["rejected_count"], counts["warning_count"]) == (1, 0, int(kept))
    assert job["imported_count"] == 1


def test_a_suppression_within_the_file_holds_for_its_later_rows(server: Server) -> None:
    job = server.import_csv(
        "Email,Name,Status\na@x.com,1,Active\na@x.com,2,Unsubscribed\na@x.com,3,Active\na@x.com,3,unconfirmed\n",
        FULL[:3],
    )
    found = subscribers(server)["a@x.com"]
    assert (found["name"], found["status"]) == ("3", "Unsubscribed")
    assert errors(server, job) == [(4, "Status", "status_kept"), (5, "Status", "status_kept")]
    counts = job["progress"]
    assert (counts["created_count"], counts["updated_count"], counts["unchanged_count"]) == (1, 2, 1)
    assert (counts["warning_count"], counts["rejected_count"]) == (2, 0)


def test_a_row_that_only_wants_a_kept_status_is_unchanged(server: Server) -> None:
    server.import_csv("Email,Status\na@x.com,Bounced\n", [FULL[0], FULL[2]])
    before = subscribers(server)
    job = server.import_csv("Email,Status\na@x.com,Active\n", [FULL[0], FULL[2]])
    assert (job["progress"]["unchanged_count"], job["progress"]["warning_count"]) == (1, 1)
    assert subscribers(server) == before


@pytest.mark.parametrize("cell", ["gb", "GBR", "united kingdom", " United Kingdom "])
def test_a_country_is_stored_as_alpha_2(server: Server, cell: str) -> None:
    server.import_csv(f"Email,Country\na@x.com,{cell}\n", [FULL[0], FULL[3]])
    assert subscribers(server)["a@x.com"]["country"] == "GB"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_in_any_dialect(server: Server, delimiter: str, end: str) -> None:
    lines = [["\ufeffEmail", "Name"], [], ["a@x.com", '"A, B; C | D\tE"'], ["b@x.com"], []]
    text = end.join(delimiter.join(line) for line in lines) + end + f'c@x.com{delimiter}"two{end}lines"'
    job = server.import_csv(text)
    assert (job["status"], job["imported_count"]) == ("Completed", 3)
    names = {email: found["name"] for email, found in subscribers(server).items()}
    assert names == {"a@x.com": "A, B; C | D\tE", "b@x.com": "", "c@x.com": f"two{end}lines"}


def test_a_guarded_cell_loses_one_apostrophe_on_the_way_in(server: Server) -> None:
    server.import_csv("Email,Name\n'=a@x.com,'+1+1\n'b@x.com,''=1\nc@x.com,'quoted'\n")
    assert {email: found["name"] for email, found in subscribers(server).items()} == {
        "=a@x.com": "+1+1",
        "'b@x.com": "'=1",
        "c@x.com": "'quoted'",
    }


def test_without_the_guard_every_apostrophe_is_the_cells_own(serve: Callable[..., Server]) -> None:
    server = serve(export_formula_guard=False)
    server.import_csv("Email,Name\na@x.com,'=1\n")
    assert subscribers(server)["a@x.com"]["name"] == "'=1"


def test_a_large_body_and_a_small_one_are_read_alike(server: Server) -> None:
    rows = "".join(f"user{number}@example.com,Nämé 👩 {number}\n" for number in range(40_000))
    job = server.import_csv("Email,Name\n" + rows)
    assert (job["status"], job["imported_count"]) == ("Completed", 40_000)
    assert server.rows("SELECT count(*), count(DISTINCT name), max(name) FROM subscribers") == [
        (40_000, 40_000, "Nämé 👩 9999")
    ]


@pytest.mark.parametrize(
    "text", ["select'; DROP TABLE jobs; --", "NULL", "\u202eevil", "{}", "0", "\x7f\x1b[31m", "a\u0300"]
)
def test_a_hostile_name_is_a_name(server: Server, text: str) -> None:
    server.import_csv(table(["Email", "Name"], ["a@x.com", text]))
    assert subscribers(server)["a@x.com"]["name"] == text


def test_the_order_of_the_mappings_does_not_matter(server: Server) -> None:
    job = server.import_csv("Name,Email\nAda,a@x.com\nBob,nobody\n", MAPPINGS[::-1])
    assert subscribers(server)["a@x.com"]["name"] == "Ada"
    assert errors(server, job) == [(3, "Email", "invalid_email")]
