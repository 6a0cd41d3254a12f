"""The life of an upload: started, handed over, taken by one job, or forgotten."""

import contextlib
import gzip
import http.client
import json
import select
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from conftest import MAPPINGS, Server
from mailrith_sdk import MailrithApiError
from uploading import CSV, UPLOADS, address, files, finished, look, put, ready, start, submit

from mailrith_lite import clock
from mailrith_lite.imports.uploads.limits import MAX_PENDING, MAX_READY
from mailrith_lite.imports.uploads.transfers import MAX_AT_ONCE

HOUR = 3_600
PATIENCE = 30  # seconds; far more than it takes


def reason(reply: Any) -> tuple[int, str, str | None]:
    return reply.status, reply.error["code"], reply.error["details"].get("reason")


def test_the_sdk_hands_a_file_over_and_imports_it(server: Server) -> None:
    client = server.sdk()
    started = client.jobs.start_import_upload()["data"]
    assert put(server, started, name="list.csv").status == 200
    upload = client.jobs.get_import_upload(path={"upload_id": started["id"]})["data"]
    assert (upload["status"], upload["headers"], upload["row_count"]) == ("Ready", ["Email", "Name"], 2)
    body = {"upload_id": started["id"], "mappings": MAPPINGS, "new_tag_name": "Handed over"}
    job = client.jobs.create_import(body=body, idempotency_key="import-1")["data"]
    server.drain()
    job = client.jobs.get_import(path={"job_id": job["id"]})["data"]
    assert (job["status"], job["imported_count"]) == ("Completed", 2)
    assert [found["email"] for found in client.subscribers.list()["data"]] == ["bob@example.com", "ada@example.com"]
    with pytest.raises(MailrithApiError) as refusal:
        client.jobs.create_import(body=body, idempotency_key="import-2")
    assert (refusal.value.status, refusal.value.code) == (409, "upload_already_used")


def test_an_upload_shows_what_it_is_at_every_stage(server: Server) -> None:
    started = start(server)
    assert started["self"] == f"{UPLOADS}/{started['id']}"
    assert started["upload_url"].startswith(f"{server.url}/uploads/")
    nothing = dict.fromkeys(
        ("file_name", "size_bytes", "encoding", "row_count", "import_job_id", "uploaded_at", "queued_at")
    )
    pending = look(server, started)
    assert pending == {**started, "upload_url": None}
    assert {name: pending[name] for name in nothing} == nothing
    assert (pending["status"], pending["headers"]) == ("Pending", [])
    answered = put(server, started, name="list.csv").json["data"]
    handed = look(server, started)
    assert answered == handed
    assert (handed["status"], handed["file_name"], handed["size_bytes"]) == ("Ready", "list.csv", len(CSV))
    assert handed["uploaded_at"] is not None
    job = finished(server, submit(server, started))
    queued = look(server, started)
    assert (queued["status"], queued["import_job_id"]) == ("Queued", job["id"])
    assert queued["queued_at"] == job["created_at"]
    assert {**queued, "status": "Ready", "import_job_id": None, "queued_at": None} == handed


def test_only_so_many_files_wait_for_their_import(server: Server) -> None:
    uploads = [ready(server) for _ in range(MAX_READY - 1)]
    pending, last = start(server), ready(server)
    for reply in (server.call("POST", UPLOADS), put(server, pending)):
        assert (reply.status, reply.error["code"]) == (429, "queue_full")
        assert HOUR - PATIENCE <= int(reply.headers["retry-after"]) <= HOUR
    assert len(files(server)) == MAX_READY
    assert put(server, last).status == 200  # in place of another
    assert submit(server, uploads[0]).status == 202
    assert put(server, pending).status == 200
    other = server.new_key(workspace="Other")
    assert server.call("POST", UPLOADS, key=other).status == 201


def test_uploads_without_a_file_do_not_lock_out_those_with_one(server: Server) -> None:
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


def test_a_start_names_what_it_made(server: Server) -> None:
    reply = server.call("POST", UPLOADS)
    assert reply.headers["location"] == reply.json["data"]["self"]


def test_the_file_is_private_and_moves_to_its_job(server: Server) -> None:
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


def test_nothing_is_imported_before_a_job_says_so(server: Server) -> None:
    ready(server)
    assert server.rows("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM subscribers)") == [(0,)]


def test_an_import_of_a_file_that_has_not_come_says_so(server: Server) -> None:
    assert reason(submit(server, start(server))) == (400, "invalid_body", "upload_not_ready")
    assert files(server, "imports") == []


@pytest.mark.parametrize("upload_id", ["upload_1", "", "upload_9wdvsq5zmmz0n", "import_job_9wdvsq5zmmz0n"])
def test_an_import_of_an_upload_that_is_not_there_says_so(server: Server, upload_id: str) -> None:
    reply = submit(server, {"id": upload_id})
    assert reason(reply) == (400, "invalid_body", "upload_not_found")
    assert reply.error["details"]["field"] == "upload_id"


def test_another_workspaces_upload_is_not_there(server: Server) -> None:
    upload = ready(server)
    other = server.new_key(workspace="Other")
    assert server.call("GET", upload["self"], key=other).status == 404
    body = {"upload_id": upload["id"], "mappings": MAPPINGS}
    reply = server.call("POST", "/v1/jobs/subscriber-imports", body, key=other)
    assert reason(reply) == (400, "invalid_body", "upload_not_found")
    assert submit(server, upload).status == 202


def test_a_refused_import_leaves_the_upload_as_it_was(server: Server) -> None:
    upload = ready(server)
    before = look(server, upload)
    for body in ({"mappings": []}, {"existing_tag_ids": ["x"]}, {"new_tag_name": ""}):
        assert submit(server, upload, **body).status == 400
    assert look(server, upload) == before
    assert files(server, "imports") == []
    assert finished(server, submit(server, upload))["imported_count"] == 2


def test_a_repeated_request_gets_its_first_answer(server: Server) -> None:
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


def test_many_requests_at_once_make_one_job(server: Server) -> None:
    upload = ready(server)
    with ThreadPoolExecutor(16) as pool:
        same = list(pool.map(lambda _: submit(server, upload, headers={"Idempotency-Key": "once"}), range(24)))
        others = list(pool.map(lambda _: submit(server, upload), range(8)))
    assert {(reply.status, reply.body) for reply in same} == {(202, same[0].body)}
    assert {reason(reply)[:2] for reply in others} == {(409, "upload_already_used")}
    server.drain()
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert files(server) == files(server, "imports") == []


def test_of_many_imports_without_a_key_one_gets_the_file(server: Server) -> None:
    upload = ready(server)
    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda _: submit(server, upload), range(16)))
    assert statuses == [202] + [409] * 15
    server.drain()
    assert server.rows("SELECT status, rows_processed FROM jobs") == [("Completed", 2)]
    assert files(server) == files(server, "imports") == []


def test_a_newer_file_takes_the_place_of_one_that_was_not_used(server: Server) -> None:
    upload = ready(server, name="old.csv")
    assert put(server, upload, b"Email,Name\ncarl@example.com,Carl\n", name="new.csv").status == 200
    assert (look(server, upload)["file_name"], look(server, upload)["row_count"]) == ("new.csv", 1)
    assert len(files(server)) == 1
    finished(server, submit(server, upload))
    assert server.rows("SELECT email FROM subscribers") == [("carl@example.com",)]


def test_a_file_that_is_refused_leaves_the_one_before(server: Server) -> None:
    upload = ready(server)
    assert put(server, upload, b'Email,"Name\n').status == 400
    assert look(server, upload)["row_count"] == 2
    assert len(files(server)) == 1


def test_a_used_upload_takes_no_other_file(server: Server) -> None:
    upload = ready(server)
    job = finished(server, submit(server, upload))
    reply = put(server, upload, b"Email,Name\n")
    assert (reply.status, reply.error["code"]) == (409, "upload_already_used")
    assert look(server, upload)["import_job_id"] == job["id"]
    assert files(server) == []


def half_sent(server: Server, upload: Any, file: bytes) -> socket.socket:
    """A PUT that has sent half of its file."""
    parts = urlsplit(server.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
    head = f"PUT {address(server, upload)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(file)}\r\n\r\n"
    connection.sendall(head.encode() + file[: len(file) // 2])
    return connection


def wait_for(happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < ends


def test_an_upload_that_breaks_off_can_be_begun_again(server: Server) -> None:
    upload = start(server)
    large = b"Email,Name\n" + b"ada@example.com,Ada\n" * 200_000
    with half_sent(server, upload, large):
        wait_for(lambda: files(server) != [])
        assert look(server, upload)["status"] == "Pending"
    wait_for(lambda: files(server) == [])
    assert look(server, upload)["status"] == "Pending"
    assert put(server, upload, large).json["data"]["row_count"] == 200_000


def answer_of(connection: socket.socket) -> tuple[int, Any]:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, json.loads(answer.read())


LARGE = b"Email,Name\n" + b"ada@example.com,Ada\n" * 200_000


def test_a_newer_transfer_ends_one_that_hangs(server: Server) -> None:
    upload = start(server)
    with half_sent(server, upload, LARGE) as connection:
        wait_for(lambda: files(server) != [])
        assert put(server, upload, name="quick.csv").status == 200
        status, body = answer_of(connection)
        assert (status, body["error"]["code"]) == (409, "upload_superseded")
    assert look(server, upload)["file_name"] == "quick.csv"
    assert [path.read_bytes() for path in files(server)] == [CSV]


def test_transfers_that_hang_on_one_link_are_one(server: Server) -> None:
    upload = start(server)
    with contextlib.ExitStack() as stack:
        sent = [stack.enter_context(half_sent(server, upload, LARGE)) for _ in range(12)]
        wait_for(lambda: len(select.select(sent, [], [], 0)[0]) == len(sent) - 1)  # the others are answered
        assert len(files(server)) == 1
        assert put(server, upload).status == 200
        assert [path.read_bytes() for path in files(server)] == [CSV]


def test_many_at_once_leave_one_whole_file(server: Server) -> None:
    upload = start(server)
    sent = [b"Email,Name\n" + b"ada@example.com,Ada\n" * (1_000 * number) for number in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        statuses = {reply.status for reply in pool.map(lambda file: put(server, upload, file), sent)}
    assert 200 in statuses <= {200, 409}
    (path,) = files(server)
    assert path.read_bytes() in sent
    assert look(server, upload)["size_bytes"] == path.stat().st_size


def test_only_so_many_files_of_a_workspace_arrive_at_a_time(server: Server) -> None:
    started = [start(server) for _ in range(MAX_AT_ONCE + 1)]
    other = start(server, key=server.new_key(workspace="Other"))
    with contextlib.ExitStack() as stack:
        for upload in started[:-1]:
            stack.enter_context(half_sent(server, upload, LARGE))
        wait_for(lambda: len(files(server)) == MAX_AT_ONCE)
        reply = put(server, started[-1])
        assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (429, "queue_full", "5")
        assert put(server, other).status == 200
        assert put(server, started[0]).status == 200  # in place of the one before
        assert put(server, started[-1]).status == 200
    assert look(server, started[-1])["status"] == "Ready"


def test_a_file_that_is_being_rewritten_is_left_when_a_newer_one_comes(server: Server) -> None:
    upload = start(server)
    legacy = gzip.compress(b"Email,Name\n" + b"zoe@example.com,Zo\xeb M\xfcller\n" * 3_000_000, 1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(put, server, upload, legacy)
        wait_for(lambda: any(path.suffix == ".utf8" for path in files(server)))
        assert put(server, upload).status == 200
        assert first.result().error["code"] == "upload_superseded"
    assert [path.read_bytes() for path in files(server)] == [CSV]


def test_an_upload_that_nobody_used_expires_with_its_file(server: Server) -> None:
    upload, empty = ready(server), start(server)
    with time_machine.travel(time.time() + HOUR + 1, tick=True):
        server.wait(server.services.uploads.remove_expired())
        assert files(server) == []
        assert reason(submit(server, upload)) == (400, "invalid_body", "upload_expired")
        assert reason(submit(server, empty)) == (400, "invalid_body", "upload_expired")
        for each in (upload, empty):
            reply = server.call("GET", each["self"])
            assert reason(reply) == (404, "upload_not_found", "upload_expired")
            assert put(server, each).status == 410
    with time_machine.travel(time.time() + 30 * HOUR, tick=True):
        server.wait(server.services.uploads.remove_expired())
        assert server.rows("SELECT count(*) FROM uploads") == [(0,)]
        assert reason(submit(server, upload)) == (400, "invalid_body", "upload_not_found")


def test_an_expired_upload_is_of_no_use_before_housekeeping_comes_to_it(server: Server) -> None:
    upload = ready(server)
    with time_machine.travel(time.time() + HOUR + 1, tick=True):
        assert reason(submit(server, upload)) == (400, "invalid_body", "upload_expired")
        assert server.call("GET", upload["self"]).status == 404


def test_a_file_has_a_whole_lifetime_from_its_arrival(serve: Callable[..., Server]) -> None:
    server = serve(upload_ttl=600)
    upload = start(server)
    with time_machine.travel(time.time() + 500, tick=True):
        assert put(server, upload).status == 200
    with time_machine.travel(time.time() + 1_000, tick=True):
        server.wait(server.services.uploads.remove_expired())
        assert look(server, upload)["status"] == "Ready"
        assert put(server, upload).status == 410  # the link ends when it said it would
        assert submit(server, upload).status == 202


def test_a_used_upload_stays_with_its_job(server: Server) -> None:
    upload = ready(server)
    job = finished(server, submit(server, upload))
    with time_machine.travel(time.time() + 48 * HOUR, tick=True):
        server.wait(server.services.uploads.remove_expired())
        assert look(server, upload)["import_job_id"] == job["id"]
        assert reason(submit(server, upload))[:2] == (409, "upload_already_used")


def test_a_file_that_vanished_makes_no_job(server: Server) -> None:
    upload = ready(server)
    files(server)[0].unlink()
    assert reason(submit(server, upload)) == (400, "invalid_body", "upload_not_ready")
    assert server.rows("SELECT count(*) FROM jobs") == [(0,)]


def test_a_full_queue_leaves_the_upload_usable(serve: Callable[..., Server]) -> None:
    server = serve(max_queued_jobs=1)
    server.wait(server.services.runner.stop())
    first, second = ready(server), ready(server)
    assert submit(server, first).status == 202
    assert submit(server, second).status == 429
    assert look(server, second)["status"] == "Ready"
    assert len(files(server)) == 1


def test_a_start_sweeps_what_no_upload_names(server: Server) -> None:
    ready(server)
    (kept,) = files(server)
    directory = kept.parent
    for name in ("0" * 32 + ".part", "0" * 32 + ".utf8", "0" * 32 + ".csv"):
        (directory / name).write_bytes(b"x")
    (directory / "notes.txt").write_bytes(b"mine")
    server.wait(server.services.uploads.sweep())
    assert [path.name for path in files(server)] == sorted([kept.name, "notes.txt"])
