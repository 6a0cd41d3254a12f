"""Accepting an import: what is checked before the 202, and what is true after the 202."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import KEY, MAPPINGS, Server
from uploading import put, ready, start

from mailrith_lite import clock, errors, ids
from mailrith_lite.imports import accept
from mailrith_lite.imports.accept import ImportOrder, PreparedImport
from mailrith_lite.imports.mapping import MappedField, Mapping

PATH = "/v1/jobs/subscriber-imports"
EMAIL = {"csv_column": "Email", "field": {"type": "email"}}
CSV = "Email,Name,name,Other\nada@example.com,Ada,A,x\n"
UNKNOWN_FIELD = ids.encode(ids.CUSTOM_FIELD, 999)


def column(name: str, field_type: str, **more: Any) -> dict[str, Any]:
    return {"csv_column": name, "field": {"type": field_type, **more}}


def left_over(server: Server) -> list[str]:
    return [path.name for path in server.services.imports_directory.iterdir()]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"mappings": []}, "mappings", None),
        ({"mappings": [column("Other", "name")]}, "mappings", "email_not_mapped"),
        ({"mappings": [column("e-mail", "email")]}, "mappings[0].csv_column", "column_not_found"),
        ({"mappings": [EMAIL, column("", "name")]}, "mappings[1].csv_column", "column_not_found"),
        ({"mappings": [EMAIL, column("NAME", "name")]}, "mappings[1].csv_column", "column_ambiguous"),
        ({"mappings": [EMAIL, column(" Email ", "name")]}, "mappings[1].csv_column", "column_mapped_twice"),
        ({"mappings": [EMAIL, column("Other", "email")]}, "mappings[1].field", "field_mapped_twice"),
        ({"mappings": [EMAIL, column("Other", "custom-field")]}, "mappings[1].field.custom_field_id", None),
        (
            {"mappings": [EMAIL, column("Other", "name", custom_field_id=UNKNOWN_FIELD)]},
            "mappings[1].field.custom_field_id",
            None,
        ),
        (
            {"mappings": [EMAIL, column("Other", "custom-field", custom_field_id=UNKNOWN_FIELD)]},
            "mappings[1].field.custom_field_id",
            "custom_field_not_found",
        ),
        (
            {"mappings": [EMAIL, column("Other", "custom-field", custom_field_id="1")]},
            "mappings[1].field.custom_field_id",
            "custom_field_not_found",
        ),
        ({"mappings": [EMAIL, column("Other", "phone")]}, "mappings[1].field.type", None),
        ({"mappings": [{"csv_column": "Email"}]}, "mappings[0].field", "missing"),
        ({"existing_tag_ids": [ids.encode(ids.TAG, 999)]}, "existing_tag_ids[0]", "tag_not_found"),
        ({"existing_tag_ids": ["x"]}, "existing_tag_ids[0]", "tag_not_found"),
        ({"sequence_ids": [ids.encode(ids.SEQUENCE, 999)]}, "sequence_ids[0]", "sequence_not_found"),
        ({"sequence_ids": [ids.encode(ids.TAG, 1)]}, "sequence_ids[0]", "sequence_not_found"),
        ({"new_tag_name": ""}, "new_tag_name", None),
        ({"new_tag_name": "  \t "}, "new_tag_name", None),
        ({"new_tag_name": "x" * 101}, "new_tag_name", None),
        ({"csv_text": ""}, "csv_text", None),
        ({"csv_text": "\n \n"}, "csv_text", None),
        ({"csv_text": "Email\0\na@x\n"}, "csv_text", None),
        ({"csv_text": ",".join(["Email", *"x" * 2_000]) + "\n"}, "csv_text", None),
        ({"csv_text": "Email," + "x" * 10_001 + "\n"}, "csv_text", None),
        ({"csv_text": 'Email,"Name\nada@example.com\n'}, "csv_text", None),
        ({"csv_text": None}, "csv_text", None),
        ({"csv_text": 7}, "csv_text", None),
        ({"csv_text": ["Email"]}, "csv_text", None),
        ({"upload_id": "upload_1"}, "csv_text", None),
        ({"csv_text": None, "upload_id": "upload_1"}, "upload_id", None),
    ],
)
def test_a_refused_request_names_the_field(
    server: Server, body: dict[str, Any], field: str, reason: str | None
) -> None:
    reply = server.call("POST", PATH, {"csv_text": CSV, "mappings": [EMAIL], **body})
    assert reply.status == 400
    assert reply.error["code"] == _code(body, field)
    assert reply.error["details"]["field"] == field
    assert reply.error["details"].get("reason") == reason
    assert left_over(server) == []
    assert server.rows("SELECT count(*) FROM jobs") == [(0,)]


def _code(body: dict[str, Any], field: str) -> str:
    """The code of a refused request: invalid text in csv_text has another code than a value of another type."""
    if field == "csv_text" and isinstance(body.get("csv_text"), str):
        return "invalid_csv_text"
    codes = {
        "mappings": "invalid_mappings",
        "new_tag_name": "invalid_tag_name",
        "upload_id": "subscriber_import_upload_not_found",
    }
    return codes.get(field.partition("[")[0], "invalid_request")


@pytest.mark.parametrize("text", [b"\\ud800", b"\xff", b"\x80" * 200_000, b"\\ud83d" * 40_000])
def test_csv_text_that_is_not_text_is_refused_and_leaves_no_file(server: Server, text: bytes) -> None:
    body = (
        b'{"mappings": [{"csv_column": "Email", "field": {"type": "email"}}], "csv_text": "Email\\n' + text + b'"}'
    )
    reply = server.call("POST", PATH, body, headers={"Content-Type": "application/json"})
    assert reply.status == 400
    assert reply.error["code"] == "invalid_body"
    assert left_over(server) == []


@pytest.mark.parametrize("kind", ["tag", "sequence", "custom field"])
def test_an_id_of_another_workspace_is_unknown(server: Server, kind: str) -> None:
    other = server.new_key(workspace="Other")
    body: dict[str, Any] = {"csv_text": CSV, "mappings": [EMAIL]}
    if kind == "tag":
        tag = server.call("POST", "/v1/tags", {"name": "Theirs"}, key=other).json["data"]["id"]
        body["existing_tag_ids"] = [tag]
    elif kind == "sequence":
        theirs = {"name": "Theirs", "definition": {"emails": []}}
        sequence = server.call("POST", "/v1/sequences", theirs, key=other).json["data"]["id"]
        body["sequence_ids"] = [sequence]
    else:
        label = {"label": "Theirs", "type": "Text"}
        field = server.call("POST", "/v1/custom-fields", label, key=other).json["data"]["id"]
        body["mappings"] = [EMAIL, column("Other", "custom-field", custom_field_id=field)]
    assert server.call("POST", PATH, body).status == 400
    assert server.call("POST", PATH, body, key=other).status == 202


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("csv_text", ["Email,Name", "Email,Name\n", "\ufeffEmail;Name\r\n\r\n \r\n"])
def test_an_import_without_rows_is_refused(server: Server, csv_text: str, dry_run: bool) -> None:
    body = {"mappings": MAPPINGS, "dry_run": dry_run}
    reply = server.call("POST", PATH, {"csv_text": csv_text, **body})
    assert (reply.status, reply.error["code"]) == (400, "invalid_csv_text")
    assert reply.error["details"] == {"field": "csv_text", "reason": "no_data_row"}
    upload = start(server)
    assert put(server, upload, csv_text.encode()).status == 200
    reply = server.call("POST", PATH, {"upload_id": upload["id"], **body})
    assert (reply.status, reply.error["code"]) == (400, "invalid_csv_text")
    assert reply.error["details"] == {"field": "upload_id", "reason": "no_data_row"}
    assert left_over(server) == []


def test_a_first_row_that_cannot_be_read_fails_the_job(server: Server) -> None:
    job = server.import_csv('Email\n"a@example.com\n', [EMAIL])
    assert job["status"] == "Failed"


def test_a_file_may_have_250_columns(server: Server) -> None:
    names = ["Email", *(f"c{number}" for number in range(249))]
    job = server.import_csv(",".join(names) + "\nada@example.com" + ",x" * 249 + "\n", [EMAIL])
    assert (job["status"], job["imported_count"]) == ("Completed", 1)


@pytest.mark.parametrize(
    ("header", "csv_column"),
    [
        ("Email ,Name", "Email"),
        ("Email,Name", "\tEmail "),
        ('"E-Mail, first",Name', "E-Mail, first"),
        ("'=Email,Name", "=Email"),
        ("=Email,Name", "'=Email"),
        ('"E\nmail",Name', "E\nmail"),
        ("Émail,Name", "Émail"),
    ],
)
def test_a_mapping_finds_a_column_by_its_trimmed_name(server: Server, header: str, csv_column: str) -> None:
    job = server.import_csv(f"{header}\nada@example.com,Ada\n", [column(csv_column, "email")])
    assert job["imported_count"] == 1


def test_an_unmapped_column_name_may_occur_twice(server: Server) -> None:
    job = server.import_csv("Email,x,x,\nada@example.com,1,2,3\n", [EMAIL])
    assert job["imported_count"] == 1


@pytest.mark.slow
def test_a_queued_import_has_its_rows_in_a_private_file(serve: Any) -> None:
    server = serve(job_concurrency=1)
    first = server.call("POST", PATH, {"csv_text": "Email\n" + "ada@example.com\n" * 60_000, "mappings": [EMAIL]})
    assert first.status == 202
    second = server.call("POST", PATH, {"csv_text": CSV, "mappings": [EMAIL]})
    assert second.json["data"]["status"] == "Queued"
    ((source,),) = server.rows("SELECT source FROM imports WHERE job_id = 2")
    path = server.services.imports_directory / source
    assert path.read_text() == CSV
    assert path.stat().st_mode & 0o777 == 0o600
    server.drain()
    assert left_over(server) == []


@pytest.mark.slow
def test_the_queued_jobs_of_a_workspace_are_limited(serve: Any) -> None:
    server = serve(job_concurrency=1, max_queued_jobs=2)
    body = {"csv_text": "Email\n" + "ada@example.com\n" * 60_000, "mappings": [EMAIL]}
    replies = [server.call("POST", PATH, body)]
    small = {"csv_text": CSV, "mappings": [EMAIL]}
    while (reply := server.call("POST", PATH, small)).status == 202:
        replies.append(reply)
    assert reply.status == 429
    assert reply.error["code"] == "queue_full"
    assert "2 jobs" in reply.error["message"]
    assert "retry-after" in reply.headers
    assert server.call("POST", PATH, small, key=server.new_key(workspace="Other")).status == 202
    server.drain()
    assert left_over(server) == []
    assert server.rows("SELECT DISTINCT status FROM jobs") == [("Completed",)]
    assert server.rows("SELECT count(*) FROM jobs") == [(len(replies) + 1,)]


@pytest.mark.slow
def test_the_imports_of_a_workspace_run_in_the_order_of_their_requests(server: Server) -> None:
    for number in range(12):
        body = {"csv_text": f"Email,Name\nada@example.com,Ada {number}\n", "mappings": MAPPINGS}
        assert server.call("POST", PATH, body, key=KEY).status == 202
    server.drain()
    assert server.rows("SELECT name FROM subscribers") == [("Ada 11",)]
    assert server.rows("SELECT sum(created_count), sum(updated_count) FROM jobs") == [(1, 11)]


def prepared(server: Server, order: ImportOrder) -> contextlib.AbstractAsyncContextManager[PreparedImport]:
    services = server.services
    return accept.prepared(
        order,
        workspace_id=1,
        database=services.database,
        uploads=services.uploads,
        directory=services.imports_directory,
    )


def order_of(upload: Any, **more: Any) -> ImportOrder:
    mappings = [Mapping(csv_column="Email", field=MappedField(type="email"))]
    return ImportOrder(upload_id=upload["id"], mappings=mappings, **more)


async def insert(server: Server, order: ImportOrder) -> None:
    async with prepared(server, order) as import_, server.services.database.write() as connection:
        await import_.insert(connection, "req", max_queued=9, now=clock.now())


def test_an_order_for_a_file_that_was_replaced_is_refused(server: Server) -> None:
    upload = ready(server)
    ((source,),) = server.rows("SELECT source FROM uploads")
    assert put(server, upload, b"Email\n").status == 200
    with pytest.raises(errors.InvalidRequest) as refusal:
        server.wait(insert(server, order_of(upload, upload_source=source)))
    assert refusal.value.error_code == "subscriber_import_upload_not_ready"
    assert refusal.value.details == {"field": "upload_id"}
    assert left_over(server) == []


class Interrupted(list[str]):
    """Ids of sequences. Another job takes the upload while they are read."""

    def __init__(self, server: Server, upload: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.interruption = insert(server, order_of(upload))
        self.loop = loop

    def __iter__(self) -> Iterator[str]:
        asyncio.run_coroutine_threadsafe(self.interruption, self.loop).result()
        return super().__iter__()


def test_an_upload_that_another_job_has_just_taken_is_a_conflict(server: Server) -> None:
    upload = ready(server)

    async def insert_late() -> None:
        ids_of_sequences = Interrupted(server, upload, asyncio.get_running_loop())
        await insert(server, order_of(upload, sequence_ids=ids_of_sequences))

    with pytest.raises(errors.Conflict) as refusal:
        server.wait(insert_late())
    assert refusal.value.error_code == "upload_already_used"
    assert server.rows("SELECT source FROM imports") == [(name,) for name in left_over(server)]
