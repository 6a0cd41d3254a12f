"""The requests about undos: which imports can be undone, the job, its report and its cancelation."""

from collections.abc import Callable
from typing import Any

import pytest
from conftest import MAPPINGS, Server
from wire import IMPORTS, envelope

from mailrith_lite import clock
from mailrith_lite.imports.undo.image_retention import ImageRetention
from mailrith_lite.jobs.kinds import UNDO

CSV = "Email,Name\na@x.com,Ada\nb@x.com,Bob\n"
NONE_PROCESSED = {"rows_total": None, "restored_count": 0, "deleted_count": 0, "skipped_count": 0}


def get(server: Server, path: str) -> Any:
    reply = server.call("GET", path)
    assert reply.status == 200, reply.body
    return reply.json["data"]


def undo_state(server: Server, job: Any) -> tuple[str, str | None]:
    undo = get(server, job["self"])["undo"]
    return undo["status"], undo["job_id"]


def hold(server: Server) -> None:
    """From now on the runner claims no job."""
    server.wait(server.services.runner.stop())


def execute(server: Server, sql: str, *parameters: Any) -> None:
    async def work() -> None:
        async with server.services.database.write() as connection:
            await connection.execute(sql, parameters)

    server.wait(work())


def test_an_undo_is_queued_and_shown_by_its_import(server: Server) -> None:
    job = server.import_csv(CSV)
    assert undo_state(server, job) == ("available", None)
    hold(server)
    reply = server.call("POST", f"{job['self']}/undo")
    undo = reply.json["data"]
    assert (reply.status, reply.headers["retry-after"]) == (202, "1")
    assert undo["self"] == f"{UNDO.path}/{undo['id']}"
    assert undo["import_job"] == {"id": job["id"], "self": job["self"]}
    assert (undo["status"], undo["progress"], undo["report_url"]) == ("Queued", NONE_PROCESSED, None)
    assert undo_state(server, job) == ("running", undo["id"])
    for path in (undo["self"], f"{job['self']}/undo"):
        assert get(server, path) == undo
    assert get(server, UNDO.path) == [undo]
    again = server.call("POST", f"{job['self']}/undo")
    assert envelope(again) == (409, "conflict", "undo_not_possible")
    assert again.error["details"] == {"reason": "already_running", "resource": {"type": "job", "id": undo["id"]}}


def test_an_undo_that_is_done_counts_people_and_is_named_by_its_import(server: Server) -> None:
    job = server.import_csv(CSV)
    server.call("POST", "/v1/subscribers", {"email": "b@x.com", "name": "By hand"})
    preview = get(server, f"{job['self']}/undo/preview")
    server.call("POST", f"{job['self']}/undo")
    server.drain()
    undo = get(server, f"{job['self']}/undo")
    assert undo["status"] == "Completed"
    assert preview.pop("import_job") == undo["import_job"]
    assert undo["progress"] == preview
    assert preview == {"rows_total": 2, "restored_count": 0, "deleted_count": 1, "skipped_count": 1}
    report = server.fetch(undo["report_url"])
    assert report.body == b"email,reason\r\nb@x.com,changed_since\r\n"
    assert report.headers["content-disposition"] == f'attachment; filename="{undo["id"]}-skipped.csv"'
    assert undo_state(server, job) == ("done", undo["id"])
    for path in ("", "/preview"):
        again = server.call("GET" if path else "POST", f"{job['self']}/undo{path}")
        assert (again.status, again.error["details"]["reason"]) == (409, "already_undone")


@pytest.mark.parametrize(
    ("csv", "body", "reason"),
    [
        (CSV, {"dry_run": True}, "dry_run"),
        ("Email,Name\nbroken,\n", {}, "nothing_applied"),
        ('Email,Name\n"open\n', {}, "nothing_applied"),
    ],
)
def test_an_import_that_changed_nobody_cannot_be_undone(
    server: Server, csv: str, body: dict[str, Any], reason: str
) -> None:
    job = server.import_csv(csv, **body)
    reply = server.call("POST", f"{job['self']}/undo")
    assert envelope(reply) == (409, "conflict", "undo_not_possible")
    assert reply.error["details"] == {"reason": reason, "resource": {"type": "job", "id": job["id"]}}
    assert undo_state(server, job) == ("not_possible", None)


def test_an_unfinished_import_cannot_be_undone(server: Server) -> None:
    hold(server)
    job = server.call("POST", IMPORTS, {"csv_text": CSV, "mappings": MAPPINGS}).json["data"]
    reply = server.call("POST", f"{job['self']}/undo")
    assert (reply.status, reply.error["details"]["reason"]) == (409, "unfinished")
    assert job["undo"] == {"status": "not_possible", "job_id": None}


@pytest.mark.slow
def test_a_canceled_import_that_applied_rows_can_be_undone(server: Server) -> None:
    job = server.import_csv(CSV)
    canceled = "UPDATE jobs SET status = 'Failed', error_message = 'Canceled by the client.', rows_total = 9"
    execute(server, canceled)
    assert undo_state(server, job) == ("available", None)
    server.call("POST", f"{job['self']}/undo")
    server.drain()
    assert get(server, "/v1/subscribers") == []


def test_import_cannot_be_undone_after_undo_ttl_and_its_images_are_deleted(server: Server) -> None:
    server.call("POST", "/v1/subscribers", {"email": "a@x.com", "name": "Before"})
    job = server.import_csv(CSV)
    assert len(server.rows("SELECT image FROM import_changes WHERE image IS NOT NULL")) == 1
    old = clock.now() - server.settings.undo_ttl * clock.SECOND
    execute(server, "UPDATE jobs SET completed_at = ?", old)
    for _ in range(2):
        reply = server.call("POST", f"{job['self']}/undo")
        assert envelope(reply) == (410, "not_found", "undo_expired")
        assert undo_state(server, job) == ("expired", None)
        remove_expired(server)
    assert server.rows("SELECT image FROM import_changes") == [(None,)]


def remove_expired(server: Server) -> None:
    retention = ImageRetention(server.services.database, ttl=server.settings.undo_ttl)
    server.wait(retention.remove_expired())


def test_images_of_an_undo_that_is_not_final_stay(server: Server) -> None:
    server.call("POST", "/v1/subscribers", {"email": "a@x.com", "name": "Before"})
    job = server.import_csv(CSV)
    hold(server)
    server.call("POST", f"{job['self']}/undo")
    execute(server, "UPDATE jobs SET completed_at = 0 WHERE kind = 'import'")
    remove_expired(server)
    assert server.rows("SELECT image IS NULL FROM import_changes") == [(0,)]


def test_with_undo_ttl_0_nothing_is_kept_and_nothing_can_be_undone(serve: Callable[..., Server]) -> None:
    server = serve(undo_ttl=0)
    server.call("POST", "/v1/subscribers", {"email": "a@x.com", "name": "Before"})
    job = server.import_csv(CSV)
    reply = server.call("POST", f"{job['self']}/undo")
    assert (reply.status, reply.error["details"]["reason"]) == (409, "undo_is_off")
    assert server.rows(
        "SELECT (SELECT count(*) FROM import_changes) + (SELECT count(*) FROM import_creations)"
    ) == [(0,)]


def test_an_import_without_images_is_not_undone_by_the_undo_of_an_earlier_one(server: Server) -> None:
    first = server.import_csv(CSV)
    execute(server, "UPDATE imports SET images = 'none'")
    reply = server.call("POST", f"{first['self']}/undo")
    assert (reply.status, reply.error["details"]["reason"]) == (409, "before_undo")


def test_the_idempotency_key_belongs_to_the_import(server: Server) -> None:
    first, second = server.import_csv(CSV), server.import_csv("Email,Name\nc@x.com,Cora\n")
    headers = {"Idempotency-Key": "k"}
    replies = [server.call("POST", f"{job['self']}/undo", headers=headers) for job in (first, first, second)]
    assert [reply.status for reply in replies] == [202, 202, 202]
    assert replies[1].body == replies[0].body
    assert replies[1].headers["idempotent-replayed"] == "true"
    assert replies[2].json["data"]["import_job"]["id"] == second["id"]
    server.drain()
    assert len(get(server, UNDO.path)) == 2
    other = server.call("POST", f"{first['self']}/undo", {}, headers=headers)
    assert envelope(other) == (409, "conflict", "idempotency_key_reused")


def test_an_import_without_an_undo_has_none_to_show_or_cancel(server: Server) -> None:
    job = server.import_csv(CSV)
    for method, path in (("GET", ""), ("POST", "/cancel")):
        reply = server.call(method, f"{job['self']}/undo{path}")
        assert envelope(reply) == (404, "not_found", f"{UNDO.resource}_not_found")


def test_after_a_canceled_undo_another_one_processes_the_rest(server: Server) -> None:
    job = server.import_csv(CSV)
    hold(server)
    undo = server.call("POST", f"{job['self']}/undo").json["data"]
    canceled = server.call("POST", f"{job['self']}/undo/cancel")
    assert (canceled.status, canceled.json["data"]["error_message"]) == (200, "Canceled by the client.")
    again = server.call("POST", f"{undo['self']}/cancel")
    assert envelope(again) == (409, "conflict", "job_already_final")
    assert undo_state(server, job) == ("available", undo["id"])
    assert server.call("POST", f"{job['self']}/undo").status == 202
    assert [one["status"] for one in get(server, UNDO.path)] == ["Queued", "Failed"]


def test_events_of_an_undo_are_about_the_people_that_it_restores(server: Server) -> None:
    server.call("POST", "/v1/subscribers", {"email": "a@x.com", "name": "Before", "status": "Active"})
    job = server.import_csv(
        "Email,Name,Status\na@x.com,After,Unsubscribed\nb@x.com,New,\n",
        [*MAPPINGS, {"csv_column": "Status", "field": {"type": "subscriber-status"}}],
        new_tag_name="Fair",
    )
    server.wait(server.services.dispatcher.stop())
    subscription = {"name": "n", "url": "https://example.com/hook", "event_patterns": ["subscriber.*"]}
    assert server.call("POST", "/v1/webhook-subscriptions", subscription).status == 201
    undo = server.call("POST", f"{job['self']}/undo").json["data"]
    server.drain()
    events = server.rows("SELECT type, details FROM webhook_deliveries ORDER BY id")
    source = f'"source":{{"type":"{UNDO.name}","id":"{undo["id"]}"}}'
    assert events == [
        ("subscriber.updated", f'{{{source},"changed":["name","tags"]}}'),
        ("subscriber.status_changed", f'{{{source},"status":"Active","previous_status":"Unsubscribed"}}'),
    ]
