"""The tags and sequences of an import: every applied row gets them, and they count as a change."""

from typing import Any

import pytest
from conftest import KEY, MAPPINGS, Server

ROWS = "Email,Name\na@x.com,A\nb@x.com,B\n"


def new_tag(server: Server, name: str) -> str:
    return str(server.call("POST", "/v1/tags", {"name": name}).json["data"]["id"])


def new_sequence(server: Server, name: str) -> str:
    body = {"name": name, "definition": {"emails": []}}
    return str(server.call("POST", "/v1/sequences", body).json["data"]["id"])


def tags(server: Server) -> dict[str, int]:
    """name -> number of subscribers"""
    listed = server.call("GET", "/v1/tags?limit=100").json["data"]
    return {tag["name"]: tag["subscriber_count"] for tag in listed}


def subscribers(server: Server) -> dict[str, Any]:
    listed = server.call("GET", "/v1/subscribers?limit=100").json["data"]
    return {subscriber["email"]: subscriber for subscriber in listed}


def fates(job: Any) -> tuple[int, int, int, int]:
    counts = job["progress"]
    return (
        counts["created_count"],
        counts["updated_count"],
        counts["unchanged_count"],
        counts["rejected_count"],
    )


def test_created_updated_and_unchanged_rows_all_get_the_tags_and_sequences(server: Server) -> None:
    server.import_csv("Email,Name\na@x.com,old\nb@x.com,B\n")
    tag_ids = [new_tag(server, "One"), new_tag(server, "Two")]
    sequence_ids = [new_sequence(server, "S"), new_sequence(server, "T")]
    job = server.import_csv(
        ROWS + "c@x.com,C\nnobody,N\n", existing_tag_ids=tag_ids, sequence_ids=sequence_ids, new_tag_name="Three"
    )
    assert fates(job) == (1, 2, 0, 1)
    by_email = subscribers(server)
    assert len(by_email) == 3
    for subscriber in by_email.values():
        assert {tag["name"] for tag in subscriber["tags"]} == {"One", "Two", "Three"}
        assert set(subscriber["sequence_ids"]) == set(sequence_ids)
    assert tags(server) == {"One": 3, "Two": 3, "Three": 3}


def test_a_row_of_a_subscriber_with_all_tags_and_sequences_is_unchanged(server: Server) -> None:
    more = {"existing_tag_ids": [new_tag(server, "One")], "sequence_ids": [new_sequence(server, "S")]}
    assert fates(server.import_csv(ROWS, **more)) == (2, 0, 0, 0)
    before = subscribers(server)
    assert fates(server.import_csv(ROWS, **more)) == (0, 0, 2, 0)
    assert subscribers(server) == before


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["existing_tag_ids", "sequence_ids"])
def test_a_further_tag_or_sequence_is_a_change(server: Server, kind: str) -> None:
    make = new_tag if kind == "existing_tag_ids" else new_sequence
    members = [make(server, "One"), make(server, "Two")]
    server.import_csv(ROWS, **{kind: members[:1]})
    assert fates(server.import_csv(ROWS + "c@x.com,C\n", **{kind: members})) == (1, 2, 0, 0)
    assert fates(server.import_csv(ROWS, **{kind: members[1:]})) == (0, 0, 2, 0)


def test_a_duplicate_row_does_not_count_its_tags_again(server: Server) -> None:
    job = server.import_csv(ROWS + "a@x.com,A\nA@X.COM,\n", new_tag_name="New")
    assert fates(job) == (2, 0, 2, 0)
    assert tags(server) == {"New": 2}


def test_a_row_whose_status_is_refused_gets_the_tags(server: Server) -> None:
    status = [MAPPINGS[0], {"csv_column": "Status", "field": {"type": "subscriber-status"}}]
    server.import_csv("Email,Status\na@x.com,Unsubscribed\n", status)
    job = server.import_csv("Email,Status\na@x.com,Active\n", status, new_tag_name="New")
    assert fates(job) == (0, 1, 0, 0)
    assert job["progress"]["warning_count"] == 1
    assert tags(server) == {"New": 1}


def test_a_refused_row_gets_no_tags(server: Server) -> None:
    server.import_csv(ROWS)
    job = server.import_csv("Email,Name\na@x.com," + "x" * 201 + "\nb@x.com,B\n", new_tag_name="New")
    assert fates(job) == (0, 1, 0, 1)
    assert [tag["name"] for tag in subscribers(server)["a@x.com"]["tags"]] == []
    assert tags(server) == {"New": 1}


@pytest.mark.parametrize("name", ["Website Signup", "website SIGNUP", "  WEBSITE SIGNUP\t"])
def test_a_new_tag_name_reuses_a_tag_of_that_name_ignoring_case(server: Server, name: str) -> None:
    new_tag(server, "Website Signup")
    server.import_csv(ROWS, new_tag_name=name)
    assert tags(server) == {"Website Signup": 2}


@pytest.mark.parametrize(("first", "second"), [("STRASSE", "straße"), ("ÉTÉ", "été"), ("Σίσυφος", "ΣΊΣΥΦΟΣ")])
def test_tag_names_are_compared_without_case_in_every_alphabet(server: Server, first: str, second: str) -> None:
    server.import_csv(ROWS, new_tag_name=first)
    assert fates(server.import_csv(ROWS, new_tag_name=second)) == (0, 0, 2, 0)
    assert tags(server) == {first: 2}


@pytest.mark.slow
def test_jobs_with_the_same_new_tag_create_it_once(server: Server) -> None:
    other = server.new_key(workspace="Other")
    for number in range(6):
        for key in (KEY, other):
            body = {"csv_text": f"Email\nu{number}@x.com\n", "mappings": MAPPINGS[:1], "new_tag_name": "New"}
            assert server.call("POST", "/v1/jobs/subscriber-imports", body, key=key).status == 202
    server.drain()
    assert tags(server) == {"New": 6}
    assert server.rows("SELECT workspace_id, name FROM tags ORDER BY 1") == [(1, "New"), (2, "New")]


def test_the_same_tag_by_id_and_by_name_is_one_tag(server: Server) -> None:
    tag = new_tag(server, "One")
    job = server.import_csv(ROWS, existing_tag_ids=[tag, tag], new_tag_name="ONE")
    assert fates(job) == (2, 0, 0, 0)
    assert tags(server) == {"One": 2}


def test_the_same_sequence_twice_is_one_sequence(server: Server) -> None:
    sequence = new_sequence(server, "S")
    server.import_csv(ROWS, sequence_ids=[sequence, sequence])
    assert subscribers(server)["a@x.com"]["sequence_ids"] == [sequence]


def test_a_new_tag_is_created_even_if_no_row_is_applied(server: Server) -> None:
    job = server.import_csv("Email\nnobody\n", MAPPINGS[:1], new_tag_name="New")
    assert (job["status"], job["imported_count"]) == ("Completed", 0)
    assert tags(server) == {"New": 0}


@pytest.mark.parametrize("rows", ['a@x.com,"A\n', "a@x.com,A\n" * 220_000 + "b@x.com,\0\n", 'a@x.com,"A"x\n'])
def test_a_broken_file_creates_no_tag(server: Server, rows: str) -> None:
    job = server.import_csv("Email,Name\n" + rows, new_tag_name="New")
    assert job["status"] == "Failed"
    assert tags(server) == {}


async def _set_membership(server: Server, status: str) -> None:
    async with server.services.database.write() as connection:
        await connection.execute("UPDATE subscriber_sequences SET status = ?", (status,))


@pytest.mark.parametrize(("saved", "updated", "after"), [("completed", 0, "completed"), ("removed", 2, "active")])
def test_a_removed_subscriber_enters_the_sequence_again_and_a_completed_one_does_not(
    server: Server, saved: str, updated: int, after: str
) -> None:
    sequence = new_sequence(server, "S")
    server.import_csv(ROWS, sequence_ids=[sequence])
    server.wait(_set_membership(server, saved))
    job = server.import_csv(ROWS, sequence_ids=[sequence])
    assert fates(job) == (0, updated, 2 - updated, 0)
    assert server.rows("SELECT DISTINCT status FROM subscriber_sequences") == [(after,)]
