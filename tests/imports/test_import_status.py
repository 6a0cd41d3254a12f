"""The status of subscribers after an import: a suppression always stays."""

import pytest
from conftest import Server
from row_results import FULL, errors, subscribers

from mailrith_lite.audience.vocabulary import STATUSES, STRICTEST_FIRST, SUPPRESSED


def test_a_new_subscriber_is_active_unless_the_row_has_a_status(server: Server) -> None:
    server.import_csv("Email,Status\na@x.com,\nb@x.com,uNCONFIRMED\nc@x.com,BLOCKED\n", [FULL[0], FULL[2]])
    server.import_csv("Email\nd@x.com\n", [FULL[0]])
    assert {email: subscriber["status"] for email, subscriber in subscribers(server).items()} == {
        "a@x.com": "Active",
        "b@x.com": "Unconfirmed",
        "c@x.com": "Blocked",
        "d@x.com": "Active",
    }


def test_a_person_who_opted_out_in_the_words_of_another_tool_is_not_active(server: Server) -> None:
    job = server.import_csv(
        "Email,Status\na@x.com,unsubscribed\nb@x.com,Subscribed\nc@x.com,lost\n", [FULL[0], FULL[2]]
    )
    saved = {email: subscriber["status"] for email, subscriber in subscribers(server).items()}
    assert saved == {"a@x.com": "Unsubscribed", "b@x.com": "Active"}
    assert errors(server, job) == [(4, "Status", "invalid_status")]


def test_star_in_values_is_every_other_filled_cell(server: Server) -> None:
    left = {**FULL[2], "csv_column": "Left at", "values": {"never": None, "*": "Unsubscribed"}}
    server.import_csv(
        "Email,Left at\na@x.com,2024-01-05\nb@x.com,Never\nc@x.com,\nd@x.com,N/A\ne@x.com,Active\n", [FULL[0], left]
    )
    assert {email: subscriber["status"] for email, subscriber in subscribers(server).items()} == {
        "a@x.com": "Unsubscribed",
        "b@x.com": "Active",
        "c@x.com": "Active",
        "d@x.com": "Active",
        "e@x.com": "Unsubscribed",
    }


@pytest.mark.parametrize("status", STATUSES)
def test_an_existing_subscriber_keeps_the_status_unless_it_is_mapped(server: Server, status: str) -> None:
    server.import_csv(f"Email,Status\na@x.com,{status}\n", [FULL[0], FULL[2]])
    job = server.import_csv("Email,Name,Status\na@x.com,Ada,Active\n")
    assert job["progress"]["warning_count"] == 0
    assert subscribers(server)["a@x.com"]["status"] == status
    assert subscribers(server)["a@x.com"]["name"] == "Ada"


def test_a_suppressed_status_changes_only_to_a_stricter_one(server: Server) -> None:
    changes = {
        f"{saved}-{imported}@x.com".lower(): (saved, imported) for saved in STATUSES for imported in STATUSES
    }
    before = "".join(f"{email},{saved}\n" for email, (saved, _) in changes.items())
    rows = "".join(f"{email},Ada,{imported.upper()}\n" for email, (_, imported) in changes.items())
    server.import_csv(f"Email,Status\n{before}", [FULL[0], FULL[2]])
    job = server.import_csv(f"Email,Name,Status\n{rows}", FULL[:3])
    people = subscribers(server)
    assert {email: people[email]["status"] for email in changes} == {
        email: min(saved, imported, key=STRICTEST_FIRST.index) if saved in SUPPRESSED else imported
        for email, (saved, imported) in changes.items()
    }
    assert {subscriber["name"] for subscriber in people.values()} == {"Ada"}
    kept = [saved in SUPPRESSED and imported not in SUPPRESSED for saved, imported in changes.values()]
    assert errors(server, job) == [(line, "Status", "status_kept") for line, one in enumerate(kept, 2) if one]
    counts = job["progress"]
    assert (counts["updated_count"], counts["rejected_count"]) == (len(changes), 0)
    assert counts["warning_count"] == sum(kept)
    assert job["imported_count"] == len(changes)


def test_a_suppression_applies_to_the_later_rows_of_its_file(server: Server) -> None:
    job = server.import_csv(
        "Email,Name,Status\na@x.com,1,Active\na@x.com,2,Unsubscribed\na@x.com,3,Active\na@x.com,3,unconfirmed\n",
        FULL[:3],
    )
    ada = subscribers(server)["a@x.com"]
    assert (ada["name"], ada["status"]) == ("3", "Unsubscribed")
    assert errors(server, job) == [(4, "Status", "status_kept"), (5, "Status", "status_kept")]
    counts = job["progress"]
    assert (counts["created_count"], counts["updated_count"], counts["unchanged_count"]) == (1, 2, 1)
    assert (counts["warning_count"], counts["rejected_count"]) == (2, 0)


def test_a_row_with_nothing_but_a_refused_status_is_unchanged(server: Server) -> None:
    server.import_csv("Email,Status\na@x.com,Bounced\n", [FULL[0], FULL[2]])
    before = subscribers(server)
    job = server.import_csv("Email,Status\na@x.com,Active\n", [FULL[0], FULL[2]])
    assert (job["progress"]["unchanged_count"], job["progress"]["warning_count"]) == (1, 1)
    assert subscribers(server) == before
