"""Columns of first and last names, tags, sequences, times and new custom fields, and cells that are left out."""

from typing import Any

import pytest
from api_records import execute
from conftest import MAPPINGS, Server
from row_results import errors, subscribers

EMAIL = MAPPINGS[0]


def mapped(column: str, field: str, **members: Any) -> dict[str, Any]:
    return {"csv_column": column, "field": {"type": field}, **members}


def tag_names(server: Server, email: str = "a@x.com") -> list[str]:
    return sorted(tag["name"] for tag in subscribers(server)[email]["tags"])


def new_sequence(server: Server, name: str) -> str:
    body = {"name": name, "definition": {"emails": []}}
    return str(server.call("POST", "/v1/sequences", body).json["data"]["id"])


def fates(job: Any) -> tuple[int, int, int, int]:
    counts = job["progress"]
    return (
        counts["created_count"],
        counts["updated_count"],
        counts["unchanged_count"],
        counts["rejected_count"],
    )


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        (",Ida,Moor", "Ida Moor"),
        (", Ida ,", "Ida"),
        (",,Moor", "Moor"),
        ("Ida M.,Ada,Byron", "Ida M."),
        (",,", ""),
    ],
)
def test_first_and_last_name_make_the_name_unless_there_is_one(server: Server, cells: str, name: str) -> None:
    mappings = [EMAIL, mapped("Name", "name"), mapped("First", "first-name"), mapped("Last", "last-name")]
    server.import_csv(f"Email,Name,First,Last\na@x.com,{cells}\n", mappings)
    assert subscribers(server)["a@x.com"]["name"] == name


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("VIP", ["VIP"]),
        ("b, a ,,c", ["a", "b", "c"]),
        ("a;b", ["a", "b"]),
        ("a|b", ["a", "b"]),
        ('"VIP","Spring, fair"', ["Spring, fair", "VIP"]),
        ('"a; b" ; "c""d"', ['c"d', "a; b"]),
        ('a "quoted" word, "open', ['"open', 'a "quoted" word']),
        ("Vip,VIP,vip", ["Vip"]),
        ("é,e\u0301", ["é"]),
        (" , ;", []),
        ("a\nb", ["a", "b"]),
    ],
)
def test_tags_are_a_list_in_the_cell(server: Server, cell: str, names: list[str]) -> None:
    quoted = cell.replace('"', '""')
    job = server.import_csv(f'Email,Tags\na@x.com,"{quoted}"\n', [EMAIL, mapped("Tags", "tags")])
    assert fates(job) == (1, 0, 0, 0)
    assert tag_names(server) == sorted(names)


def test_tags_are_created_once_and_a_row_without_a_new_one_is_unchanged(server: Server) -> None:
    mappings = [EMAIL, mapped("Tags", "tags")]
    server.call("POST", "/v1/tags", {"name": "Old"})
    rows = 'Email,Tags\na@x.com,"new,OLD"\nb@x.com,"NEW"\na@x.com,new\na@x.com,"new,third"\n'
    assert fates(server.import_csv(rows, mappings)) == (2, 1, 1, 0)
    assert tag_names(server) == ["Old", "new", "third"]
    assert tag_names(server, "b@x.com") == ["new"]
    assert server.rows("SELECT name, subscriber_count FROM tags ORDER BY name") == [
        ("Old", 1),
        ("new", 2),
        ("third", 1),
    ]
    assert fates(server.import_csv(rows, mappings)) == (0, 0, 4, 0)


def test_a_tag_of_the_job_and_of_the_row_counts_once(server: Server) -> None:
    job = server.import_csv(
        'Email,Tags\na@x.com,"new,other"\n', [EMAIL, mapped("Tags", "tags")], new_tag_name="New"
    )
    assert fates(job) == (1, 0, 0, 0)
    assert server.rows("SELECT name, subscriber_count FROM tags ORDER BY name") == [("New", 1), ("other", 1)]


def test_a_refused_row_creates_no_tag(server: Server) -> None:
    server.import_csv("Email,Tags\nnobody,new\n", [EMAIL, mapped("Tags", "tags")])
    assert server.rows("SELECT name FROM tags") == []


def test_sequences_are_named_by_name_or_id_and_an_unknown_one_is_a_warning(server: Server) -> None:
    welcome, course = new_sequence(server, "Welcome"), new_sequence(server, "Course; long")
    mappings = [EMAIL, mapped("Sequences", "sequences")]
    rows = f'Email,Sequences\na@x.com,"welcome,{course},Gone,Lost"\nb@x.com,"""Course; long"""\nc@x.com,Gone\n'
    job = server.import_csv(rows, mappings)
    people = subscribers(server)
    assert sorted(people["a@x.com"]["sequence_ids"]) == sorted([welcome, course])
    assert people["b@x.com"]["sequence_ids"] == [course]
    assert people["c@x.com"]["sequence_ids"] == []
    assert errors(server, job) == [(2, "Sequences", "unknown_sequence"), (4, "Sequences", "unknown_sequence")]
    assert (fates(job), job["progress"]["warning_count"]) == ((3, 0, 0, 0), 2)
    assert fates(server.import_csv(rows, mappings)) == (0, 0, 3, 0)


def test_times_are_read_in_the_time_zone_of_the_workspace(server: Server) -> None:
    execute(server, "UPDATE workspaces SET time_zone = 'Europe/Berlin' WHERE id = 1")
    mappings = [EMAIL, mapped("Since", "subscribed-at"), mapped("Opened", "last-opened-at")]
    server.import_csv(
        "Email,Since,Opened\na@x.com,2023-01-05,2024-07-01 10:00:00\nb@x.com,2023-01-05T10:00:00Z,\n", mappings
    )
    people = subscribers(server)
    assert people["a@x.com"]["subscribed_at"] == "2023-01-04T23:00:00.000Z"
    assert people["a@x.com"]["last_opened_at"] == "2024-07-01T08:00:00.000Z"
    assert people["b@x.com"]["subscribed_at"] == "2023-01-05T10:00:00.000Z"
    assert people["b@x.com"]["last_opened_at"] is None


def test_a_known_subscriber_gets_the_new_subscription_time_and_only_a_later_open(server: Server) -> None:
    mappings = [EMAIL, mapped("Since", "subscribed-at"), mapped("Opened", "last-opened-at")]
    head = "Email,Since,Opened\n"
    server.import_csv(head + "a@x.com,2023-01-05,2024-07-01\n", mappings)
    for row, fate in (
        ("a@x.com,2023-01-05,2024-07-01", (0, 0, 1, 0)),
        ("a@x.com,,2024-06-30", (0, 0, 1, 0)),
        ("a@x.com,2022-01-05,2024-07-02", (0, 1, 0, 0)),
    ):
        assert fates(server.import_csv(f"{head}{row}\n", mappings)) == fate
    ada = subscribers(server)["a@x.com"]
    assert (ada["subscribed_at"][:10], ada["last_opened_at"][:10]) == ("2022-01-05", "2024-07-02")


@pytest.mark.parametrize("cell", ["yesterday", "2023-02-30", "2999-01-01", "1969-12-31"])
def test_an_impossible_time_is_refused_with_its_value(server: Server, cell: str) -> None:
    job = server.import_csv(f"Email,Since\na@x.com,{cell}\n", [EMAIL, mapped("Since", "subscribed-at")])
    assert errors(server, job) == [(2, "Since", "invalid_date")]
    assert f'""{cell}""' in server.report(job)


def test_a_cell_that_cannot_be_read_is_left_out_with_a_warning_if_the_request_says_so(server: Server) -> None:
    mappings = [
        EMAIL,
        mapped("Country", "country"),
        mapped("Since", "subscribed-at"),
        mapped("Status", "subscriber-status"),
    ]
    text = (
        "Email,Country,Since,Status\na@x.com,Atlantis,soon,Bounced\nb@x.com,DE,soon,\n"
        "nobody,Atlantis,,\nd@x.com,Atlantis,,Sleeping\ne@x.com,DE,,\n"
    )
    job = server.import_csv(text, mappings, invalid_cells="leave_out")
    assert errors(server, job) == [
        (2, "Country", "invalid_country"),
        (2, "Since", "invalid_date"),
        (3, "Since", "invalid_date"),
        (4, "Email", "invalid_email"),
        (5, "Status", "invalid_status"),
    ]
    assert (fates(job), job["progress"]["warning_count"]) == ((3, 0, 0, 2), 3)
    people = subscribers(server)
    assert {email: (one["country"], one["status"]) for email, one in people.items()} == {
        "a@x.com": (None, "Bounced"),
        "b@x.com": ("DE", "Active"),
        "e@x.com": ("DE", "Active"),
    }
    assert fates(server.import_csv(text, mappings)) == (0, 0, 1, 4)


def test_names_that_are_too_long_together_are_one_cell_to_leave_out(server: Server) -> None:
    mappings = [EMAIL, mapped("First", "first-name"), mapped("Last", "last-name")]
    job = server.import_csv(
        f"Email,First,Last\na@x.com,{'a' * 150},{'b' * 150}\n", mappings, invalid_cells="leave_out"
    )
    assert errors(server, job) == [(2, "Last", "value_too_long")]
    assert subscribers(server)["a@x.com"]["name"] == ""


NEW = {"type": "new-custom-field", "label": "Shoe  size", "custom_field_type": "Number"}


def test_a_new_custom_field_is_created_once_and_used_again(server: Server) -> None:
    mappings = [EMAIL, {"csv_column": "Size", "field": NEW}]
    text = "Email,Size\na@x.com,41\n"
    dry = server.import_csv(text, mappings, dry_run=True)
    assert server.rows("SELECT label FROM custom_fields") == []
    job = server.import_csv(text, mappings)
    assert dry["progress"] == job["progress"]
    assert server.rows("SELECT label, type FROM custom_fields") == [("Shoe size", "Number")]
    assert list(subscribers(server)["a@x.com"]["custom_fields"].values()) == [41]
    assert fates(server.import_csv(text, mappings)) == (0, 0, 1, 0)
    assert len(server.rows("SELECT id FROM custom_fields")) == 1
    assert job["mappings"][1]["field"] == {**NEW, "label": "Shoe size"}


def test_a_broken_file_creates_no_custom_field_and_no_tag(server: Server) -> None:
    mappings = [EMAIL, {"csv_column": "Size", "field": NEW}]
    job = server.import_csv('Email,Size\na@x.com,41\n"open', mappings, new_tag_name="New")
    assert job["status"] == "Failed"
    assert server.rows("SELECT label FROM custom_fields UNION SELECT name FROM tags") == []


@pytest.mark.parametrize("label", ["Shoe size", "Subscriber Email"])
def test_a_new_custom_field_with_a_taken_label_is_refused(server: Server, label: str) -> None:
    server.call("POST", "/v1/custom-fields", {"label": "shoe SIZE", "type": "Text"})
    body = {
        "csv_text": "Email,Size\na@x.com,41\n",
        "mappings": [EMAIL, {"csv_column": "Size", "field": {**NEW, "label": label}}],
    }
    reply = server.call("POST", "/v1/jobs/subscriber-imports", body)
    assert (reply.status, reply.error["details"]["field"]) == (400, "mappings[1].field.label")
