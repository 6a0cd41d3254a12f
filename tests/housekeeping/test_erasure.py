"""A deleted person leaves no bytes in the data directory, and everybody else stays."""

import contextlib
import logging
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from api_records import data_of, field, hold_jobs, release_jobs, subscriber
from conftest import Server
from plain_sqlite import read_in_use
from uploading import ready
from webhooks.receiver import Planned, Receiver

from housekeeping import person
from housekeeping.person import CELL, EARLIER_NAME, EMAIL, IMPORTS, MAPPINGS, NAME, mapped
from mailrith_lite.audience import erasures
from mailrith_lite.audience.erasures import Mention, Pending
from mailrith_lite.database import Connection, Database
from mailrith_lite.database import connection as database_connection
from mailrith_lite.exports.export_pipeline import ExportPipeline
from mailrith_lite.housekeeping.erasure import Erasure
from mailrith_lite.imports import erasing

EXPORTS = "/v1/jobs/subscriber-exports"
BULK_CHANGES = "/v1/jobs/subscriber-bulk-changes"
DAY = 86_400


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve(allow_private_webhooks=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as running:
        running.otherwise = Planned(status=200, body=f"saved {NAME}".encode())
        yield running


def erase(server: Server) -> None:
    server.wait(Erasure(server.services.database).step())


def report(server: Server, job: Any) -> list[str]:
    """The rows of the report as it is now, without the header."""
    url = data_of(server.call("GET", f"{IMPORTS}/{job['id']}"))["error_report_url"]
    return server.fetch(url).body.decode().splitlines()[1:]


def delete(server: Server, saved: Any) -> None:
    assert server.call("DELETE", saved["self"]).status == 204


def put_through_everything(server: Server, receiver: Receiver) -> Any:
    """Makes the service store the person wherever it can. Returns the saved subscriber."""
    text_field = field(server, "Notes")
    subscriber(server, "ada@example.com", name="Ada")
    subscription = {"name": "Hook", "url": receiver.url, "event_patterns": ["*"]}
    data_of(server.call("POST", "/v1/webhook-subscriptions", subscription))
    body = {"email": EMAIL, "name": EARLIER_NAME, "status": "Active", "custom_fields": {text_field["id"]: CELL}}
    saved = data_of(
        server.call("POST", "/v1/subscribers", body, headers={"Idempotency-Key": f"signup-{EMAIL.upper()}"})
    )
    server.import_csv(person.CHANGED)  # for its undo, the service keeps the earlier name
    server.import_csv(person.REFUSED, MAPPINGS)
    upload = ready(server, person.REFUSED.replace("Ada", "Adé").encode("latin-1"), name=f"{EMAIL}.csv")
    job = server.call("POST", IMPORTS, {"upload_id": upload["id"], "mappings": MAPPINGS, "dry_run": True})
    assert job.status == 202
    server.drain()
    assert server.call("POST", IMPORTS, {"upload_id": upload["id"], "mappings": MAPPINGS}).status == 202
    server.drain()
    server.import_csv(person.WITHOUT_HEADER, [mapped(EMAIL, "email"), mapped(NAME, "name")])
    subscriber(server, EMAIL, status="Unsubscribed")
    server.import_csv(person.WARNED, [*MAPPINGS[:2], mapped("Status", "subscriber-status")])
    for number, query in enumerate((EMAIL.upper(), NAME, "zqxwv")):
        export = {"query": query}
        reply = server.call("POST", EXPORTS, export, headers={"Idempotency-Key": f"export-{number}"})
        assert reply.status == 202
        bulk = {"action": "unsubscribe", "filter": {"search": query, "email": EMAIL}}
        reply = server.call("POST", BULK_CHANGES, bulk, headers={"Idempotency-Key": f"bulk-{number}"})
        assert reply.status == 202
    server.drain()
    server.wait(server.services.dispatcher.drain())
    return saved


@pytest.mark.slow
def test_a_deleted_person_leaves_no_bytes_in_the_data_directory(
    server: Server, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    saved = put_through_everything(server, receiver)
    directory = server.settings.data_dir
    assert len({one.split(": ")[1] for one in person.traces(directory)}) == len(person.NEEDLES)
    delete(server, saved)
    erase(server)
    assert [one for one in person.traces(directory) if not one.startswith("exports/")] == []
    assert not {"zqx", "xwv", "kjq"} & person.indexed_trigrams(directory)
    assert [needle for needle in person.NEEDLES if needle.decode() in caplog.text.lower()] == []
    with time_machine.travel(time.time() + DAY + 1, tick=True):
        server.wait(expired_exports(server).remove_expired())
    assert person.traces(directory) == []


def test_everybody_else_stays_when_a_person_is_erased(server: Server) -> None:
    saved = subscriber(server, EMAIL, name=NAME)
    other = subscriber(server, f"x{EMAIL}", name="Other")
    job = server.import_csv(person.REFUSED + f"x{EMAIL},Other,Nowhere\n", MAPPINGS)
    progress = job["progress"]
    for query in ("ada@example.com", EMAIL):
        assert server.call("POST", EXPORTS, {"query": query}).status == 202
    server.drain()
    delete(server, saved)
    erase(server)
    assert [row.partition(",")[0] for row in report(server, job)] == ["ada@example.com", f"x{EMAIL}"]
    assert data_of(server.call("GET", f"{IMPORTS}/{job['id']}"))["progress"] == progress
    assert server.rows("SELECT query FROM exports ORDER BY job_id") == [("ada@example.com",), ("(erased)",)]
    assert data_of(server.call("GET", other["self"]))["name"] == "Other"
    found = server.call("GET", f"/v1/subscribers?search=x{EMAIL}").json["data"]
    assert [one["id"] for one in found] == [other["id"]]


def test_filters_of_an_export_lose_what_names_a_deleted_person(server: Server) -> None:
    saved = subscriber(server, EMAIL, name=NAME)
    city = field(server, "City")
    tests = [
        {"custom_field_id": city["id"], "operator": "is", "value": text} for text in (NAME.upper(), [EMAIL], "Bonn")
    ]
    for body in ({"email": EMAIL}, *({"custom_fields": [test]} for test in tests)):
        assert server.call("POST", EXPORTS, body, headers={"Idempotency-Key": str(body)}).status == 202
    server.drain()
    delete(server, saved)
    newer = {"custom_fields": tests[-1:]}
    assert server.call("POST", EXPORTS, newer, headers={"Idempotency-Key": "newer"}).status == 202
    server.drain()
    erase(server)
    kept = " ".join(selection for (selection,) in server.rows("SELECT selection FROM exports ORDER BY job_id"))
    assert (kept.count("(erased)"), kept.count("Bonn")) == (4, 1)
    answers = " ".join(body.decode() for (body,) in server.rows("SELECT body FROM idempotency_records"))
    assert (answers.count("(erased)"), answers.count("Bonn")) == (4, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "action", "member"), [(EXPORTS, {}, "selection"), (BULK_CHANGES, {"action": "unsubscribe"}, "filter")]
)
def test_filters_lose_the_texts_of_custom_fields_and_keep_the_rest(
    server: Server, path: str, action: dict[str, str], member: str
) -> None:
    phone, size = field(server, "Phone"), field(server, "Size", "Number")
    saved = subscriber(server, EMAIL)
    tests = [
        {"custom_field_id": phone["id"], "operator": "is", "value": "+49 228 555"},
        {"custom_field_id": size["id"], "operator": "less_than", "value": 7},
    ]
    chosen = {"search": "somebody", "custom_fields": tests}
    body = {**action, "filter": chosen} if action else {"query": "somebody", "custom_fields": tests}
    headers = {"Idempotency-Key": "once"}
    job = data_of(server.call("POST", path, body, headers=headers))
    server.drain()
    delete(server, saved)
    erase(server)
    for answer in (server.call("GET", job["self"]), server.call("POST", path, body, headers=headers)):
        left = data_of(answer)[member]
        assert [test["value"] for test in left["custom_fields"]] == ["(erased)", 7]
        assert "somebody" in left.values()


@pytest.mark.parametrize(
    "cell",
    [
        EMAIL,
        EMAIL.upper(),
        f"  {EMAIL} ",
        f"'{EMAIL}",
        f"Ada <{EMAIL}>",
        f'"{EMAIL}"',
        f"mailto:{EMAIL}?subject=x",
        f"write to {EMAIL}.",
        f"a@b.example,{EMAIL}",
        f"first\n{EMAIL}",
        EMAIL.replace("@", "\u200b@"),
        f"{EMAIL}@",
    ],
)
def test_a_refused_row_belongs_to_whoever_has_an_address_in_one_of_its_cells(server: Server, cell: str) -> None:
    saved = subscriber(server, EMAIL)
    cell = cell.replace('"', '""')
    job = server.import_csv(f'Email,Name\nbroken,"{cell}"\nbroken,Ada\n')
    assert len(report(server, job)) == 2 + cell.count("\n")
    delete(server, saved)
    erase(server)
    assert [row.split(",")[1] for row in report(server, job)] == ["Ada"]


def test_a_refused_row_with_an_international_domain_goes_with_its_person(server: Server) -> None:
    saved = subscriber(server, "zoé@exämple.example".replace("é", "e"))
    job = server.import_csv("Email,Name,Country\nZOE@EXÄMPLE.example,Zoe,Nowhere\nbroken,Ada,\n", MAPPINGS)
    delete(server, saved)
    erase(server)
    assert [row.split(",")[1] for row in report(server, job)] == ["Ada"]


def test_a_person_with_the_address_of_a_deleted_one_keeps_their_refused_rows(server: Server) -> None:
    delete(server, subscriber(server, EMAIL))
    subscriber(server, EMAIL)
    job = server.import_csv(person.REFUSED, MAPPINGS)
    erase(server)
    assert len(report(server, job)) == 2


def test_the_refused_rows_of_all_imports_are_looked_up_together(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look reads all deleted people of the workspace."""
    select_erased = erasures.select_erased
    looks: list[int] = []

    async def counted(connection: Connection, workspace_id: int, named: list[Mention]) -> list[Mention]:
        looks.append(len(named))
        return await select_erased(connection, workspace_id, named)

    saved = subscriber(server, EMAIL)
    jobs = [server.import_csv(f"Email,Name\nbroken,{EMAIL}\nbroken,bob{number}@x.com\n") for number in range(3)]
    delete(server, saved)
    monkeypatch.setattr(erasures, "select_erased", counted)
    server.wait(erasing.erase_rows(server.services.database, 1))
    assert looks == [6]
    assert [[row.split(",")[1] for row in report(server, job)] for job in jobs] == [
        [f"bob{number}@x.com"] for number in range(3)
    ]


def test_the_replay_of_a_deleted_person_is_a_404(server: Server) -> None:
    for key in ("one", f"signup {EMAIL}"):
        reply = server.call("POST", "/v1/subscribers", {"email": EMAIL}, headers={"Idempotency-Key": key})
        delete(server, data_of(reply))
        for _ in range(2):  # at once, and when everything is erased
            replay = server.call("POST", "/v1/subscribers", {"email": EMAIL}, headers={"Idempotency-Key": key})
            assert (replay.status, replay.error["code"]) == (404, "subscriber_not_found")
            erase(server)
        other = server.call("POST", "/v1/subscribers", {"email": "b@b.example"}, headers={"Idempotency-Key": key})
        assert (other.status, other.error["code"]) == (409, "idempotency_key_reused")
    assert server.rows("SELECT count(*) FROM subscribers") == [(0,)]


def test_the_recorded_answer_about_a_search_loses_the_name_also_if_its_key_has_the_address(server: Server) -> None:
    saved = subscriber(server, EMAIL, name=NAME)
    headers = {"Idempotency-Key": f"weekly-{EMAIL}"}  # sorts after the hashed key that replaces it
    assert server.call("POST", EXPORTS, {"query": NAME}, headers=headers).status == 202
    server.drain()
    delete(server, saved)
    erase(server)
    replay = server.call("POST", EXPORTS, {"query": NAME}, headers=headers)
    assert data_of(replay)["selection"]["query"] == "(erased)"
    assert [one for one in person.traces(server.settings.data_dir) if not one.startswith("exports/")] == []


def test_bulk_change_that_erases_a_person_loses_the_texts_of_its_own_filter(server: Server) -> None:
    subscriber(server, EMAIL, name=NAME)
    body = {"action": "erase", "filter": {"search": NAME}, "expected_count": 1}
    headers = {"Idempotency-Key": "once"}
    job = data_of(server.call("POST", BULK_CHANGES, body, headers=headers))
    assert job["filter"]["search"] == NAME
    server.drain()
    erase(server)
    for answer in (server.call("GET", job["self"]), server.call("POST", BULK_CHANGES, body, headers=headers)):
        assert data_of(answer)["filter"]["search"] == "(erased)"
    assert person.traces(server.settings.data_dir) == []


@pytest.mark.slow
def test_an_address_in_the_id_of_a_request_is_erased(server: Server) -> None:
    saved = subscriber(server, EMAIL)
    for email in (EMAIL, "ada@example.com"):
        headers = {"x-mailrith-request-id": f"for-{email}"}
        assert server.call("POST", EXPORTS, {}, headers=headers).status == 202
    server.drain()
    delete(server, saved)
    erase(server)
    kept = [("(erased)",), ("for-ada@example.com",)]
    assert server.rows("SELECT request_id FROM jobs ORDER BY id") == kept
    assert server.rows("SELECT request_id FROM audit_entries WHERE action = 'export.created' ORDER BY id") == kept


@pytest.mark.slow
def test_a_person_in_an_unfinished_import_is_erased_after_its_end(server: Server) -> None:
    saved = subscriber(server, EMAIL)
    hold_jobs(server)
    reply = server.call("POST", IMPORTS, {"csv_text": person.REFUSED, "mappings": MAPPINGS})
    delete(server, saved)
    erase(server)
    assert server.rows("SELECT email FROM erasures") == [(EMAIL,)]
    release_jobs(server)
    erase(server)
    assert len(report(server, data_of(reply))) == 1
    assert person.traces(server.settings.data_dir) == []


def test_an_import_that_ends_while_people_are_erased_is_searched_again(server: Server) -> None:
    saved = subscriber(server, EMAIL)
    hold_jobs(server)
    reply = server.call("POST", IMPORTS, {"csv_text": person.REFUSED, "mappings": MAPPINGS})
    delete(server, saved)

    async def pending() -> Pending:
        async with server.services.database.read() as connection:
            (one,) = await erasures.select_pending(connection)
        return one

    async def finish(before: Pending) -> None:
        async with server.services.database.write() as connection:
            await erasures.delete_finished(connection, before)

    before = server.wait(pending())
    release_jobs(server)
    server.wait(finish(before))
    erase(server)
    assert len(report(server, data_of(reply))) == 1
    assert person.traces(server.settings.data_dir) == []


def test_people_that_an_undo_deletes_are_erased(server: Server) -> None:
    job = server.import_csv(f"Email,Name\n{EMAIL},{NAME}\n")
    server.import_csv(person.REFUSED, MAPPINGS)
    assert server.call("POST", f"{IMPORTS}/{job['id']}/undo").status == 202
    server.drain()
    erase(server)
    assert person.traces(server.settings.data_dir) == []


def test_an_answer_that_arrives_after_the_deletion_is_not_kept(server: Server, receiver: Receiver) -> None:
    release = threading.Event()
    receiver.otherwise = Planned(status=200, body=f"saved {NAME}".encode(), wait=release)
    hook = {"name": "Hook", "url": receiver.url, "event_patterns": ["*"]}
    data_of(server.call("POST", "/v1/webhook-subscriptions", hook))
    saved = subscriber(server, EMAIL, name=NAME)
    receiver.wait_for(1)
    delete(server, saved)
    erase(server)
    release.set()
    server.wait(server.services.dispatcher.drain())
    assert server.rows("SELECT status, answer FROM webhook_deliveries") == [("delivered", None)]


def test_the_wal_is_emptied_as_soon_as_nobody_reads_from_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_connection, "_WAL_ATTEMPTS", 1)
    one = Erasure(server.services.database)
    saved = subscriber(server, EMAIL)
    with contextlib.closing(sqlite3.connect(server.services.database.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM subscribers").fetchall()
        delete(server, saved)
        server.wait(one.step())
        assert person.traces(server.settings.data_dir)
        subscriber(server, "ada@example.com")  # writers do not wait
    server.wait(one.step())
    assert person.traces(server.settings.data_dir) == []


def test_a_step_without_deleted_people_writes_nothing(server: Server) -> None:
    one = Erasure(server.services.database)
    delete(server, subscriber(server, EMAIL))
    server.wait(one.step())
    before = server.services.database.revision(1), server.rows("PRAGMA data_version")
    server.wait(one.step())
    assert (server.services.database.revision(1), server.rows("PRAGMA data_version")) == before


@pytest.mark.slow
async def test_rows_that_sqlite_has_moved_leave_no_copy_in_a_small_database(database: Database) -> None:
    chance = random.Random(7)
    emails = [f"{chance.getrandbits(160):040x}@churn.example" for _ in range(3_000)]
    async with database.write() as writer:
        await writer.execute(
            "INSERT INTO workspaces (id, name, created_at, updated_at) VALUES (1, 'Default', 1, 1)"
        )
    for begin in range(0, 3_000, 300):  # rows of any length, which others push from page to page
        async with database.write() as writer:
            await writer.executemany(
                """INSERT INTO subscribers (workspace_id, email, name, status, custom_fields, subscribed_at,
                    created_at, updated_at) VALUES (1, ?, '', 'Active', ?, 1, 1, 1)""",
                [(email, text_of(chance.randrange(300))) for email in emails[begin : begin + 300]],
            )
            await writer.executemany(
                "UPDATE subscribers SET custom_fields = ? WHERE workspace_id = 1 AND email = ?",
                [(text_of(chance.randrange(600)), email) for email in chance.sample(emails[: begin + 300], k=200)],
            )
    gone = set(chance.sample(emails, k=1_500))
    async with database.write() as writer:
        await writer.executemany("DELETE FROM subscribers WHERE email = ?", [(email,) for email in gone])
    await Erasure(database).step()
    left = {email.decode() for email in re.findall(rb"[0-9a-f]{40}@churn.example", read_in_use(database.path))}
    assert left == set(emails) - gone


def text_of(length: int) -> str:
    """Custom fields of this length."""
    return f'{{"1":"{"x" * length}"}}'


def expired_exports(server: Server) -> ExportPipeline:
    services = server.services
    return ExportPipeline(services.database, services.exports_directory, formula_guard=True, ttl=DAY)
