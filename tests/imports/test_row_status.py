"""The status of a row, from several columns, translations and the status of the request."""

from typing import Any

import pytest
from conftest import MAPPINGS, Server
from row_results import errors, subscribers

from mailrith_lite.audience.vocabulary import STATUSES, STRICTEST_FIRST, SUPPRESSED

EMAIL = MAPPINGS[0]


def status(column: str, **members: Any) -> dict[str, Any]:
    return {"csv_column": column, "field": {"type": "subscriber-status"}, **members}


def statuses(server: Server) -> dict[str, str]:
    return {email: subscriber["status"] for email, subscriber in subscribers(server).items()}


def test_the_strictest_of_several_columns_counts_and_a_blank_cell_says_nothing(server: Server) -> None:
    job = server.import_csv(
        "Email,State,Bounce\na@x.com,Active,\nb@x.com,active,Bounced\nc@x.com,Complained,Bounced\nd@x.com,,\n"
        "e@x.com,,Unconfirmed\nf@x.com,Blocked,Complained\n",
        [EMAIL, status("State"), status("Bounce")],
    )
    assert job["imported_count"] == 6
    assert list(statuses(server).values())[::-1] == [
        "Active",
        "Bounced",
        "Complained",
        "Active",
        "Unconfirmed",
        "Blocked",
    ]


def test_a_translation_ignores_case_and_null_leaves_the_status_to_others(server: Server) -> None:
    opted_out = {"yes": "Unsubscribed", "ÉTEINT": "Blocked", "no": None}
    server.import_csv(
        "Email,Out,State\na@x.com, YES ,Active\nb@x.com,No,Unconfirmed\nc@x.com,e\u0301teint,\nd@x.com,no,\n",
        [EMAIL, status("Out", values=opted_out), status("State")],
    )
    assert statuses(server) == {
        "a@x.com": "Unsubscribed",
        "b@x.com": "Unconfirmed",
        "c@x.com": "Blocked",
        "d@x.com": "Active",
    }


def test_a_word_without_translation_refuses_its_row(server: Server) -> None:
    job = server.import_csv(
        "Email,Out\na@x.com,perhaps\n", [EMAIL, status("Out", values={"yes": "Unsubscribed"})], status="Bounced"
    )
    assert errors(server, job) == [(2, "Out", "invalid_status")]
    assert subscribers(server) == {}


@pytest.mark.parametrize("requested", STATUSES)
def test_the_status_of_the_request_is_for_new_and_known_people(server: Server, requested: str) -> None:
    known = {f"{saved.lower()}@x.com": saved for saved in STATUSES}
    mappings = [EMAIL, status("Status")]
    server.import_csv("Email,Status\n" + "".join(f"{email},{saved}\n" for email, saved in known.items()), mappings)
    rows = "".join(f"{email},\n" for email in known)
    job = server.import_csv(f"Email,Status\n{rows}new@x.com,\ncell@x.com,Unconfirmed\n", mappings, status=requested)
    assert statuses(server) == {
        **{
            email: min(saved, requested, key=STRICTEST_FIRST.index) if saved in SUPPRESSED else requested
            for email, saved in known.items()
        },
        "new@x.com": requested,
        "cell@x.com": "Unconfirmed",
    }
    lifts = [saved in SUPPRESSED and requested not in SUPPRESSED for saved in known.values()]
    assert errors(server, job) == [(line, "", "status_kept") for line, lift in enumerate(lifts, 2) if lift]


def test_an_import_shows_its_mappings_and_options(server: Server) -> None:
    mappings = [EMAIL, status("Status", values={"yes": "Blocked", "no": None})]
    job = server.import_csv(
        "Email,Status\na@x.com,yes\n", mappings, status="Unsubscribed", invalid_cells="leave_out", header=True
    )
    assert job["mappings"] == mappings
    assert job["options"] == {"status": "Unsubscribed", "invalid_cells": "leave_out", "header": True}


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        (status("Status", values={"yes": "Gone"}), "mappings[1].values"),
        (status("Status", values={"yes": "Blocked", " YES": "Active"}), "mappings[1].values"),
        (status("Status", values={str(number): None for number in range(1_001)}), "mappings[1].values"),
        (status("Status", values={"yes": 1}), "mappings[1].values[...]"),
        (status("Status", format="iso"), "mappings[1].format"),
        ({"csv_column": "Status", "field": {"type": "subscribed-at"}, "format": "comma"}, "mappings[1].format"),
        ({"csv_column": "Status", "field": {"type": "tags", "label": "A"}}, "mappings[1].field.label"),
        ({"csv_column": "Status", "field": {"type": "new-custom-field", "label": "A"}}, "mappings[1].field"),
    ],
)
def test_a_mapping_that_cannot_be_carried_out_is_refused(
    server: Server, mapping: dict[str, Any], field: str
) -> None:
    body = {"csv_text": "Email,Status\na@x.com,yes\n", "mappings": [EMAIL, mapping]}
    reply = server.call("POST", "/v1/jobs/subscriber-imports", body)
    assert (reply.status, reply.error["code"]) == (400, "invalid_mappings")
    assert reply.error["details"]["field"] == field
