"""The command `doctor`: one line for each subject."""

import json
import os
import time
from pathlib import Path

import pytest
from conftest import MAPPINGS, Server
from plain_sqlite import opened
from uploading import ready

from cli.command_line import Result, assert_fails, run
from cli.damage import damage
from mailrith_lite import clock
from mailrith_lite.http.services import Services

SUBJECTS = ("SQLite", "data directory", "secret", "database", "counts", "files", "clock", "WAL", "disk space")
SUMMARIES = {"subscriber_blocks": (), "tag_blocks": ("tags",), "sequence_blocks": ("sequences",)}
"""Table of block counts -> tables whose own counts are sums of these."""
ORPHANS = {
    "imports": f"{'a' * 32}.csv",
    "exports": "export_job_9wdvsq5zmmz0n.csv.part",
    "uploads": f"{'b' * 32}.raw",
}


def doctor(data_dir: Path) -> Result:
    return run("doctor", "--data-dir", data_dir, cwd=data_dir.parent)


def lines(result: Result) -> list[tuple[str, str, str]]:
    """Status, subject and problem of each line."""
    return [tuple(line.split("\t")) for line in result.stdout.splitlines()]  # type: ignore[misc]


def assert_bad(data_dir: Path, subject: str, problem: str) -> None:
    """This problem is the only one."""
    result = doctor(data_dir)
    assert_fails(result, "something is wrong; see above")
    assert [line for line in lines(result) if line[0] != "good"] == [("bad", subject, problem)]


def test_running_service_is_good(data_dir: Path) -> None:
    result = doctor(data_dir)
    assert result.exit_code == 0, result.stdout
    assert lines(result) == [("good", subject, "") for subject in SUBJECTS]


def test_data_directory_that_only_commands_have_used_is_good(stopped_data_dir: Path) -> None:
    assert doctor(stopped_data_dir).exit_code == 0


@pytest.mark.parametrize("name", [".", "mailrith.db", "exports", "exports/list.csv"])
def test_file_that_others_may_read_is_bad(stopped_data_dir: Path, name: str) -> None:
    (stopped_data_dir / "exports").mkdir(mode=0o700)
    (stopped_data_dir / "exports" / "list.csv").touch(mode=0o600)
    path = stopped_data_dir / name
    path.chmod(path.stat().st_mode | 0o044)
    assert_bad(stopped_data_dir, "data directory", f"others may read {path}; chmod go-rwx {path}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_file_of_another_owner_than_the_database_is_bad(stopped_data_dir: Path) -> None:
    for path in (stopped_data_dir, *stopped_data_dir.iterdir()):
        os.chown(path, 4_711, 4_711)
    assert doctor(stopped_data_dir).exit_code == 0
    path = stopped_data_dir / "secret"
    path.write_text("a" * 64)
    path.chmod(0o600)
    problem = f"the owner of the database is not the owner of {path}; chown 4711 {path}"
    assert_bad(stopped_data_dir, "data directory", problem)


def test_secret_that_is_too_short_is_bad(stopped_data_dir: Path) -> None:
    path = stopped_data_dir / "secret"
    path.write_text("short")
    path.chmod(0o600)
    remedy = "put the original back, or delete it to end all links and sessions"
    assert_bad(stopped_data_dir, "secret", f"{path} is too short to sign links; {remedy}")


@pytest.mark.parametrize("content", [None, "a shopping list, long enough to be read as a header"])
def test_database_that_cannot_be_read_is_bad_and_stops_only_the_checks_in_it(
    stopped_data_dir: Path, content: str | None
) -> None:
    if content is None:
        damage(stopped_data_dir)
    else:
        (stopped_data_dir / "mailrith.db").write_text(content)
    result = doctor(stopped_data_dir)
    assert_fails(result, "something is wrong; see above")
    assert lines(result)[3][:2] == ("bad", "database")
    skipped = [("not checked", name, "the database cannot be used") for name in ("counts", "files")]
    assert lines(result)[4:] == [*skipped, *(("good", subject, "") for subject in SUBJECTS[6:])]


def test_each_subject_is_a_line_of_json(stopped_data_dir: Path) -> None:
    path = stopped_data_dir / "mailrith.db"
    path.chmod(0o644)
    result = run("doctor", "--json", "--data-dir", stopped_data_dir, cwd=stopped_data_dir)
    checks = [json.loads(line) for line in result.stdout.splitlines()]
    assert [check["subject"] for check in checks] == list(SUBJECTS)
    problem = f"others may read {path}; chmod go-rwx {path}"
    assert checks[:2] == [
        {"subject": "SQLite", "status": "good"},
        {"subject": "data directory", "status": "bad", "problem": problem},
    ]
    assert (result.exit_code, "error" in json.loads(result.stderr)) == (1, True)


@pytest.mark.parametrize("table", SUMMARIES)
def test_wrong_count_is_bad(server: Server, data_dir: Path, table: str) -> None:
    client = server.sdk()
    sequence = client.sequences.create(body={"name": "Welcome", "definition": {"emails": []}})["data"]
    server.import_csv("Email,Name\na@example.com,A\n", new_tag_name="New", sequence_ids=[sequence["id"]])
    assert doctor(data_dir).exit_code == 0

    async def add_one(services: Services) -> None:
        async with services.database.write() as connection:
            await connection.execute(f"UPDATE {table} SET members = members + 1")

    server.wait(add_one(server.services))
    problems = "; ".join(f"{one} has a wrong count" for one in (*SUMMARIES[table], table))
    assert_bad(data_dir, "counts", problems)


@pytest.mark.parametrize(("folder", "name"), ORPHANS.items())
def test_old_file_that_no_row_names_is_bad(server: Server, data_dir: Path, folder: str, name: str) -> None:
    path = data_dir / folder / name
    path.touch(mode=0o600)
    assert doctor(data_dir).exit_code == 0  # a job may still write to it
    yesterday = time.time() - 86_400
    os.utime(path, (yesterday, yesterday))
    assert_bad(data_dir, "files", f"{path} belongs to nothing; the next start deletes it")


def test_missing_files_of_jobs_and_uploads_are_bad(server: Server, data_dir: Path) -> None:
    server.wait(server.services.runner.stop())
    body = {"csv_text": "Email,Name\na@example.com,A\n", "mappings": MAPPINGS}
    assert server.call("POST", "/v1/jobs/subscriber-imports", body).status == 202
    ready(server)
    files = [path for folder in ("imports", "uploads") for path in (data_dir / folder).iterdir()]
    assert len(files) == 2
    assert doctor(data_dir).exit_code == 0
    for path in files:
        path.unlink()
    assert_bad(data_dir, "files", "; ".join(f"{path} is missing" for path in files))


def test_missing_file_of_an_export_is_bad(server: Server, data_dir: Path) -> None:
    job, _ = server.export_csv()
    assert doctor(data_dir).exit_code == 0
    path = data_dir / "exports" / f"{job['id']}.csv"
    path.unlink()
    assert_bad(data_dir, "files", f"{path} is missing")


def test_wal_that_something_keeps_is_bad(stopped_data_dir: Path) -> None:
    wal = stopped_data_dir / "mailrith.db-wal"
    wal.touch(mode=0o600)
    os.truncate(wal, 3 << 30)  # without a block on the disk; SQLite reads no frame after the empty header
    problem = (
        "has 3,072 MiB: a long export or another program reads the database; if nothing does, restart the service"
    )
    assert_bad(stopped_data_dir, "WAL", f"{wal} {problem}")


def test_clock_that_was_set_back_is_bad(server: Server, data_dir: Path) -> None:
    job = server.import_csv("Email,Name\na@example.com,A\n")
    assert job["status"] == "Completed"
    later = clock.now() + clock.DAY
    with opened(data_dir / "mailrith.db") as connection:
        connection.execute("UPDATE jobs SET updated_at = ?", (later,))
    assert_bad(data_dir, "clock", f"a job has changed at {clock.rfc3339(later)}, which is in the future")
