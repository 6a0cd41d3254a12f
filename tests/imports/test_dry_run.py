"""A dry run has exactly the outcome of the import, and changes nothing."""

import csv
import io
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import MAPPINGS, Server
from empty_database import write_empty_database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uploading import CSV, IMPORTS, files, finished, look, put, ready, submit

from mailrith_lite import clock
from mailrith_lite.access import workspaces
from mailrith_lite.audience import blocks, bulk, row_lists, tags
from mailrith_lite.audience.bulk_plan import Change, Outcome
from mailrith_lite.audience.dry_run import open_dry_run
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.database import Database
from mailrith_lite.settings import Settings

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "10"))
STATUS = {"csv_column": "Status", "field": {"type": "subscriber-status"}}
TABLES = ("subscribers", "tags", "subscriber_tags", "subscriber_sequences", "segments", "custom_fields")
PEOPLE = [f"user{number}@example.com" for number in range(6)]
CELLS = st.tuples(
    st.sampled_from([*PEOPLE, PEOPLE[0].upper(), "nobody", ""]),
    st.sampled_from(["", "Ada", "Bob", "x" * 201, "ÄÖÜ"]),
    st.sampled_from(["", "DE", "Germany", "Atlantis"]),
    st.sampled_from(["", *STATUSES, "Gone"]),
    st.sampled_from(["", "1", "1.0", "2", "many"]),
    st.sampled_from(["", "Old", "a, b", "B;new", "x" * 101]),
    st.sampled_from(["", "Welcome", "welcome|Gone"]),
    st.sampled_from(["", "31.01.2024", "30.01.2024 10:00", "2024-01-31", "someday"]),
    st.sampled_from(["", "yes", "NO", "perhaps"]),
    st.sampled_from(["", "Ada", "y" * 150]),
    st.sampled_from(["", "Lovelace", "z" * 150]),
    st.sampled_from(["", "1.234,5", "1,5", "many"]),
)
HEADER = (
    *("Email", "Name", "Country", "Status", "Size", "Tags", "Sequences", "Since", "Opted out", "First", "Last"),
    "Price",
)
FILES = st.lists(CELLS, min_size=1, max_size=30)


def contents(server: Server) -> dict[str, list[Any]]:
    return {table: sorted(server.rows(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def text_of(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, *rows])
    return text.getvalue()


def outcome(server: Server, job: Any) -> tuple[Any, str | None]:
    """(the counts, the error report)"""
    report = None if job["error_report_url"] is None else server.report(job)
    return job["progress"], report


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("dry") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key="mrk_example_secret_key")).serving() as server:
        yield server


numbers = itertools.count()
CELL_RULES = st.sampled_from(["refuse_row", "leave_out"])


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    saved=FILES,
    rows=FILES,
    tagged=st.booleans(),
    tag=st.sampled_from([None, "Old", "New"]),
    cells=CELL_RULES,
    status=st.sampled_from([None, "Unsubscribed", "Active"]),
    new_field=st.booleans(),
)
def test_a_dry_run_has_the_outcome_of_the_import(
    standing: Server,
    saved: list[Any],
    rows: list[Any],
    tagged: bool,
    tag: str | None,
    cells: str,
    status: str | None,
    new_field: bool,
) -> None:
    key = standing.new_key(workspace=f"Workspace {next(numbers)}")
    field = standing.call("POST", "/v1/custom-fields", {"label": "Size", "type": "Number"}, key=key).json["data"]
    sequence = {"name": "Welcome", "definition": {"emails": []}}
    sequence_id = standing.call("POST", "/v1/sequences", sequence, key=key).json["data"]["id"]
    mappings = [
        *MAPPINGS,
        {"csv_column": "Country", "field": {"type": "country"}},
        STATUS,
        {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": field["id"]}},
        {"csv_column": "Tags", "field": {"type": "tags"}},
        {"csv_column": "Sequences", "field": {"type": "sequences"}},
        {"csv_column": "Since", "field": {"type": "subscribed-at"}},
        {**STATUS, "csv_column": "Opted out", "values": {"yes": "Unsubscribed", "no": None}},
        {"csv_column": "First", "field": {"type": "first-name"}},
        {"csv_column": "Last", "field": {"type": "last-name"}},
        {
            "csv_column": "Price",
            "field": {"type": "new-custom-field", "label": "Price", "custom_field_type": "Number"},
        },
    ]
    known = mappings[:-1] if new_field else mappings
    standing.import_csv(
        text_of(saved), known, key=key, new_tag_name="Old", sequence_ids=[sequence_id] if tagged else []
    )
    options = {"new_tag_name": tag, "sequence_ids": [sequence_id], "invalid_cells": cells, "status": status}
    before = contents(standing)
    dry = standing.import_csv(text_of(rows), mappings, key=key, dry_run=True, **options)
    assert contents(standing) == before
    real = standing.import_csv(text_of(rows), mappings, key=key, **options)
    assert (dry["status"], dry["dry_run"], dry["imported_count"]) == ("Completed", True, 0)
    assert (real["status"], real["dry_run"]) == ("Completed", False)
    assert outcome(standing, dry) == outcome(standing, real)


CHANGES = st.builds(
    Change,
    line=st.integers(2, 99),
    email=st.sampled_from(PEOPLE),
    name=st.none() | st.sampled_from(["Ada", "Bob"]),
    status=st.none() | st.sampled_from(STATUSES),
    country=st.none() | st.sampled_from(["DE", "FR"]),
    subscribed_at=st.none() | st.sampled_from([1_000, 2_000]),
    last_opened_at=st.none() | st.sampled_from([1_000, 2_000]),
    custom_fields=st.dictionaries(st.just("1"), st.sampled_from(["a", "b"])),
    tags=st.sampled_from([(), ("one",), ("New", "TWO"), ("new",), ("other", "New")]),
    sequences=st.sampled_from([(), ("one",), ("TWO", "Gone"), ("Gone", "Lost")]),
)
CHUNKS = st.lists(st.lists(CHANGES, max_size=8), max_size=6)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    saved=CHUNKS,
    chunks=CHUNKS,
    saved_members=st.sampled_from([[], [1], [1, 2]]),
    members=st.sampled_from([[], [1, 2]]),
)
async def test_every_chunk_of_a_dry_run_follows_the_chunks_before_it(
    tmp_path_factory: pytest.TempPathFactory,
    saved: list[list[Change]],
    chunks: list[list[Change]],
    saved_members: list[int],
    members: list[int],
) -> None:
    directory = tmp_path_factory.mktemp("dry")
    async with Database.open(write_empty_database(directory / "test.db")) as database:
        await insert_workspace_with_members(database)
        for chunk in saved:
            await apply(database, chunk, saved_members)
        async with open_dry_run(database, directory / "scratch") as dry_run:
            planned = [await dry_run.plan(1, chunk, tag_ids=members, sequence_ids=members) for chunk in chunks]
        assert planned == [await apply(database, chunk, members) for chunk in chunks]
    assert not (directory / "scratch").exists()


async def insert_workspace_with_members(database: Database) -> None:
    """A workspace with two tags, two sequences and a custom field, each with the integer ids 1 and 2."""
    async with database.write() as connection:
        await workspaces.insert_workspace(connection, "Default", 1)
        for name in ("One", "Two"):
            await tags.insert_tag(connection, 1, name, None, 1)
            await connection.execute(
                "INSERT INTO sequences (workspace_id, name, created_at, updated_at) VALUES (1, ?, 1, 1)", (name,)
            )


async def apply(database: Database, chunk: Sequence[Change], members: Sequence[int]) -> Outcome:
    async with database.write() as connection:
        lists = await row_lists.resolve(connection, 1, chunk, 1)
        plan = await bulk.plan(connection, 1, chunk, tag_ids=members, sequence_ids=members, lists=lists)
        await bulk.apply(connection, 1, plan, clock.now())
        assert await blocks.select_miscounts(connection) == []
    return plan.outcome


async def test_a_dry_run_sees_the_subscribers_of_its_workspace_only(database: Database, tmp_path: Path) -> None:
    await insert_workspace_with_members(database)
    async with database.write() as connection:
        await workspaces.insert_workspace(connection, "Other", 1)
    await apply(database, [Change(line=2, email=PEOPLE[0])], [])
    async with open_dry_run(database, tmp_path / "scratch") as dry_run:
        changes = [Change(line=2, email=PEOPLE[0])]
        outcomes = [await dry_run.plan(2, changes, tag_ids=[], sequence_ids=[]) for _ in range(2)]
    assert [(one.created, one.unchanged) for one in outcomes] == [(1, 0), (0, 1)]


@pytest.mark.slow
async def test_subscribers_planned_by_a_dry_run_count_toward_the_limit_of_a_chunk(
    database: Database, tmp_path: Path
) -> None:
    await insert_workspace_with_members(database)
    text = "x" * 10_000
    fields = {str(number): text for number in range(50)}
    changes = [Change(line=line, email=f"user{line}@example.com", custom_fields=fields) for line in range(2, 22)]
    async with open_dry_run(database, tmp_path / "scratch") as dry_run:
        assert (await dry_run.plan(1, changes, tag_ids=[], sequence_ids=[])).created == 20
        with pytest.raises(bulk.ChunkTooLarge):
            await dry_run.plan(1, changes, tag_ids=[], sequence_ids=[])
        for half in (changes[:10], changes[10:]):
            assert (await dry_run.plan(1, half, tag_ids=[], sequence_ids=[])).unchanged == 10


async def test_a_dry_run_cannot_write_to_the_database(database: Database, tmp_path: Path) -> None:
    await insert_workspace_with_members(database)
    async with open_dry_run(database, tmp_path / "scratch") as dry_run:
        with pytest.raises(Exception, match="readonly"):
            await dry_run.connection.execute("DELETE FROM tags")


@pytest.mark.slow
def test_a_dry_run_counts_rows_of_one_email_that_are_far_apart(server: Server) -> None:
    """Each email comes again after a chunk with another name, and some once more with the same name."""
    rows = [(f"user{number % 6_100}@example.com", f"Name {min(number // 6_100, 1)}") for number in range(14_000)]
    csv_text = "Email,Name\n" + "".join(f"{email},{name}\n" for email, name in rows)
    server.import_csv("Email,Name\n" + "".join(f"user{number}@example.com,Name 0\n" for number in range(500)))
    dry = server.import_csv(csv_text, dry_run=True)
    real = server.import_csv(csv_text)
    assert dry["progress"] == real["progress"]
    assert (dry["progress"]["created_count"], dry["progress"]["rows_total"]) == (5_600, 14_000)


def test_a_dry_run_changes_no_tag_and_no_subscriber(server: Server) -> None:
    server.import_csv("Email,Name\nada@example.com,Ada\n")
    before = contents(server)
    job = server.import_csv(
        "Email,Name\nada@example.com,Ada\nbob@example.com,Bob\n", dry_run=True, new_tag_name="New"
    )
    assert contents(server) == before
    assert job["progress"]["updated_count"] == job["progress"]["created_count"] == 1
    assert files(server, "imports") == []


def test_a_job_says_whether_it_is_a_dry_run(server: Server) -> None:
    dry = server.import_csv("Email,Name\nnobody,Ada\n", dry_run=True)
    real = server.import_csv("Email,Name\nnobody,Ada\n")
    assert [job["dry_run"] for job in server.sdk().jobs.list_imports()["data"]] == [False, True]
    assert (dry["dry_run"], real["dry_run"]) == (True, False)
    assert server.report(dry) == server.report(real)
    assert "invalid_email" in server.report(dry)


def test_a_broken_file_fails_a_dry_run_too(server: Server) -> None:
    job = server.import_csv('Email,Name\nada@example.com,"Ada\n', dry_run=True)
    assert (job["status"], job["imported_count"]) == ("Failed", 0)
    assert "line 2" in job["error_message"]


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_dry_run_is_true_or_false(server: Server, value: Any) -> None:
    reply = server.call("POST", IMPORTS, {"csv_text": "Email,Name\n", "mappings": MAPPINGS, "dry_run": value})
    assert (reply.status, reply.error["details"]["field"]) == (400, "dry_run")


def test_an_upload_stays_usable_after_dry_runs(server: Server) -> None:
    upload = ready(server)
    before = look(server, upload)
    for _ in range(2):
        dry = finished(server, submit(server, upload, dry_run=True))
        assert (dry["status"], dry["progress"]["created_count"]) == ("Completed", 2)
        assert look(server, upload) == before
    real = finished(server, submit(server, upload))
    assert (real["imported_count"], real["progress"]) == (2, dry["progress"])
    assert look(server, upload)["import_job_id"] == real["id"]
    assert files(server) == files(server, "imports") == []
    assert submit(server, upload, dry_run=True).error["code"] == "upload_already_used"


def test_a_dry_run_keeps_its_file_if_the_upload_gets_a_newer_one(server: Server) -> None:
    upload = ready(server)
    server.wait(server.services.runner.stop())
    assert submit(server, upload, dry_run=True).status == 202
    assert put(server, upload, b"Email,Name\n").status == 200
    (source,) = files(server, "imports")
    assert source.read_bytes() == CSV


@pytest.mark.slow
def test_other_requests_can_write_during_a_dry_run(server: Server) -> None:
    csv_text = "Email,Name\n" + "".join(f"user{number}@example.com,Name\n" for number in range(20_000))
    job = server.call("POST", IMPORTS, {"csv_text": csv_text, "mappings": MAPPINGS, "dry_run": True}).json["data"]
    count = 0
    while server.call("GET", job["self"]).json["data"]["status"] in ("Queued", "Processing"):
        assert server.call("POST", "/v1/tags", {"name": f"Tag {count}"}).status == 201
        count += 1
    assert count > 10
    assert server.call("GET", job["self"]).json["data"]["progress"]["created_count"] == 20_000
    assert server.rows("SELECT count(*) FROM subscribers") == [(0,)]


@pytest.mark.slow
def test_a_canceled_dry_run_leaves_no_file(server: Server) -> None:
    csv_text = "Email,Name\n" + "".join(f"user{number}@example.com,Name\n" for number in range(150_000))
    job = server.call("POST", IMPORTS, {"csv_text": csv_text, "mappings": MAPPINGS, "dry_run": True}).json["data"]
    while not server.call("GET", job["self"]).json["data"]["progress"]["rows_processed"]:
        pass
    assert server.call("POST", f"{job['self']}/cancel").json["data"]["status"] == "Failed"
    server.drain()
    assert files(server, "imports") == []
