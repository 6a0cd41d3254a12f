"""The error report: complete, in order, and ready to be corrected and imported again."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from conftest import MAPPINGS, Server

from mailrith_lite.imports.report import stream_report
from mailrith_lite.jobs.kinds import IMPORT

ERROR_COLUMNS = ["error_line", "error_column", "error_code", "error_message"]


def table(*rows: list[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def report(server: Server, job: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(server.report(job), newline=""), strict=True))


def test_an_import_without_errors_has_no_report(server: Server) -> None:
    assert server.import_csv("Email,Name\na@x.com,A\n")["error_report_url"] is None


def test_a_report_has_the_columns_of_the_file_and_four_more(server: Server) -> None:
    job = server.import_csv(
        table(
            ["Note", " Email", "Name ", "", "Note"],
            ["n1", "a@x.com", "A", "", ""],
            ["n2", "nobody", "B", "e", "m"],
            ["n3"],
            ["n4", "c@x.com", "C", "", "", "one", "two"],
        )
    )
    lines = report(server, job)
    assert lines[0] == ["Note", "Email", "Name", "Column 4", "Note (2)", *ERROR_COLUMNS]
    assert [row[:8] for row in lines[1:]] == [
        ["n2", "nobody", "B", "e", "m", "3", "Email", "invalid_email"],
        ["n3", "", "", "", "", "4", "Email", "missing_email"],
        ["n4", "c@x.com", "C", "", "", "5", "", "too_many_columns"],
    ]
    assert all(row[8].endswith(".") for row in lines[1:])


def test_a_report_is_a_private_csv_download(server: Server) -> None:
    job = server.import_csv("Email,Name\nnobody,A\n")
    reply = server.fetch(job["error_report_url"])
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["cache-control"] == "private, no-store"
    assert reply.body.startswith(b"Email,Name,error_line,error_column,error_code,error_message\r\n")


def test_a_report_has_the_line_numbers_of_the_file(server: Server) -> None:
    job = server.import_csv('Email,Name\r\n\r\na@x.com,"1\n2\r3\r\n4"\r\n\rnobody,x\n\n"no\nbody",y\n"",""\n"",z\n')
    assert [row[2] for row in report(server, job)[1:]] == ["8", "10", "13"]


@pytest.mark.slow
def test_a_long_report_is_complete_and_in_order(server: Server) -> None:
    rows = [f"user{number}@x.com" if number % 3 else f"nobody {number}" for number in range(12_000)]
    job = server.import_csv("Email,Name\n" + "".join(f"{row},x\n" for row in rows))
    rows_reported = report(server, job)[1:]
    assert [row[0] for row in rows_reported] == [row for row in rows if row.startswith("nobody")]
    assert [int(row[2]) for row in rows_reported] == [number + 2 for number in range(12_000) if number % 3 == 0]
    assert job["progress"]["rejected_count"] == len(rows_reported)


def test_a_report_has_refused_rows_and_warnings_in_the_order_of_the_file(server: Server) -> None:
    mappings = [MAPPINGS[0], {"csv_column": "Status", "field": {"type": "subscriber-status"}}]
    server.import_csv("Email,Status\na@x.com,Blocked\n", mappings)
    job = server.import_csv("Email,Status\nx,\na@x.com,Active\ny,\nb@x.com,\na@x.com,Unconfirmed\n", mappings)
    assert [(row[2], row[4]) for row in report(server, job)[1:]] == [
        ("2", "invalid_email"),
        ("3", "status_kept"),
        ("4", "invalid_email"),
        ("6", "status_kept"),
    ]


HOSTILE = [
    "=1+1",
    "'=1",
    "''=1",
    "@x",
    "+1",
    "+A",
    "-x",
    "'x",
    "\tx",
    'a"b',
    "a,b",
    "a\nb",
    "a\r\nb",
    "a\rb",
    " pad ",
    "é👩",
]


def test_cells_of_a_report_are_guarded_once(server: Server) -> None:
    job = server.import_csv(
        table(["Email", "=Head", "'@x"], *(["nobody", cell, ""] for cell in HOSTILE)), MAPPINGS[:1]
    )
    lines = report(server, job)
    assert lines[0][:3] == ["Email", "'=Head", "'@x"]
    guarded = ["'=1+1", "'=1", "''=1", "'@x", "+1", "'+A", "'-x", "'x", "'\tx"]
    assert [row[1] for row in lines[1:]] == [*guarded, *HOSTILE[9:]]


@pytest.mark.slow
@pytest.mark.parametrize("guard", [True, False])
def test_a_corrected_report_has_the_outcome_of_a_correct_file(serve: Callable[..., Server], guard: bool) -> None:
    server = serve(export_formula_guard=guard)
    reference = server.new_key(workspace="Reference")
    right = [[f"user{number}@x.com", cell] for number, cell in enumerate(HOSTILE)]
    wrong = [
        [email.replace("@", " at "), cell] if number % 2 else [email, cell]
        for number, (email, cell) in enumerate(right)
    ]
    server.import_csv(table(["Email", "Name"], *right), key=reference)
    job = server.import_csv(table(["Email", "Name"], *wrong))
    assert job["progress"]["rejected_count"] == len(HOSTILE) // 2
    corrected = server.report(job).replace(" at ", "@")
    again = server.import_csv(corrected)
    assert (again["progress"]["created_count"], again["error_report_url"]) == (len(HOSTILE) // 2, None)
    people = "SELECT email, name, status FROM subscribers WHERE workspace_id = ? ORDER BY email"
    assert server.rows(people, 1) == server.rows(people, 2)
    assert len(server.rows(people, 1)) == len(HOSTILE)


def test_the_import_of_a_report_reports_the_same_rows(server: Server) -> None:
    job = server.import_csv("Email;Name\nnobody;'=1\n;B\n")
    again = server.import_csv(server.report(job))
    first, second = report(server, job)[1:], report(server, again)[1:]
    assert [row[:2] for row in first] == [row[:2] for row in second]
    assert [row[4] for row in first] == [row[8] for row in second] == ["invalid_email", "missing_email"]


def test_the_report_of_a_file_with_many_columns_can_be_imported(server: Server) -> None:
    names = ["Email", *(f"c{number}" for number in range(249))]
    job = server.import_csv(table(names, ["nobody", *["x"] * 249]), MAPPINGS[:1])
    corrected = server.report(job).replace("nobody", "a@x.com")
    assert server.import_csv(corrected, MAPPINGS[:1])["imported_count"] == 1


def test_a_report_keeps_the_cells_beyond_the_header_after_the_error(server: Server) -> None:
    job = server.import_csv(table(["Email", "Name"], ["a@x.com", *["x"] * 9_998, "y"]))
    ((email, name, line, column, code, message, *extra),) = report(server, job)[1:]
    assert (email, name, line, column, code) == ("a@x.com", "x", "2", "", "too_many_columns")
    assert extra == [*["x"] * 9_997, "y"]
    assert "10,000 cells" in message


def test_a_report_begins_with_the_header_that_was_read(server: Server) -> None:
    job = server.import_csv("Members of May;;\nEmail;Name;Zip, City\nnobody;A;1 Ulm\n")
    assert report(server, job)[0] == ["Email", "Name", "Zip, City", *ERROR_COLUMNS]
    assert report(server, job)[1][:4] == ["nobody", "A", "1 Ulm", "3"]


@pytest.mark.slow
def test_a_long_refused_cell_is_reported_completely(server: Server) -> None:
    cell = "é," * (1 << 19)
    job = server.import_csv(table(["Email", "Name"], ["a@x.com", cell]))
    assert report(server, job)[1][1:5] == [cell, "2", "Name", "value_too_long"]


@pytest.mark.slow
def test_the_report_of_a_running_import_has_the_rows_refused_so_far(server: Server) -> None:
    rows = "".join("nobody,x\n" if not number % 2 else f"u{number}@x.com,x\n" for number in range(13_000))
    body = {"csv_text": "Email,Name\n" + rows, "mappings": MAPPINGS}
    job = server.call("POST", "/v1/jobs/subscriber-imports", body).json["data"]
    while job["error_report_url"] is None:
        job = server.call("GET", job["self"]).json["data"]
    rows_reported = report(server, job)[1:]
    assert [int(row[2]) for row in rows_reported] == [2 * number + 2 for number in range(len(rows_reported))]
    server.drain()
    assert len(report(server, server.call("GET", job["self"]).json["data"])) == 6_501


@pytest.mark.slow
@pytest.mark.parametrize("guard", [True, False])
def test_the_column_names_of_a_report_are_read_as_those_of_the_file(
    serve: Callable[..., Server], guard: bool
) -> None:
    server = serve(export_formula_guard=guard)
    header = ["Email", "=1", "''=1", "'x", "-", "''", "'''+a"]
    mappings = [MAPPINGS[0], {"csv_column": "'''+a", "field": {"type": "name"}}]
    job = server.import_csv(table(header, ["nobody", *"123456"]), mappings)
    again = server.import_csv(server.report(job).replace("nobody", "a@x.com"), mappings)
    assert again["imported_count"] == 1
    assert server.rows("SELECT name FROM subscribers") == [("6",)]


@pytest.mark.slow
def test_a_report_with_long_rows_is_streamed_in_small_pieces(server: Server) -> None:
    cells = [str(number) * 400_000 for number in range(10)]
    job = server.import_csv(
        table(["Email", "Name"], *([f"u{number}@x.com", cells[number % 10]] for number in range(20)))
    )

    async def blocks() -> list[int]:
        job_id = IMPORT.decode(job["id"]) or 0
        stream = stream_report(server.services.database, 1, job_id, formula_guard=True)
        return [len(block) async for block in stream]

    sizes = server.wait(blocks())
    assert sum(sizes) > 20 * 400_000
    assert max(sizes) < 2_000_000
    rows_reported = report(server, job)[1:]
    assert [row[0] for row in rows_reported] == [f"u{number}@x.com" for number in range(20)]
    assert all(row[1] == cells[number % 10] for number, row in enumerate(rows_reported))
