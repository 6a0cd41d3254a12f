"""`mailrith-lite export` and `jobs`, as processes of their own against a real service."""

import csv
import gzip
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MAPPINGS, Server

from cli.processes import (
    MANY,
    SECONDS,
    VERY_MANY,
    Write,
    assert_one_line,
    begun,
    client,
    import_jobs,
    run,
    subscribers,
)
from mailrith_lite import ids


@pytest.fixture
def filled(server: Server) -> Server:
    server.import_csv(
        "Email,Name,Status\nann@example.com,Ann,Active\nbob@example.com,Bob,Blocked\n",
        [*MAPPINGS, {"csv_column": "Status", "field": {"type": "subscriber-status"}}],
    )
    return server


def exported_emails(text: str) -> list[str]:
    return [row["Email"] for row in csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize(
    ("options", "emails"),
    [
        ((), ["ann@example.com", "bob@example.com"]),
        (("--status", "Active"), ["ann@example.com"]),
        (("--status", "blocked"), ["bob@example.com"]),
        (("--query", "BOB"), ["bob@example.com"]),
        (("--cold-only",), []),
    ],
)
def test_export_to_a_named_file(filled: Server, cwd: Path, options: tuple[str, ...], emails: list[str]) -> None:
    target = cwd / "out.csv"
    target.write_text("what was there before\n")
    outcome = run("export", *options, "-o", "out.csv", env=client(filled), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert exported_emails(target.read_text()) == emails
    size = f"{target.stat().st_size:,}"
    assert outcome.stdout.endswith(f": {len(emails)} exported to out.csv ({size} bytes)\n")
    assert [path.name for path in cwd.iterdir()] == ["out.csv"]


def test_export_to_stdout(filled: Server, cwd: Path) -> None:
    outcome = run("export", "-o", "-", env=client(filled), cwd=cwd)
    assert exported_emails(outcome.stdout) == ["ann@example.com", "bob@example.com"]
    assert "2 exported to stdout" in outcome.stderr
    assert not list(cwd.iterdir())


def test_export_into_a_pipe_that_is_closed(filled: Server, cwd: Path) -> None:
    with begun("export", "-o", "-", env=client(filled), cwd=cwd) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(SECONDS) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_export_to_what_is_no_regular_file(filled: Server, cwd: Path) -> None:
    outcome = run("export", "-o", "/dev/stdout", env=client(filled), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert "ann@example.com" in outcome.stdout


def test_export_through_a_link_leaves_the_link(filled: Server, cwd: Path) -> None:
    (cwd / "link.csv").symlink_to("real.csv")
    assert run("export", "-o", "link.csv", env=client(filled), cwd=cwd).returncode == 0
    assert (cwd / "link.csv").is_symlink()
    assert len(exported_emails((cwd / "real.csv").read_text())) == 2


def test_export_takes_the_name_of_the_job_and_overwrites_nothing(filled: Server, cwd: Path) -> None:
    outcome = run("export", env=client(filled), cwd=cwd)
    (written,) = cwd.iterdir()
    assert f"2 exported to {written.name} " in outcome.stdout
    short_ids = [ids.encode(ids.EXPORT_JOB, number).rpartition("_")[2][:8] for number in (2, 3)]
    assert short_ids[0] in written.name  # the import was job 1
    mine = cwd / written.name.replace(*short_ids)
    mine.write_text("mine")
    assert_one_line(run("export", env=client(filled), cwd=cwd), f"there is a file {mine.name} already")
    assert mine.read_text() == "mine"
    assert len(list(cwd.iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-o", "."), ". is a directory; name a file"),
        (("-o", "nowhere/out.csv"), "there is no directory nowhere"),
        (("--status", "Asleep"), "--status: A status is one of Active, "),
        (("--query", "x" * 300), "query takes at most"),
    ],
)
def test_export_that_cannot_be(filled: Server, cwd: Path, options: tuple[str, ...], expected: str) -> None:
    assert_one_line(run("export", *options, env=client(filled), cwd=cwd), expected)
    assert not list(cwd.iterdir())


def test_jobs_are_listed_newest_first(filled: Server, cwd: Path) -> None:
    filled.export_csv()
    filled.import_csv('Email,Name\n"open\n')
    filled.import_csv("Email,Name\nx,\n")
    outcome = run("jobs", "list", env=client(filled), cwd=cwd)
    rows = [line.split("\t") for line in outcome.stdout.splitlines()]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("import", "Completed", "1 row: 0 created, 0 updated, 0 unchanged, 1 refused, 0 warnings"),
        ("import", "Failed", "0 rows: 0 created, 0 updated, 0 unchanged, 0 refused, 0 warnings"),
        ("export", "Completed", "2 exported"),
        ("import", "Completed", "2 rows: 2 created, 0 updated, 0 unchanged, 0 refused, 0 warnings"),
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", row[4]) for row in rows)
    limited = run("jobs", "list", "--limit", 2, env=client(filled), cwd=cwd)
    assert limited.stdout.splitlines() == outcome.stdout.splitlines()[:2]


def test_list_shows_what_the_key_may_see(filled: Server, cwd: Path) -> None:
    filled.export_csv()
    importer = filled.new_key(held=("subscribers:import",))
    outcome = run("jobs", "list", env=client(filled, importer), cwd=cwd)
    assert [line.split("\t")[0] for line in outcome.stdout.splitlines()] == ["import"]
    nobody = filled.new_key(held=("tags:read",))
    assert_one_line(run("jobs", "list", env=client(filled, nobody), cwd=cwd), "insufficient_scope")


def test_job_is_shown(filled: Server, cwd: Path) -> None:
    job, _ = filled.export_csv(status="Active", query="ann")
    outcome = run("jobs", "show", job["id"], env=client(filled), cwd=cwd)
    fields = dict(line.split(maxsplit=1) for line in outcome.stdout.splitlines())
    assert fields["id"] == job["id"]
    assert fields["status"] == "Completed"
    assert fields["counts"] == "1 exported"
    assert fields["file"] == job["file_name"]
    assert fields["selection"] == "query ann, status Active"
    assert filled.fetch(fields["download"]).status == 200
    assert "report" not in fields


def test_failed_import_is_shown_with_its_error(server: Server, cwd: Path) -> None:
    job = server.import_csv('Email,Name\n"open\n')
    outcome = run("jobs", "show", job["id"], env=client(server), cwd=cwd)
    assert outcome.returncode == 0
    assert f"error      {job['error_message']}\n" in outcome.stdout


def test_jobs_are_canceled(server: Server, cwd: Path) -> None:
    body = {"csv_text": VERY_MANY, "mappings": MAPPINGS}
    running, queued = (
        server.call("POST", "/v1/jobs/subscriber-imports", body).json["data"]["id"] for _ in range(2)
    )
    for job_id in (running, queued):
        outcome = run("jobs", "cancel", job_id, env=client(server), cwd=cwd)
        assert outcome.returncode == 0, outcome.stderr
        assert outcome.stdout.startswith(f"canceled {job_id} (")
    server.drain()
    again = run("jobs", "cancel", running, env=client(server), cwd=cwd)
    assert_one_line(again, "The job is Failed already and cannot be canceled (job_already_final, request ")
    shown = run("jobs", "show", running, env=client(server), cwd=cwd)
    assert "Canceled by the client." in shown.stdout


def test_a_dry_run_says_what_would_be_and_changes_nothing(server: Server, cwd: Path, write: Write) -> None:
    file = write("Email,Name\nann@example.com,Ann\nann@example.com,Ann\nnobody,Bob\n")
    outcome = run("import", file, "--dry-run", "--tag", "Fair", "--tag", "New", env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    (job,) = import_jobs(server)
    counts = "1 created, 0 updated, 1 unchanged, 1 refused, 0 warnings"
    assert f"{job['id']}: 3 rows; would have been: {counts}\n" in outcome.stdout
    assert "invalid_email" in outcome.stdout
    assert job["dry_run"] is True
    assert subscribers(server) == {}
    assert server.sdk().tags.list()["data"] == []
    shown = run("jobs", "show", job["id"], env=client(server), cwd=cwd)
    assert "dry run" in shown.stdout


def test_a_dry_run_with_several_tags_counts_as_the_import_does(server: Server, cwd: Path, write: Write) -> None:
    server.import_csv("Email,Name\nann@example.com,Ann\nbob@example.com,Bob\n", new_tag_name="Fair")
    file = write("Email,Name\nann@example.com,Ann\nbob@example.com,Bob\n")
    for tags, counts in (
        (("Fair",), "0 updated, 2 unchanged"),
        (("Fair", "New", "Newer"), "2 updated, 0 unchanged"),
    ):
        flags = [flag for tag in tags for flag in ("--tag", tag)]
        for dry in (["--dry-run"], []):
            outcome = run("import", file, *flags, *dry, env=client(server), cwd=cwd)
            assert counts in outcome.stdout, outcome.stderr


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress("Email,Name\nann@example.com,Ann Müller\n".encode(), mtime=0),
        "Email;Name\nann@example.com;Ann Müller\n".encode("cp1252"),
    ],
    ids=["packed", "legacy"],
)
def test_what_is_no_text_goes_as_an_upload(server: Server, cwd: Path, content: bytes) -> None:
    (cwd / "list.csv").write_bytes(content)
    outcome = run("import", "list.csv", "--tag", "New", env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert "1 created" in outcome.stdout
    assert "Guessed from the header: Email = email, Name = name" in outcome.stderr
    assert subscribers(server)["ann@example.com"]["name"] == "Ann Müller"


def test_a_file_over_the_limit_of_a_request_goes_as_an_upload(
    serve: Callable[..., Server], cwd: Path, write: Write
) -> None:
    server = serve(max_body_bytes=1_000_000)
    outcome = run("import", write(MANY), "--dry-run", env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert "200,000" in outcome.stdout
