"""The commands `jobs list`, `jobs show` and `jobs cancel`, against a running service."""

import re
from pathlib import Path

import pytest
from conftest import MAPPINGS, Server

from cli.command_line import EMAIL_NAME, assert_fails, client_environment, csv_file, run, run_on_terminal
from mailrith_lite.cli.remote_jobs import without_zeros


def test_jobs_are_listed_newest_first(server: Server, cwd: Path) -> None:
    server.import_csv(EMAIL_NAME)
    server.export_csv()
    server.import_csv('Email,Name\n"open\n')
    server.import_csv("Email,Name\nx,\n")
    result = run("jobs", "list", env=client_environment(server), cwd=cwd)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("import", "Completed", "1 row: 0 created, 0 updated, 0 unchanged, 1 refused, 0 warnings"),
        ("import", "Failed", "0 rows: 0 created, 0 updated, 0 unchanged, 0 refused, 0 warnings"),
        ("export", "Completed", "2 exported"),
        ("import", "Completed", "2 rows: 2 created, 0 updated, 0 unchanged, 0 refused, 0 warnings"),
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", row[4]) for row in rows)
    limited = run("jobs", "list", "--limit", 2, env=client_environment(server), cwd=cwd)
    assert limited.stdout.splitlines() == result.stdout.splitlines()[:2]


def test_list_has_the_jobs_that_the_key_may_read(server: Server, cwd: Path) -> None:
    server.import_csv(EMAIL_NAME)
    server.export_csv()
    importer = server.new_key(scopes=("subscribers:import",))
    result = run("jobs", "list", env=client_environment(server, importer), cwd=cwd)
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["import"]
    tag_reader = server.new_key(scopes=("tags:read",))
    assert_fails(run("jobs", "list", env=client_environment(server, tag_reader), cwd=cwd), "insufficient_scope")


def test_show_prints_every_field_of_a_job(server: Server, cwd: Path) -> None:
    server.import_csv(EMAIL_NAME)
    job, _ = server.export_csv(status="Active", query="ann")
    result = run("jobs", "show", job["id"], env=client_environment(server), cwd=cwd)
    fields = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert fields["id"] == job["id"]
    assert fields["status"] == "Completed"
    assert fields["counts"] == "1 exported"
    assert fields["file"] == job["file_name"]
    assert fields["selection"] == "query ann, status Active"
    assert server.fetch(fields["download"]).status == 200
    assert "report" not in fields


def test_show_prints_the_error_of_a_failed_import(server: Server, cwd: Path) -> None:
    job = server.import_csv('Email,Name\n"open\n')
    result = run("jobs", "show", job["id"], env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0
    assert f"error      {job['error_message']}\n" in result.stdout


def test_cancel_ends_running_and_queued_jobs(server: Server, cwd: Path) -> None:
    body = {"csv_text": csv_file(200_000), "mappings": MAPPINGS}
    running, queued = (
        server.call("POST", "/v1/jobs/subscriber-imports", body).json["data"]["id"] for _ in range(2)
    )
    for job_id in (running, queued):
        result = run("jobs", "cancel", job_id, env=client_environment(server), cwd=cwd)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.startswith(f"canceled {job_id} (")
    server.drain()
    again = run("jobs", "cancel", running, env=client_environment(server), cwd=cwd)
    assert_fails(again, "The job is Failed already and cannot be canceled (job_already_final, request ")
    shown = run("jobs", "show", running, env=client_environment(server), cwd=cwd)
    assert "Canceled by the client." in shown.stdout


def test_undo_says_what_it_would_do_and_changes_nothing_without_yes(server: Server, cwd: Path) -> None:
    job = server.import_csv(EMAIL_NAME)
    result = run("jobs", "undo", job["id"], env=client_environment(server), cwd=cwd)
    assert result.stdout.startswith("This would be the result: 0 restored, 2 deleted, 0 skipped")
    assert_fails(result, "say --yes")
    assert len(server.rows("SELECT 1 FROM subscribers")) == 2


def test_undo_with_yes_prints_the_counts_and_where_the_report_is(server: Server, cwd: Path) -> None:
    job = server.import_csv("Email,Name\na@x.com,Ada\nb@x.com,Bob\n")
    server.call("POST", "/v1/subscribers", {"email": "b@x.com", "name": "By hand"})
    result = run("jobs", "undo", job["id"], "--yes", env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert "0 restored, 1 deleted, 1 skipped because they have been changed since" in result.stdout
    address = result.stdout.rsplit(" ", 1)[1].strip()
    assert server.fetch(address).body.startswith(b"email,reason")
    listed = run("jobs", "list", env=client_environment(server), cwd=cwd).stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == ["undo", "import"]
    assert_fails(run("jobs", "undo", job["id"], env=client_environment(server), cwd=cwd), "undone already")


def test_undo_takes_the_id_of_an_import_only(server: Server, cwd: Path) -> None:
    job, _ = server.export_csv()
    assert_fails(run("jobs", "undo", job["id"], env=client_environment(server), cwd=cwd), "not the id of an import")


def test_report_is_saved_under_the_name_of_its_job(server: Server, cwd: Path) -> None:
    job = server.import_csv("Email,Name\nx,X\n")
    for exit_code in (0, 1):  # a file of this name is never replaced
        result = run("jobs", "report", job["id"], env=client_environment(server), cwd=cwd)
        assert result.exit_code == exit_code
    saved = (cwd / f"{job['id']}-errors.csv").read_text()
    assert saved.splitlines()[1].startswith("x,X,2,Email,invalid_email,")
    printed = run("jobs", "report", job["id"], "-o", "-", env=client_environment(server), cwd=cwd)
    assert printed.stdout.splitlines() == saved.splitlines()


def test_job_without_a_report_says_so(server: Server, cwd: Path) -> None:
    job = server.import_csv(EMAIL_NAME)
    result = run("jobs", "report", job["id"], env=client_environment(server), cwd=cwd)
    assert_fails(result, f"{job['id']} has no report: no row was refused")


def test_list_fits_a_terminal_of_80_columns(server: Server, cwd: Path) -> None:
    job = server.import_csv(EMAIL_NAME)
    env = {**client_environment(server), "TERM": "dumb", "COLUMNS": "80", "LINES": "24"}
    screen = run_on_terminal("jobs", "list", env=env, cwd=cwd)
    header, row = screen.splitlines()
    assert header.split() == ["id", "status", "counts", "created", "(UTC)"]
    created = job["created_at"][:16].replace("T", " ")
    assert row.split("  ")[:1] == [job["id"]]
    assert row.split(maxsplit=2)[2] == f"2 rows: 2 created  {created}"


@pytest.mark.parametrize(
    ("counts", "short"),
    [
        ("5 rows: 0 created, 10 updated, 0 unchanged, 3 refused, 0 warnings", "5 rows: 10 updated, 3 refused"),
        ("0 rows: 0 created, 0 updated, 0 unchanged, 0 refused, 0 warnings", "0 rows"),
        ("0 exported", "0 exported"),
        ("", ""),
    ],
)
def test_short_counts_leave_out_zeros(counts: str, short: str) -> None:
    assert without_zeros(counts) == short


def test_delete_asks_first_and_deletes_the_job(server: Server, cwd: Path) -> None:
    job, _ = server.export_csv()
    environment = client_environment(server)
    assert_fails(run("jobs", "delete", job["id"], env=environment, cwd=cwd), "say --yes")
    assert server.call("GET", job["self"]).status == 200
    result = run("jobs", "delete", job["id"], "--yes", env=environment, cwd=cwd)
    assert (result.exit_code, result.stdout) == (0, f"deleted {job['id']}\n")
    assert server.call("GET", job["self"]).status == 404
    assert_fails(
        run("jobs", "delete", job["id"], "--yes", env=environment, cwd=cwd), "subscriber_export_job_not_found"
    )


def test_delete_refuses_a_job_that_is_not_finished(server: Server, cwd: Path) -> None:
    server.wait(server.services.runner.stop())
    job = server.sdk().jobs.create_export(body={})["data"]
    result = run("jobs", "delete", job["id"], "--yes", env=client_environment(server), cwd=cwd)
    assert_fails(result, "job_not_final")
