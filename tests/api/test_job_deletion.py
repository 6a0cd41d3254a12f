"""DELETE of a final job: what goes with it, and what stays."""

import threading
from typing import Any, BinaryIO

import pytest
from api_records import data_of, hold_jobs, release_jobs
from conftest import MAPPINGS, Server
from uploading import ready

from mailrith_lite import disk
from mailrith_lite.housekeeping import job_retention
from mailrith_lite.housekeeping.job_retention import JobRetention
from mailrith_lite.imports import report
from mailrith_lite.jobs.kinds import EXPORT, IMPORT, UNDO

CSV = "Email,Name\nada@example.com,Ada\nbroken,Bob\n"
TABLES = (
    "jobs",
    "imports",
    "import_row_errors",
    "import_changes",
    "import_creations",
    "import_made",
    "undos",
    "undo_skips",
    "exports",
    "dry_runs",
    "uploads",
)


def undone(server: Server, job: Any) -> Any:
    undo = data_of(server.call("POST", f"{job['self']}/undo"))
    server.drain()
    return undo


def remove_deleted(server: Server) -> None:
    services, settings = server.services, server.settings
    retention = JobRetention(
        services.database,
        services.exports_directory,
        ttl=settings.job_ttl,
        undo_ttl=settings.undo_ttl,
        is_running=services.runner.is_running,
    )
    server.wait(retention.remove_expired())


def rows(server: Server) -> dict[str, int]:
    counts = {table: server.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    return {table: count for table, count in counts.items() if count}


def delete(server: Server, job: Any) -> None:
    assert server.call("DELETE", job["self"]).status == 204


def imported(server: Server) -> Any:
    """An import of an upload that creates, changes and refuses people, with a new tag."""
    server.call("POST", "/v1/subscribers", {"email": "known@example.com", "name": "Before"})
    upload = ready(server, f"{CSV}known@example.com,After\n".encode())
    body = {"upload_id": upload["id"], "mappings": MAPPINGS, "new_tag_name": "Made"}
    job = data_of(server.call("POST", IMPORT.path, body))
    server.drain()
    return data_of(server.call("GET", job["self"]))


@pytest.mark.parametrize("batch", [1, 5_000], ids=["a row at a time", "all rows at once"])
def test_a_deleted_import_leaves_no_row_and_its_people_stay(
    server: Server, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_DELETE_ROWS", batch)
    job = imported(server)
    delete(server, job)
    assert server.call("GET", job["self"]).error["code"] == "subscriber_import_job_not_found"
    assert server.call("DELETE", job["self"]).status == 404
    assert server.call("GET", IMPORT.path).json["data"] == []
    assert server.fetch(job["error_report_url"]).status == 404
    remove_deleted(server)
    assert rows(server) == {}
    people = server.call("GET", "/v1/subscribers").json["data"]
    assert {(one["email"], one["name"], one["tags"][0]["name"]) for one in people} == {
        ("ada@example.com", "Ada", "Made"),
        ("known@example.com", "After", "Made"),
    }


def test_the_undos_of_a_deleted_import_go_with_it(server: Server) -> None:
    job = imported(server)
    undo = undone(server, job)
    delete(server, job)
    assert server.call("GET", undo["self"]).status == 404
    assert server.call("GET", UNDO.path).json["data"] == []
    remove_deleted(server)
    assert rows(server) == {}


def test_an_import_without_its_completed_undo_cannot_be_undone_again(server: Server) -> None:
    job = imported(server)
    delete(server, undone(server, job))
    assert data_of(server.call("GET", job["self"]))["undo"] == {"status": "expired", "job_id": None}
    assert server.call("POST", f"{job['self']}/undo").error["code"] == "undo_expired"
    remove_deleted(server)
    assert data_of(server.call("GET", job["self"]))["undo"] == {"status": "expired", "job_id": None}


def test_a_deleted_export_leaves_no_file_and_its_link_ends(server: Server) -> None:
    server.call("POST", "/v1/subscribers", {"email": "ada@example.com"})
    job, _ = server.export_csv()
    delete(server, job)
    assert server.fetch(job["download_url"]).status == 404
    remove_deleted(server)
    assert rows(server) == {}
    assert list(server.services.exports_directory.iterdir()) == []


def test_a_deleted_dry_run_leaves_the_file_for_the_import(server: Server) -> None:
    upload = ready(server, CSV.encode())
    body = {"upload_id": upload["id"], "mappings": MAPPINGS}
    dry = data_of(server.call("POST", IMPORT.path, {**body, "dry_run": True}))
    server.drain()
    delete(server, dry)
    remove_deleted(server)
    assert rows(server) == {"uploads": 1}
    assert server.call("POST", IMPORT.path, body).status == 202


@pytest.mark.parametrize(
    ("path", "body"), [(IMPORT.path, {"csv_text": CSV, "mappings": MAPPINGS}), (EXPORT.path, {})]
)
def test_an_unfinished_job_is_not_deleted(server: Server, path: str, body: Any) -> None:
    hold_jobs(server)
    job = data_of(server.call("POST", path, body))
    reply = server.call("DELETE", job["self"])
    assert (reply.status, reply.error["code"]) == (409, "job_not_final")
    assert server.call("GET", job["self"]).status == 200


def test_an_import_with_an_unfinished_undo_is_not_deleted(server: Server) -> None:
    job = imported(server)
    hold_jobs(server)
    undo = data_of(server.call("POST", f"{job['self']}/undo"))
    for one in (job, undo):
        reply = server.call("DELETE", one["self"])
        assert (reply.status, reply.error["code"]) == (409, "job_not_final")
        assert server.call("GET", one["self"]).status == 200


def test_an_import_with_an_unfinished_export_of_its_people_is_not_deleted(server: Server) -> None:
    job = imported(server)
    hold_jobs(server)
    export = data_of(server.call("POST", EXPORT.path, {"import_job_id": job["id"]}))
    reply = server.call("DELETE", job["self"])
    assert (reply.status, reply.error["code"]) == (409, "job_not_final")
    assert reply.error["details"]["resource"] == {"type": "job", "id": export["id"]}
    release_jobs(server)
    delete(server, job)


def test_an_export_that_is_deleted_while_it_stops_leaves_no_file(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, go_on, sync_file = threading.Event(), threading.Event(), disk.sync_file

    def sync_slowly(file: BinaryIO) -> None:
        written.set()
        assert go_on.wait(60)
        sync_file(file)

    monkeypatch.setattr(disk, "sync_file", sync_slowly)
    server.call("POST", "/v1/subscribers", {"email": "ada@example.com"})
    job = data_of(server.call("POST", EXPORT.path, {}))
    assert written.wait(60)
    assert server.call("POST", f"{job['self']}/cancel").status == 200
    delete(server, job)
    remove_deleted(server)
    go_on.set()
    server.drain()
    remove_deleted(server)
    assert rows(server) == {}
    assert list(server.services.exports_directory.iterdir()) == []


def test_the_audit_names_who_has_deleted_a_job(server: Server) -> None:
    job, _ = server.export_csv()
    delete(server, job)
    entries = server.rows("SELECT via, object_id FROM audit_entries WHERE action = 'job.deleted'")
    assert entries == [("api", job["id"])]


def test_removal_continues_after_a_failure(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> bool:
        raise OSError("the process ends here")

    job = imported(server)
    delete(server, job)
    with monkeypatch.context() as patched:
        patched.setattr(job_retention, "_DELETE_ROWS", (report.delete_row_errors, fail))
        with pytest.raises(OSError, match="ends here"):
            remove_deleted(server)
    assert server.call("GET", job["self"]).status == 404
    remove_deleted(server)
    assert rows(server) == {}
