"""How an import ends: its counts, its files, and the constraints of its row in SQLite."""

import random
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import KEY, MAPPINGS, Server

from mailrith_lite.imports import own_process

PATH = "/v1/jobs/subscriber-imports"
STATUS = {"csv_column": "Status", "field": {"type": "subscriber-status"}}


def submit(server: Server, csv_text: str, **more: Any) -> str:
    reply = server.call("POST", PATH, {"csv_text": csv_text, "mappings": MAPPINGS, **more})
    assert reply.status == 202
    return str(reply.json["data"]["id"])


def job_of(server: Server, job_id: str) -> Any:
    return server.call("GET", f"{PATH}/{job_id}").json["data"]


def files(server: Server) -> list[str]:
    return [path.name for path in server.services.imports_directory.iterdir()]


def test_an_import_completes_even_if_every_row_is_refused(server: Server) -> None:
    job = server.import_csv("Email,Name\n" + "nobody,x\n" * 3)
    assert (job["status"], job["imported_count"], job["error_message"]) == ("Completed", 0, None)
    assert job["progress"]["rejected_count"] == 3


def test_the_times_of_a_job_are_in_order(server: Server) -> None:
    job = server.import_csv("Email,Name\na@x.com,A\n")
    assert job["created_at"] <= job["started_at"] <= job["completed_at"] == job["updated_at"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('a@x.com,A\nb@x.com,"B\n', 3),
        ("a@x.com,A\n" * 70_000 + 'b@x.com,"B\nc@x.com,C\n', 70_002),
        (f"a@x.com,{'A' * 40}\n" * 70_000 + "b@x.com,\0\n", 70_002),  # after what the search of a header reads
        ('"a@x.com","A\n\n\n"\nb@x.com,"B" C\n', 6),
        ("a@x.com,A\nb@x.com," + "x" * ((1 << 20) + 1) + "\n", 3),
    ],
    ids=["quote", "late quote", "late NUL", "text after a quote", "long cell"],
)
def test_a_broken_file_imports_nothing_and_names_the_line(server: Server, rows: str, line: int) -> None:
    job = server.import_csv("Email,Name\n" + rows)
    assert (job["status"], job["imported_count"], job["error_report_url"]) == ("Failed", 0, None)
    assert f"line {line}:" in job["error_message"]
    assert "Nothing was imported" in job["error_message"]
    assert set(job["progress"].values()) == {0, None}
    assert server.rows("SELECT count(*) FROM subscribers") == [(0,)]
    assert server.rows("SELECT count(*) FROM import_row_errors") == [(0,)]


@pytest.mark.parametrize("csv_text", ["Email,Name\na@x.com,A\n", 'Email,Name\n"', "Email,Name\nno,\n"])
def test_a_final_job_leaves_no_source_file(server: Server, csv_text: str) -> None:
    job = server.import_csv(csv_text)
    assert job["status"] in ("Completed", "Failed")
    assert files(server) == []


def test_the_report_and_the_counts_stay_after_the_source_is_deleted(server: Server) -> None:
    job = server.import_csv("Email,Name\na@x.com,A\nnobody,B\n")
    assert files(server) == []
    again = job_of(server, job["id"])
    assert again["progress"] == job["progress"]
    assert "nobody,B,3,Email,invalid_email" in server.report(again)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_row_is_in_exactly_one_count(server: Server, seed: int) -> None:
    chance = random.Random(seed)
    emails = [f"user{number}@x.com" for number in range(40)]
    lines = []
    for _ in range(400):
        email = chance.choice([*emails, "nobody", "", "USER1@X.COM"])
        name = chance.choice(["", "A", "B", "x" * 201] if email else ["A", "B", "x" * 201])  # never a blank row
        lines.append(f"{email},{name},{chance.choice(['', 'Active', 'Bounced'])}")
        lines += [""] * chance.randrange(2)
    for _ in range(2):
        job = server.import_csv("Email,Name,Status\n" + "\n".join(lines), [*MAPPINGS, STATUS])
        counts = job["progress"]
        outcomes = [counts[f"{name}_count"] for name in ("created", "updated", "unchanged", "rejected")]
        assert sum(outcomes) == counts["rows_processed"] == counts["rows_total"] == 400
        assert job["imported_count"] == 400 - counts["rejected_count"]
        reported = server.rows("SELECT count(*) FROM import_row_errors WHERE job_id = (SELECT max(id) FROM jobs)")
        assert reported == [(counts["rejected_count"] + counts["warning_count"],)]


@pytest.mark.slow
def test_chunks_have_the_outcome_of_rows_applied_one_by_one(server: Server) -> None:
    chance = random.Random(7)
    expected: dict[str, str] = {}
    lines = []
    for _ in range(12_000):
        email, name = f"user{chance.randrange(3_000)}@x.com", chance.choice(["", "A", "B", "C"])
        lines.append(f"{email},{name}")
        expected[email] = name or expected.get(email, "")
    server.import_csv("Email,Name\n" + "\n".join(lines))
    assert dict(server.rows("SELECT email, name FROM subscribers")) == expected


@pytest.mark.parametrize(
    "change",
    [
        "rows_processed = rows_processed + 1",
        "rejected_count = rejected_count + 1",
        "created_count = 0",
        "rows_total = rows_total + 1",
        "rows_total = NULL",
        "completed_at = NULL",
        "status = 'Processing'",
        "status = 'Done'",
        "kind = 'upload'",
    ],
)
def test_sqlite_refuses_a_completed_job_whose_counts_do_not_add_up(server: Server, change: str) -> None:
    server.import_csv("Email,Name\na@x.com,A\nnobody,B\n")

    async def update() -> None:
        async with server.services.database.write() as connection:
            await connection.execute(f"UPDATE jobs SET {change}")

    with pytest.raises(sqlite3.IntegrityError, match=r"CHECK constraint"):
        server.wait(update())


def test_sqlite_refuses_to_complete_a_job_before_its_last_row(server: Server) -> None:
    server.import_csv('Email,Name\na@x.com,"A\n')  # Failed: nothing is processed, no total is known

    async def update(change: str) -> None:
        async with server.services.database.write() as connection:
            await connection.execute(f"UPDATE jobs SET {change}")

    server.wait(update("rows_total = 5"))
    with pytest.raises(sqlite3.IntegrityError, match="completed_means_every_row"):
        server.wait(update("status = 'Completed'"))
    with pytest.raises(sqlite3.IntegrityError, match="one_fate_a_row"):
        server.wait(update("rows_processed = 5"))


@pytest.mark.slow
def test_a_canceled_import_keeps_and_counts_the_applied_rows(server: Server) -> None:
    rows = "".join(f"user{number:06}@x.com,N\n" for number in range(120_000))
    job_id = submit(server, "Email,Name\n" + rows)
    while not job_of(server, job_id)["progress"]["rows_processed"]:
        pass
    reply = server.call("POST", f"{PATH}/{job_id}/cancel")
    server.drain()
    job = job_of(server, job_id)
    if reply.status == 409:
        pytest.fail("the import was over before it could be canceled; give it more rows")
    assert (job["status"], job["error_message"]) == ("Failed", "Canceled by the client.")
    ((saved,),) = server.rows("SELECT count(*) FROM subscribers")
    assert 0 < saved == job["imported_count"] == job["progress"]["created_count"] < 120_000
    assert files(server) == []
    assert server.call("POST", f"{PATH}/{job_id}/cancel").error["code"] == "job_already_final"


@pytest.mark.slow
def test_a_canceled_queued_import_leaves_no_file(serve: Callable[..., Server]) -> None:
    server = serve(job_concurrency=1)
    submit(server, "Email,Name\n" + "a@x.com,A\n" * 60_000)
    queued = submit(server, "Email,Name\nb@x.com,B\n")
    reply = server.call("POST", f"{PATH}/{queued}/cancel")
    assert (reply.status, reply.json["data"]["status"]) == (200, "Failed")
    assert len(files(server)) == 1
    server.drain()
    assert files(server) == []
    assert server.rows("SELECT email FROM subscribers") == [("a@x.com",)]


def test_an_import_changes_the_subscribers_of_its_workspace_only(server: Server) -> None:
    other = server.new_key(workspace="Other")
    server.import_csv("Email,Name\na@x.com,Ours\n")
    job = server.import_csv("Email,Name\na@x.com,Theirs\nb@x.com,B\n", key=other)
    assert job["progress"]["created_count"] == 2
    assert server.rows("SELECT workspace_id, name FROM subscribers ORDER BY id") == [
        (1, "Ours"),
        (2, "Theirs"),
        (2, "B"),
    ]
    assert server.call("GET", f"{PATH}/{job['id']}", key=KEY).status == 404


@pytest.mark.slow
def test_updating_many_subscribers_costs_about_as_much_as_creating_them(server: Server) -> None:
    """In CPU time of this process, which is also the service's, so that a busy machine does not fail the test."""
    seconds = []
    for name in "AB":
        start = time.process_time()
        job = server.import_csv("Email,Name\n" + "".join(f"user{number}@x.com,{name}\n" for number in range(6_000)))
        assert job["imported_count"] == 6_000
        seconds.append(time.process_time() - start)
    assert seconds[1] < 10 * seconds[0]


@pytest.mark.slow
@pytest.mark.parametrize("large", [1 << 20, 1 << 30], ids=["in its own process", "in this process"])
def test_a_file_of_blank_rows_can_be_canceled_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(own_process, "LARGE", large)
    monkeypatch.setattr(own_process, "LARGE_IMPORT", large)
    client = server.sdk()
    rows = "bob@example.com\n" * 100 + ",\n" * 4_000_000  # the first hundred rows are read before the job starts
    blank = {"csv_text": f"Email\n{rows}", "mappings": MAPPINGS[:1]}
    endless = client.jobs.create_import(body=blank)["data"]
    server.call("POST", f"{endless['self']}/cancel")
    server.import_csv("Email\nada@example.com\n", MAPPINGS[:1])
    (moments,) = server.rows("SELECT min(completed_at), max(completed_at) FROM jobs")
    assert moments[1] - moments[0] < 2_000  # reading all of it takes several seconds


def test_an_import_fails_if_its_source_file_is_missing(server: Server) -> None:
    server.wait(server.services.runner.stop())
    job = server.sdk().jobs.create_import(body={"csv_text": "Email\na@x.com\n", "mappings": MAPPINGS[:1]})["data"]
    for path in server.services.imports_directory.iterdir():
        path.unlink()
    server.wait(restart(server))
    server.drain()
    failed = server.sdk().jobs.get_import(path={"job_id": job["id"]})["data"]
    assert (failed["status"], failed["imported_count"]) == ("Failed", 0)
    assert "send the import again" in failed["error_message"]


async def restart(server: Server) -> None:
    server.services.runner._stopping = False
    await server.services.runner.start()
