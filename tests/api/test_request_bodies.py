"""What a body may be: each wrong one is a 400 that names the field, and leaves nothing behind."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Server
from wire import EMAIL, EXPORTS, IMPORTS, connect, envelope, post, sources, standing, unused

from mailrith_lite import ids

CSV = "Email,Name,Other,Twice,Twice\nada@example.com,Ada,x,1,2\n"
JSON = {"Content-Type": "application/json"}
POSTS = [IMPORTS, EXPORTS, "/v1/tags", "/v1/custom-fields"]
UNKNOWN_TAG, UNKNOWN_SEQUENCE = ids.encode(ids.TAG, 99), ids.encode(ids.SEQUENCE, 99)
UNKNOWN_FIELD = ids.encode(ids.CUSTOM_FIELD, 99)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with standing(tmp_path_factory) as server:
        yield server


def column(name: Any, field_type: Any, **more: Any) -> dict[str, Any]:
    return {"csv_column": name, "field": {"type": field_type, **more}}


def mapped(*mappings: Any) -> dict[str, Any]:
    return {"csv_text": CSV, "mappings": list(mappings)}


def order(**more: Any) -> dict[str, Any]:
    return {"csv_text": CSV, "mappings": [EMAIL], **more}


def text(csv_text: Any) -> dict[str, Any]:
    return {"csv_text": csv_text, "mappings": [EMAIL]}


def custom(label: Any = "Size", type: Any = "Text", **more: Any) -> dict[str, Any]:  # noqa: A002
    return {"label": label, "type": type, **more}


def choice(*options: Any) -> dict[str, Any]:
    return custom(type="Multi Select", settings={"options": list(options)})


BAD_IMPORTS = [
    # the source
    ({"mappings": [EMAIL]}, "csv_text", None),
    ({"csv_text": None, "upload_id": None, "mappings": [EMAIL]}, "csv_text", None),
    (order(upload_id="upload_1"), "csv_text", None),
    ({"upload_id": "upload_1", "mappings": [EMAIL]}, "upload_id", "upload_not_found"),
    ({"upload_id": "", "mappings": [EMAIL]}, "upload_id", "upload_not_found"),
    ({"upload_id": 5, "mappings": [EMAIL]}, "upload_id", None),
    (text(5), "csv_text", None),
    (text(True), "csv_text", None),
    (text([]), "csv_text", None),
    (text({"a": 1}), "csv_text", None),
    (text(""), "csv_text", None),
    (text(" \n\r\n"), "csv_text", None),
    (text("\ufeff"), "csv_text", None),
    (text("Email\0,Name\n"), "csv_text", None),
    (text('Email,"Name\n'), "csv_text", None),
    (text('Email,"Name"x\n'), "csv_text", None),
    (text("Email" + ",x" * 250), "csv_text", None),
    (text("Email," + "x" * 201), "csv_text", None),
    (text("Email," + ",".join(["x" * 190] * 70)), "csv_text", None),
    # the mappings
    ({"csv_text": CSV}, "mappings", "missing"),
    ({"csv_text": CSV, "mappings": None}, "mappings", None),
    ({"csv_text": CSV, "mappings": {}}, "mappings", None),
    (mapped(), "mappings", None),
    (mapped(5), "mappings[0]", None),
    (mapped({}), "mappings[0].csv_column", "missing"),
    (mapped({"csv_column": "Email"}), "mappings[0].field", "missing"),
    (mapped({"csv_column": "Email", "field": "email"}), "mappings[0].field", None),
    (mapped({"csv_column": "Email", "field": {}}), "mappings[0].field.type", "missing"),
    (mapped(EMAIL, column(5, "name")), "mappings[1].csv_column", None),
    (mapped(EMAIL, column("Name", "phone")), "mappings[1].field.type", None),
    (mapped(EMAIL, column("Name", "Email")), "mappings[1].field.type", None),
    (mapped(EMAIL, column("Name", "x - at `$.elsewhere")), "mappings[1].field.type", None),
    (mapped(EMAIL, column("Name", None)), "mappings[1].field.type", None),
    (mapped(EMAIL, column("Name", "custom-field", custom_field_id=5)), "mappings[1].field.custom_field_id", None),
    (mapped(column("Name", "name")), "mappings", "email_not_mapped"),
    (mapped(EMAIL, column("Other", "email")), "mappings[1].field", "field_mapped_twice"),
    (mapped(EMAIL, column("Email", "name")), "mappings[1].csv_column", "column_mapped_twice"),
    (mapped(EMAIL, column(" Email ", "name")), "mappings[1].csv_column", "column_mapped_twice"),
    (mapped(EMAIL, EMAIL), "mappings[1].csv_column", "column_mapped_twice"),
    (mapped(column("Nothing", "email")), "mappings[0].csv_column", "column_not_found"),
    (mapped(column("email", "email")), "mappings[0].csv_column", "column_not_found"),
    (mapped(EMAIL, column("", "name")), "mappings[1].csv_column", "column_not_found"),
    (mapped(EMAIL, column("Twice", "name")), "mappings[1].csv_column", "column_ambiguous"),
    (mapped(EMAIL, column("Name", "custom-field")), "mappings[1].field.custom_field_id", None),
    (mapped(EMAIL, column("Name", "name", custom_field_id="x")), "mappings[1].field.custom_field_id", None),
    (
        mapped(EMAIL, column("Name", "custom-field", custom_field_id="x")),
        "mappings[1].field.custom_field_id",
        "custom_field_not_found",
    ),
    (
        mapped(EMAIL, column("Name", "custom-field", custom_field_id=UNKNOWN_FIELD)),
        "mappings[1].field.custom_field_id",
        "custom_field_not_found",
    ),
    # tags and sequences
    (order(new_tag_name=""), "new_tag_name", None),
    (order(new_tag_name=" \t "), "new_tag_name", None),
    (order(new_tag_name="x" * 101), "new_tag_name", None),
    (order(new_tag_name=5), "new_tag_name", None),
    (order(existing_tag_ids="x"), "existing_tag_ids", None),
    (order(existing_tag_ids=[5]), "existing_tag_ids[0]", None),
    (order(existing_tag_ids=["x"]), "existing_tag_ids[0]", "tag_not_found"),
    (order(existing_tag_ids=[UNKNOWN_TAG]), "existing_tag_ids[0]", "tag_not_found"),
    (order(existing_tag_ids=[UNKNOWN_SEQUENCE]), "existing_tag_ids[0]", "tag_not_found"),
    (order(existing_tag_ids=[UNKNOWN_TAG] * 101), "existing_tag_ids", None),
    (order(sequence_ids={}), "sequence_ids", None),
    (order(sequence_ids=["x"]), "sequence_ids[0]", "sequence_not_found"),
    (order(sequence_ids=[UNKNOWN_SEQUENCE]), "sequence_ids[0]", "sequence_not_found"),
]
BAD_EXPORTS = [
    ({"status": "active"}, "status", None),
    ({"status": ""}, "status", None),
    ({"status": 1}, "status", None),
    ({"query": 1}, "query", None),
    ({"query": "x" * 255}, "query", None),
    ({"cold_only": "true"}, "cold_only", None),
    ({"cold_only": 1}, "cold_only", None),
]
BAD_TAGS = [
    ({}, "name", "missing"),
    ({"name": None}, "name", None),
    ({"name": 5}, "name", None),
    ({"name": ""}, "name", None),
    ({"name": "   "}, "name", None),
    ({"name": "x" * 101}, "name", None),
    ({"name": "a", "description": 5}, "description", None),
    ({"name": "a", "description": "x" * 1_001}, "description", None),
    ({"name": "a", "colour": "red"}, "colour", "unknown_field"),
    ({"name": "a", "subscriber_count": 5}, "subscriber_count", "unknown_field"),
    ({"name": "a", "gdpr_consent_purpose": "email_marketing"}, "gdpr_consent_purpose", "unknown_field"),
]
BAD_FIELDS = [
    ({}, "label", "missing"),
    ({"label": "Size"}, "type", "missing"),
    (custom(label=5), "label", None),
    (custom(label=" "), "label", None),
    (custom(label="x" * 101), "label", None),
    (custom(type="text"), "type", None),
    (custom(type=None), "type", None),
    (custom(settings=[]), "settings", None),
    (custom(settings={"options": "S"}), "settings.options", None),
    (custom(settings={"options": [1]}), "settings.options[0]", None),
    (custom(settings={"options": ["S"]}), "settings.options", None),
    (custom(type="Number", settings={"options": ["S"]}), "settings.options", None),
    (custom(type="Single Select"), "settings.options", None),
    (choice(), "settings.options", None),
    (choice("S", ""), "settings.options[1]", None),
    (choice("x" * 201), "settings.options[0]", None),
    (choice("a\nb"), "settings.options[0]", None),
    (choice("S", " S "), "settings.options", None),
    (choice(*map(str, range(501))), "settings.options", None),
    (custom(required=True), "required", "unknown_field"),
]
BAD = [
    pytest.param(path, body, field, reason, id=f"{path.rsplit('/', 1)[1]}-{number}-{field}")
    for path, cases in zip(POSTS, (BAD_IMPORTS, BAD_EXPORTS, BAD_TAGS, BAD_FIELDS), strict=True)
    for number, (body, field, reason) in enumerate(cases)
]


@pytest.mark.parametrize(("path", "body", "field", "reason"), BAD)
def test_a_bad_body_is_refused_and_the_field_named(
    service: Server, path: str, body: Any, field: str, reason: str | None
) -> None:
    reply = service.call("POST", path, body)
    assert envelope(reply) == (400, "invalid_request", "invalid_body")
    assert reply.error["details"].get("field") == field
    assert reply.error["details"].get("reason") == reason
    assert unused(service)


def test_a_taken_label_is_refused_in_any_case(server: Server) -> None:
    assert server.call("POST", "/v1/custom-fields", custom("Shoe  size")).status == 201
    reply = server.call("POST", "/v1/custom-fields", custom(" SHOE SIZE "))
    assert envelope(reply)[0] == 400
    assert reply.error["details"] == {"field": "label", "reason": "label_taken"}


TAGGED = b"""{"match": "all", "groups": [{"id": "g", "match": "any",
    "conditions": [{"id": "c", "field": "tag", "operator": "is_not_empty"}]}]}"""
GOOD = {  # `%s` is a JSON string
    IMPORTS: b'{"csv_text": "Email", "mappings": [{"csv_column": "Email", "field": {"type": "email"}}],'
    b' "new_tag_name": %s}',
    EXPORTS: b'{"query": %s}',
    "/v1/tags": b'{"name": %s}',
    "/v1/custom-fields": b'{"type": "Text", "label": %s}',
    "/v1/subscribers": b'{"email": "ada@example.com", "name": %s}',
    "/v1/sequences": b'{"name": "a", "definition": {"emails": [{"subject": %s}]}}',
    "/v1/segments": b'{"definition": %s, "name": %%s}' % TAGGED,
    "/v1/segments/preview": b'{"definition": %s, "current_segment_id": %%s}' % TAGGED,
}
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda good: (good % b'"a"')[:-1],
    "blank": lambda good: b"  \n ",
    "two values": lambda good: good % b'"a"' + b"{}",
    "something behind": lambda good: good % b'"a"' + b" x",
    "a comment": lambda good: good % b'"a"' + b" // x",
    "single quotes": lambda good: (good % b'"a"').replace(b'"', b"'"),
    "a trailing comma": lambda good: (good % b'"a"')[:-1] + b",}",
    "NaN": lambda good: good % b"NaN",
    "a byte order mark": lambda good: b"\xef\xbb\xbf" + good % b'"a"',
    "UTF-16": lambda good: (good % b'"a"').decode().encode("utf-16"),
    "Latin-1": lambda good: good % b'"\xe9"',
    "an overlong character": lambda good: good % b'"\xc0\xaf"',
    "a line break in a text": lambda good: good % b'"a\nb"',
    "a null byte": lambda good: good % b'"a\0b"',
    "half a pair of surrogates": lambda good: good % b'"\\ud800"',
    "the other half": lambda good: good % b'"\\udc00"',
    "an escape cut short": lambda good: good % b'"\\u12"',
    "a text without an end": lambda good: good % b'"a',
}
DEEP = [
    b"[" * 100_000 + b"]" * 100_000,
    b"[" * 100_000,
    b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"x":' * 100_000,
]


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("body", [b"5", b"null", b"[]", b'"x"', b"true", b"[[[]]]"])
def test_a_body_that_is_no_object_is_refused(service: Server, path: str, body: bytes) -> None:
    assert envelope(service.call("POST", path, body, headers=JSON))[2] == "invalid_body"


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("path", GOOD)
def test_a_body_that_is_no_json_is_refused(service: Server, path: str, broken: Callable[[bytes], bytes]) -> None:
    reply = service.call("POST", path, broken(GOOD[path]), headers=JSON)
    assert envelope(reply) == (400, "invalid_request", "invalid_json")
    assert unused(service)


@pytest.mark.parametrize("deep", DEEP, ids=["lists", "lists without an end", "objects", "objects without an end"])
@pytest.mark.parametrize("path", GOOD)
def test_a_body_of_100_000_levels_is_refused(service: Server, path: str, deep: bytes) -> None:
    known = GOOD[path] % deep
    for body in (deep, known, known.replace(b'"query"', b'"unknown"').replace(b'"new_tag_name"', b'"unknown"')):
        assert envelope(service.call("POST", path, body, headers=JSON))[0] == 400
    assert unused(service)


@pytest.mark.parametrize(
    "csv_text",
    [
        b'"Email\\ud800\\n"',
        b'"Email\\udc00\\n"',
        b'"Email\xff\\n"',
        b'"Email\xed\xa0\x80\\n"',
        b'"Email\\u00"',
        b'"Email\\x"',
    ],
)
def test_a_csv_text_that_is_no_text_is_refused(service: Server, csv_text: bytes) -> None:
    body = b'{"mappings": [{"csv_column": "Email", "field": {"type": "email"}}], "csv_text": %s}' % csv_text
    assert envelope(service.call("POST", IMPORTS, body, headers=JSON)) == (400, "invalid_request", "invalid_json")
    assert unused(service)


@pytest.mark.parametrize(
    "number", [b"1e999999", b"-1e999999", b"9" * 100_000, b"1" + b"0" * 400, b"0." + b"1" * 5_000]
)
def test_a_huge_number_is_refused_where_it_stands_for_something(service: Server, number: bytes) -> None:
    for path, name in ((IMPORTS, b"upload_id"), (EXPORTS, b"cold_only"), ("/v1/tags", b"name")):
        reply = service.call("POST", path, b'{"mappings": [], "%s": %s}' % (name, number), headers=JSON)
        assert reply.status == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (IMPORTS, {**order(), "colour": "red", "upload_id": None, "new_tag_name": None}),
        (IMPORTS, {**order(), "existing_tag_ids": None, "sequence_ids": []}),
        (
            IMPORTS,
            {
                "csv_text": CSV,
                "mappings": [{**EMAIL, "colour": 1, "field": {"type": "email", "custom_field_id": None}}],
            },
        ),
        (EXPORTS, {"colour": [{}], "query": None, "status": None, "cold_only": None}),
        (EXPORTS, {"query": "   "}),
    ],
)
def test_what_an_open_object_does_not_know_is_ignored(server: Server, path: str, body: Any) -> None:
    assert server.call("POST", path, body).status == 202
    server.drain()
    assert server.rows("SELECT status FROM jobs") == [("Completed",)]


@pytest.mark.parametrize("name", ["x" * 100, "  Spring  ", "Frühling 🌷", "a", "=1+1"])
def test_a_new_tag_name_of_1_to_100_characters_is_taken(server: Server, name: str) -> None:
    server.import_csv("Email\nada@example.com\n", [EMAIL], new_tag_name=name)
    assert [tag["name"] for tag in server.sdk().tags.list()["data"]] == [name.strip()]


@pytest.mark.parametrize(
    "header", ["Email;Name", "Email\tName", "Email|Name", '"Email","Name"', "\ufeffEmail,Name", " Email , Name"]
)
def test_a_header_alone_is_an_import_of_nobody(server: Server, header: str) -> None:
    job = server.import_csv(header, [EMAIL, column("Name", "name")])
    assert (job["status"], job["imported_count"], job["progress"]["rows_total"]) == ("Completed", 0, 0)


def test_a_client_that_hangs_up_in_the_middle_of_a_body_leaves_nothing(serve: Callable[..., Server]) -> None:
    server = serve(max_body_bytes=8 << 20)
    for size in (100, 3 << 20):
        head = post(IMPORTS, b"Content-Length: %d" % (7 << 20), b"Idempotency-Key: k")
        with connect(server) as connection:
            connection.sendall(head + b'{"csv_text": "' + b"x" * size)
            # a reset instead of an orderly end, so that it arrives at once
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for size in (100, 3 << 20):
        with connect(server) as connection:
            connection.sendall(post(IMPORTS, b"Transfer-Encoding: chunked") + b"%x\r\n" % (7 << 20) + b" " * size)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    assert server.call("POST", "/v1/tags", {"name": "still here"}).status == 201
    server.wait(idle(server))
    assert unused(server)


async def idle(server: Server) -> None:
    """Until every request but this loop's own work is done."""
    others = {task for task in asyncio.all_tasks() if "_handle_request" in repr(task.get_coro())}
    await asyncio.gather(*others, return_exceptions=True)


def test_a_body_in_many_small_pieces_is_put_together(server: Server) -> None:
    body = json.dumps(text("Email\n" + "".join(f"user{n}@example.com\n" for n in range(200)))).encode()
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(post(IMPORTS, b"Transfer-Encoding: chunked"))
        for start in range(0, len(body), 7):
            piece = body[start : start + 7]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 202"
    server.drain()
    assert server.rows("SELECT created_count FROM jobs") == [(200,)]


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 1, 5 << 20])
def test_a_body_around_the_size_that_goes_to_disk_is_whole(server: Server, size: int) -> None:
    empty = len(json.dumps(text("Email,Note\n")))
    row = "user{:05}@example.com,{}\\n"
    count, rest = divmod(size - empty, 10_000)
    notes = [10_000 - len(row.format(0, "")) + (rest if number == 0 else 0) for number in range(count)]
    rows = "".join(row.format(number, "x" * length) for number, length in enumerate(notes))
    sent = json.dumps(text("Email,Note\n")).replace("Note\\n", f"Note\\n{rows}").encode()
    assert len(sent) == size
    assert server.call("POST", IMPORTS, sent, headers=JSON).status == 202
    server.drain()
    assert server.rows("SELECT created_count FROM jobs") == [(count,)]
    assert not sources(server)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tags", {"name": "x", "description": "x" * (1 << 20)}),
        ("/v1/custom-fields", {"label": "x", "type": "Single Select", "settings": {"options": ["x"] * 400_000}}),
        (EXPORTS, {"query": "x" * (1 << 20)}),
        (IMPORTS, text("Email\n") | {"existing_tag_ids": ["x"] * 400_000}),
        (IMPORTS, text("Email\n" * 200_000) | {"mappings": [EMAIL] * 40_000}),
    ],
)
def test_only_csv_text_may_be_large(server: Server, path: str, body: dict[str, Any]) -> None:
    reply = server.call("POST", path, body)
    assert (reply.status, reply.error["code"]) == (413, "payload_too_large")
    assert "1,048,576" in reply.error["message"]
    assert not sources(server)
