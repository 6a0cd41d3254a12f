"""From a started upload to its import."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urljoin

import pytest
from conftest import MAPPINGS, Server
from mailrith_sdk import MailrithApiError
from uploading import CSV, UPLOADS, files, finished, look, put, ready, start, submit

from mailrith_lite import clock
from mailrith_lite.imports.uploads.limits import MAX_PENDING, MAX_READY

HOUR = 3_600


PATIENCE = 30  # seconds; much more than needed


def reason(reply: Any) -> tuple[int, str, str | None]:
    return reply.status, reply.error["code"], reply.error["details"].get("reason")


def test_the_sdk_uploads_a_file_and_imports_it(server: Server) -> None:
    client = server.sdk()
    started = client.jobs.start_import_upload()["data"]
    assert put(server, started, name="list.csv").status == 200
    upload = client.jobs.get_import_upload(path={"upload_id": started["id"]})["data"]
    assert (upload["status"], upload["headers"], upload["row_count"]) == ("Ready", ["Email", "Name"], 2)
    body = {"upload_id": started["id"], "mappings": MAPPINGS, "new_tag_name": "Uploaded"}
    job = client.jobs.create_import(body=body, idempotency_key="import-1")["data"]
    server.drain()
    job = client.jobs.get_import(path={"job_id": job["id"]})["data"]
    assert (job["status"], job["imported_count"]) == ("Completed", 2)
    assert [subscriber["email"] for subscriber in client.subscribers.list()["data"]] == [
        "bob@example.com",
        "ada@example.com",
    ]
    with pytest.raises(MailrithApiError) as refusal:
        client.jobs.create_import(body=body, idempotency_key="import-2")
    assert (refusal.value.status, refusal.value.code) == (409, "upload_already_used")


def test_an_upload_shows_its_status_and_its_file_at_every_stage(server: Server) -> None:
    started = start(server)
    assert started["self"] == f"{UPLOADS}/{started['id']}"
    assert started["upload_url"].startswith(f"{server.url}/uploads/")
    blank = dict.fromkeys(
        ("file_name", "size_bytes", "encoding", "row_count", "import_job_id", "uploaded_at", "queued_at")
    )
    pending = look(server, started)
    assert pending == {**started, "upload_url": None}
    assert {name: pending[name] for name in blank} == blank
    assert (pending["status"], pending["headers"]) == ("Pending", [])
    answer = put(server, started, name="list.csv").json["data"]
    uploaded = look(server, started)
    assert answer == uploaded
    assert (uploaded["status"], uploaded["file_name"], uploaded["size_bytes"]) == ("Ready", "list.csv", len(CSV))
    assert uploaded["uploaded_at"] is not None
    job = finished(server, submit(server, started))
    queued = look(server, started)
    assert (queued["status"], queued["import_job_id"]) == ("Queued", job["id"])
    assert queued["queued_at"] == job["created_at"]
    changed = {"status": "Ready", "import_job_id": None, "queued_at": None, "analysis": uploaded["analysis"]}
    assert queued["analysis"] is None
    assert {**queued, **changed} == uploaded


@pytest.mark.slow
def test_the_ready_files_of_a_workspace_are_limited(server: Server) -> None:
    uploads = [ready(server) for _ in range(MAX_READY - 1)]
    pending, last = start(server), ready(server)
    for reply in (server.call("POST", UPLOADS), put(server, pending)):
        assert (reply.status, reply.error["code"]) == (429, "queue_full")
        assert HOUR - PATIENCE <= int(reply.headers["retry-after"]) <= HOUR
    assert len(files(server)) == MAX_READY
    assert put(server, last).status == 200  # it replaces another file
    assert submit(server, uploads[0]).status == 202
    assert put(server, pending).status == 200
    other = server.new_key(workspace="Other")
    assert server.call("POST", UPLOADS, key=other).status == 201


@pytest.mark.slow
def test_the_pending_uploads_of_a_workspace_have_a_limit_of_their_own(server: Server) -> None:
    started = [start(server) for _ in range(MAX_READY + 1)]
    assert put(server, started[0], b"").status == 400
    assert server.call("POST", UPLOADS).status == 201
    server.wait(start_many(server, MAX_PENDING - MAX_READY - 2))
    reply = server.call("POST", UPLOADS)
    assert (reply.status, reply.error["code"]) == (429, "queue_full")
    assert "wait for their file" in reply.error["message"]
    assert 1 <= int(reply.headers["retry-after"]) <= HOUR
    assert put(server, started[0]).status == 200
    assert server.call("POST", UPLOADS).status == 201


async def start_many(server: Server, count: int) -> None:
    services = server.services
    async with services.database.write(changes="nobody") as connection:
        for _ in range(count):
            await services.uploads.start(connection, 1, clock.now())


def test_the_location_header_names_the_started_upload(server: Server) -> None:
    reply = server.call("POST", UPLOADS)
    assert urljoin(UPLOADS, reply.headers["location"]) == reply.json["data"]["self"]


def test_an_uploaded_file_is_private_and_moves_to_its_job(server: Server) -> None:
    upload = ready(server)
    (path,) = files(server)
    assert path.read_bytes() == CSV
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    server.wait(server.services.runner.stop())
    assert submit(server, upload).status == 202
    assert files(server) == []
    (source,) = files(server, "imports")
    assert source.read_bytes() == CSV
    assert source.stat().st_mode & 0o777 == 0o600


def test_an_upload_alone_imports_nothing(server: Server) -> None:
    ready(server)
    assert server.rows("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM subscribers)") == [(0,)]


def test_an_import_of_an_upload_without_a_file_is_refused(server: Server) -> None:
    assert reason(submit(server, start(server))) == (400, "subscriber_import_upload_not_ready", None)
    assert files(server, "imports") == []


@pytest.mark.parametrize("upload_id", ["upload_1", "", "upload_9wdvsq5zmmz0n", "import_job_9wdvsq5zmmz0n"])
def test_an_import_of_an_unknown_upload_is_refused(server: Server, upload_id: str) -> None:
    reply = submit(server, {"id": upload_id})
    assert reason(reply) == (400, "subscriber_import_upload_not_found", None)
    assert reply.error["details"]["field"] == "upload_id"


def test_an_upload_of_another_workspace_is_unknown(server: Server) -> None:
    upload = ready(server)
    other = server.new_key(workspace="Other")
    assert server.call("GET", upload["self"], key=other).status == 404
    body = {"upload_id": upload["id"], "mappings": MAPPINGS}
    reply = server.call("POST", "/v1/jobs/subscriber-imports", body, key=other)
    assert reason(reply) == (400, "subscriber_import_upload_not_found", None)
    assert submit(server, upload).status == 202


def test_a_refused_import_does_not_change_the_upload(server: Server) -> None:
    upload = ready(server)
    before = look(server, upload)
    for body in ({"mappings": []}, {"existing_tag_ids": ["x"]}, {"new_tag_name": ""}):
        assert submit(server, upload, **body).status == 400
    assert look(server, upload) == before
    assert files(server, "imports") == []
    assert finished(server, submit(server, upload))["imported_count"] == 2


def test_a_repeated_import_request_gets_its_first_answer(server: Server) -> None:
    upload = ready(server)
    key = {"Idempotency-Key": "once"}
    first = submit(server, upload, headers=key)
    again = submit(server, upload, headers=key)
    assert (again.status, again.body) == (202, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert reason(submit(server, upload, headers={"Idempotency-Key": "twice"}))[:2] == (409, "upload_already_used")
    server.drain()
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert files(server) == files(server, "imports") == []


@pytest.mark.slow
def test_identical_import_requests_at_once_create_one_job(server: Server) -> None:
    upload = ready(server)
    with ThreadPoolExecutor(16) as pool:
        same = list(pool.map(lambda _: submit(server, upload, headers={"Idempotency-Key": "once"}), range(24)))
        others = list(pool.map(lambda _: submit(server, upload), range(8)))
    assert {(reply.status, reply.body) for reply in same} == {(202, same[0].body)}
    assert {reason(reply)[:2] for reply in others} == {(409, "upload_already_used")}
    server.drain()
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert files(server) == files(server, "imports") == []


def test_of_import_requests_without_a_key_one_gets_the_file(server: Server) -> None:
    upload = ready(server)
    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda _: submit(server, upload), range(16)))
    assert statuses == [202] + [409] * 15
    server.drain()
    assert server.rows("SELECT status, rows_processed FROM jobs") == [("Completed", 2)]
    assert files(server) == files(server, "imports") == []


def test_a_newer_file_replaces_an_unused_one(server: Server) -> None:
    upload = ready(server, name="old.csv")
    assert put(server, upload, b"Email,Name\ncarl@example.com,Carl\n", name="new.csv").status == 200
    assert (look(server, upload)["file_name"], look(server, upload)["row_count"]) == ("new.csv", 1)
    assert len(files(server)) == 1
    finished(server, submit(server, upload))
    assert server.rows("SELECT email FROM subscribers") == [("carl@example.com",)]


def test_a_refused_file_does_not_replace_the_earlier_one(server: Server) -> None:
    upload = ready(server)
    assert put(server, upload, b'Email,"Name\n').status == 400
    assert look(server, upload)["row_count"] == 2
    assert len(files(server)) == 1


def test_a_used_upload_accepts_no_other_file(server: Server) -> None:
    upload = ready(server)
    job = finished(server, submit(server, upload))
    reply = put(server, upload, b"Email,Name\n")
    assert (reply.status, reply.error["code"]) == (409, "upload_already_used")
    assert look(server, upload)["import_job_id"] == job["id"]
    assert files(server) == []


def test_an_upload_whose_file_is_missing_creates_no_job(server: Server) -> None:
    upload = ready(server)
    files(server)[0].unlink()
    assert reason(submit(server, upload)) == (400, "subscriber_import_upload_missing", None)
    assert server.rows("SELECT count(*) FROM jobs") == [(0,)]


def test_an_upload_stays_usable_when_the_queue_is_full(serve: Callable[..., Server]) -> None:
    server = serve(max_queued_jobs=1)
    server.wait(server.services.runner.stop())
    first, second = ready(server), ready(server)
    assert submit(server, first).status == 202
    assert submit(server, second).status == 429
    assert look(server, second)["status"] == "Ready"
    assert len(files(server)) == 1
