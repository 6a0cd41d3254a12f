"""When uploads expire, and when their files are deleted."""

import time
from collections.abc import Callable
from typing import Any

import time_machine
from conftest import Server
from uploading import files, finished, look, put, ready, start, submit

HOUR = 3_600


def reason(reply: Any) -> tuple[int, str, str | None]:
    return reply.status, reply.error["code"], reply.error["details"].get("reason")


def test_an_unused_upload_expires_with_its_file(server: Server) -> None:
    upload, empty = ready(server), start(server)
    with time_machine.travel(time.time() + HOUR + 1, tick=True):
        server.wait(server.services.uploads.remove_expired())
        assert files(server) == []
        assert reason(submit(server, upload)) == (400, "subscriber_import_upload_not_found", "upload_expired")
        assert reason(submit(server, empty)) == (400, "subscriber_import_upload_not_found", "upload_expired")
        for each in (upload, empty):
            reply = server.call("GET", each["self"])
            assert reason(reply) == (404, "subscriber_import_upload_not_found", "upload_expired")
            assert put(server, each).status == 410
    with time_machine.travel(time.time() + 30 * HOUR, tick=True):
        server.wait(server.services.uploads.remove_expired())
        assert server.rows("SELECT count(*) FROM uploads") == [(0,)]
        assert reason(submit(server, upload)) == (400, "subscriber_import_upload_not_found", None)


def test_an_expired_upload_is_refused_before_its_file_is_deleted(server: Server) -> None:
    upload = ready(server)
    with time_machine.travel(time.time() + HOUR + 1, tick=True):
        assert reason(submit(server, upload)) == (400, "subscriber_import_upload_not_found", "upload_expired")
        assert server.call("GET", upload["self"]).status == 404


def test_the_lifetime_of_an_upload_starts_again_when_its_file_arrives(serve: Callable[..., Server]) -> None:
    server = serve(upload_ttl=600)
    upload = start(server)
    with time_machine.travel(time.time() + 500, tick=True):
        assert put(server, upload).status == 200
    with time_machine.travel(time.time() + 1_000, tick=True):
        server.wait(server.services.uploads.remove_expired())
        assert look(server, upload)["status"] == "Ready"
        assert put(server, upload).status == 410  # the link still expires at its own time
        assert submit(server, upload).status == 202


def test_a_used_upload_does_not_expire(server: Server) -> None:
    upload = ready(server)
    job = finished(server, submit(server, upload))
    with time_machine.travel(time.time() + 48 * HOUR, tick=True):
        server.wait(server.services.uploads.remove_expired())
        assert look(server, upload)["import_job_id"] == job["id"]
        assert reason(submit(server, upload))[:2] == (409, "upload_already_used")


def test_the_sweep_deletes_the_files_that_no_upload_names(server: Server) -> None:
    ready(server)
    (source,) = files(server)
    directory = source.parent
    for name in ("0" * 32 + ".part", "0" * 32 + ".utf8", "0" * 32 + ".csv"):
        (directory / name).write_bytes(b"x")
    (directory / "notes.txt").write_bytes(b"mine")
    server.wait(server.services.uploads.sweep())
    assert [path.name for path in files(server)] == sorted([source.name, "notes.txt"])
