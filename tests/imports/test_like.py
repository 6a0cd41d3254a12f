"""Correct and send again: an import takes over mappings, tags and options of an earlier one."""

import csv
import io
from typing import Any

import pytest
from conftest import MAPPINGS, Server
from uploading import CSV, IMPORTS, look, ready, submit

from mailrith_lite import ids
from mailrith_lite.jobs.kinds import IMPORT

STATUS = {"csv_column": "State", "field": {"type": "subscriber-status"}, "values": {"gone": "Unsubscribed"}}
SINCE = {"csv_column": "Since", "field": {"type": "subscribed-at"}}
TEXT = "Email,Name,State,Since\nada@x.com,Ada,gone,2024-02-01\nbob@x.com,Bob,unheard of,2024-02-02\n"


def people(server: Server) -> dict[str, Any]:
    return {one["email"]: one for one in server.call("GET", "/v1/subscribers").json["data"]}


def send_like(server: Server, job: Any, csv_text: str, **body: Any) -> Any:
    reply = server.call("POST", IMPORTS, {"csv_text": csv_text, "like": job["id"], **body})
    assert reply.status == 202, reply.json
    server.drain()
    return server.call("GET", reply.json["data"]["self"]).json["data"]


def test_corrected_report_is_imported_with_like_alone(server: Server) -> None:
    sequence = server.call("POST", "/v1/sequences", {"name": "Welcome", "definition": {"emails": []}}).json["data"]
    tag = server.call("POST", "/v1/tags", {"name": "Old"}).json["data"]
    options = {"existing_tag_ids": [tag["id"]], "sequence_ids": [sequence["id"]], "new_tag_name": "New"}
    first = server.import_csv(TEXT, [*MAPPINGS, STATUS, SINCE], **options)
    assert (first["imported_count"], first["parent_job_id"]) == (1, None)
    second = send_like(server, first, server.report(first).replace("unheard of", "GONE"))
    assert (second["status"], second["imported_count"]) == ("Completed", 1)
    assert second["parent_job_id"] == first["id"]
    ada, bob = (people(server)[email] for email in ("ada@x.com", "bob@x.com"))
    assert (bob["name"], bob["status"], bob["subscribed_at"][:10]) == ("Bob", "Unsubscribed", "2024-02-02")
    assert [one["name"] for one in bob["tags"]] == [one["name"] for one in ada["tags"]] == ["Old", "New"]
    assert server.rows("SELECT count(*) FROM subscriber_sequences") == [(2,)]


def test_report_has_the_header_that_was_read_whatever_is_above_it(server: Server) -> None:
    text = 'Our list\n"Notes: two, or three"\n\nEmail;Name;Name;\nbroken;Ada;Lovelace;x\n'
    mappings = [MAPPINGS[0], {"csv_column": "Name", "field": {"type": "first-name"}}]
    first = server.import_csv(text, [*mappings, {"csv_column": "Name (2)", "field": {"type": "last-name"}}])
    report = server.report(first)
    names, row = csv.reader(io.StringIO(report))
    assert names[:4] == ["Email", "Name", "Name (2)", "Column 4"]
    assert row[:5] == ["broken", "Ada", "Lovelace", "x", "5"]
    send_like(server, first, report.replace("broken", "ada@x.com"))
    assert people(server)["ada@x.com"]["name"] == "Ada Lovelace"


def test_how_the_earlier_file_was_written_is_not_taken_over(server: Server) -> None:
    mappings = [{"csv_column": "Column 1", "field": {"type": "email"}}]
    first = server.import_csv("broken;Ada\n", mappings, header=False, delimiter=";")
    second = send_like(server, first, server.report(first).replace("broken", "ada@x.com"))
    assert (second["imported_count"], second["progress"]["rows_total"]) == (1, 1)
    assert list(people(server)) == ["ada@x.com"]


def test_format_that_the_whole_first_file_has_shown_reads_the_corrected_rows(server: Server) -> None:
    """The corrected row alone could have two readings."""
    text = "Email,Since\na@x.com,31/01/2024\nbroken,01/02/2024\n"
    first = server.import_csv(text, [MAPPINGS[0], SINCE])
    second = send_like(server, first, server.report(first).replace("broken", "b@x.com"))
    assert (second["status"], second["error_message"]) == ("Completed", None)
    assert people(server)["b@x.com"]["subscribed_at"][:10] == "2024-02-01"


def test_status_and_invalid_cells_are_taken_over(server: Server) -> None:
    text = "Email,Since\nbroken,someday\n"
    first = server.import_csv(text, [MAPPINGS[0], SINCE], status="Unsubscribed", invalid_cells="leave_out")
    send_like(server, first, server.report(first).replace("broken", "a@x.com"))
    assert people(server)["a@x.com"]["status"] == "Unsubscribed"


@pytest.mark.parametrize(
    ("body", "member", "value"),
    [
        ({"mappings": [MAPPINGS[0]]}, "name", ""),
        ({"new_tag_name": "Other"}, "tags", ["Other"]),
        ({"existing_tag_ids": []}, "tags", []),
        ({"status": "Blocked"}, "status", "Blocked"),
        ({}, "tags", ["First"]),
    ],
)
def test_member_of_the_request_has_priority_over_the_earlier_import(
    server: Server, body: dict[str, Any], member: str, value: object
) -> None:
    tag = server.call("POST", "/v1/tags", {"name": "First"}).json["data"]
    options = {"status": "Unsubscribed", "invalid_cells": "leave_out"}
    first = server.import_csv("Email,Name\nbroken,Ada\n", existing_tag_ids=[tag["id"]], **options)
    if "new_tag_name" in body:
        body = {**body, "existing_tag_ids": []}
    send_like(server, first, server.report(first).replace("broken", "a@x.com"), **body)
    person = people(server)["a@x.com"]
    shown = [one["name"] for one in person["tags"]] if member == "tags" else person[member]
    assert shown == value


def test_refuse_row_of_the_request_has_priority_over_leave_out_of_the_earlier_import(server: Server) -> None:
    first = server.import_csv("Email,Since\nbroken,someday\n", [MAPPINGS[0], SINCE], invalid_cells="leave_out")
    text = server.report(first).replace("broken", "a@x.com")
    assert send_like(server, first, text, invalid_cells="refuse_row")["progress"]["rejected_count"] == 1
    assert send_like(server, first, text)["progress"]["warning_count"] == 1


def test_renamed_tag_and_field_of_the_earlier_import_are_used_and_not_made_again(server: Server) -> None:
    plan = {"type": "new-custom-field", "label": "Plan", "custom_field_type": "Text"}
    mappings = [MAPPINGS[0], {"csv_column": "Name", "field": plan}]
    first = server.import_csv("Email,Name\na@x.com,Free\nbroken,Team\n", mappings, new_tag_name="May")
    (field,) = server.call("GET", "/v1/custom-fields").json["data"]
    (tag,) = server.call("GET", "/v1/tags").json["data"]
    server.call("PUT", f"/v1/custom-fields/{field['id']}", {"label": "Tariff", "type": "Text"})
    server.call("PUT", f"/v1/tags/{tag['id']}", {"name": "Spring"})
    send_like(server, first, server.report(first).replace("broken", "b@x.com"))
    assert [one["label"] for one in server.call("GET", "/v1/custom-fields").json["data"]] == ["Tariff"]
    assert [one["name"] for one in server.call("GET", "/v1/tags").json["data"]] == ["Spring"]
    assert [one["name"] for one in people(server)["b@x.com"]["tags"]] == ["Spring"]


def test_deleted_tag_is_left_out(server: Server) -> None:
    first = server.import_csv("Email,Name\nbroken,Ada\n", new_tag_name="May")
    (tag,) = server.call("GET", "/v1/tags").json["data"]
    server.call("DELETE", f"/v1/tags/{tag['id']}")
    send_like(server, first, server.report(first).replace("broken", "a@x.com"))
    assert people(server)["a@x.com"]["tags"] == []


def test_import_like_a_dry_run_has_its_mappings_and_is_no_dry_run(server: Server) -> None:
    upload = ready(server, CSV)
    reply = submit(server, upload, dry_run=True, new_tag_name="May")
    server.drain()
    tried = reply.json["data"]
    body = {"upload_id": upload["id"], "like": tried["id"]}
    job = server.call("POST", IMPORTS, body).json["data"]
    server.drain()
    job = server.call("GET", job["self"]).json["data"]
    assert (job["dry_run"], job["parent_job_id"], job["mappings"]) == (False, tried["id"], tried["mappings"])
    assert job["imported_count"] > 0
    assert {tag["name"] for one in people(server).values() for tag in one["tags"]} == {"May"}


def test_failed_import_is_sent_again_whole(server: Server) -> None:
    first = server.import_csv('Email,Name\na@x.com,Ada\nb@x.com,"Bob\n', new_tag_name="May")
    assert first["status"] == "Failed"
    second = send_like(server, first, "Email,Name\na@x.com,Ada\nb@x.com,Bob\n")
    assert second["imported_count"] == 2
    assert {tag["name"] for one in people(server).values() for tag in one["tags"]} == {"May"}


def test_report_of_a_report_is_sent_again(server: Server) -> None:
    first = server.import_csv("Email,Name\nbroken,Ada\n")
    second = send_like(server, first, server.report(first))
    third = send_like(server, second, server.report(second).replace("broken", "a@x.com"))
    assert (third["imported_count"], third["parent_job_id"]) == (1, second["id"])


@pytest.mark.parametrize("like", ["", "nonsense", IMPORT.encode(999), ids.encode(ids.TAG, 1)])
def test_unknown_import_is_refused(server: Server, like: str) -> None:
    refuse(server, like)


def test_import_of_another_workspace_is_unknown(server: Server) -> None:
    job = server.import_csv("Email\na@x.com\n", [MAPPINGS[0]], key=server.new_key(workspace="Other"))
    refuse(server, job["id"])


def test_export_is_unknown(server: Server) -> None:
    refuse(server, server.export_csv()[0]["id"])


def refuse(server: Server, like: str) -> None:
    reply = server.call("POST", IMPORTS, {"csv_text": "Email\na@x.com\n", "like": like})
    assert reply.status == 400
    assert (reply.error["details"]["field"], reply.error["details"]["reason"]) == ("like", "import_not_found")
    assert people(server) == {}


def test_import_that_is_not_finished_is_refused(server: Server) -> None:
    server.wait(server.services.runner.stop())
    waiting = server.call("POST", IMPORTS, {"csv_text": "Email\na@x.com\n", "mappings": [MAPPINGS[0]]}).json["data"]
    reply = server.call("POST", IMPORTS, {"csv_text": "Email\na@x.com\n", "like": waiting["id"]})
    assert (reply.status, reply.error["code"]) == (409, "import_not_finished")
    assert reply.error["details"]["resource"]["id"] == waiting["id"]


@pytest.mark.slow
def test_parent_is_in_the_list_of_imports(server: Server) -> None:
    first = server.import_csv("Email,Name\nbroken,Ada\n")
    send_like(server, first, "Email,Name\na@x.com,Ada\n")
    jobs = server.call("GET", IMPORTS).json["data"]
    assert [job["parent_job_id"] for job in jobs] == [first["id"], None]


def test_request_with_neither_mappings_nor_like_is_refused(server: Server) -> None:
    reply = server.call("POST", IMPORTS, {"csv_text": "Email\na@x.com\n"})
    assert (reply.status, reply.error["code"]) == (400, "invalid_mappings")
    assert "like" not in reply.error["details"].get("field", "")


def test_only_column_with_addresses_is_the_email_also_where_a_custom_field_has_its_name(server: Server) -> None:
    """Also in a report, whose other columns are left out."""
    server.call("POST", "/v1/custom-fields", {"label": "Contact", "type": "Text"})
    mappings = [{"csv_column": "Contact", "field": {"type": "email"}}]
    job = server.import_csv("Contact,Note\nada@x.com,\ntwo@x.com two@y.com,x\n", mappings)
    report = server.report(job).replace("two@x.com two@y.com", "two@x.com")
    analysis = look(server, ready(server, report.encode()))["analysis"]
    assert [(one["name"], one["proposal"] and one["proposal"]["field"]) for one in analysis["columns"]] == [
        ("Contact", {"type": "email"}),
        ("Note", None),
    ]
