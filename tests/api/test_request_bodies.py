"""Invalid bodies: each gets a 400 that names the field, and creates nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Server
from wire import EMAIL, EXPORTS, IMPORTS, envelope, running_service, unused

from mailrith_lite import ids

CSV = "Email,Name,Other,Twice,Twice\nada@example.com,Ada,x,1,2\n"
JSON = {"Content-Type": "application/json"}
POSTS = [IMPORTS, EXPORTS, "/v1/tags", "/v1/custom-fields"]
UNKNOWN_TAG, UNKNOWN_SEQUENCE = ids.encode(ids.TAG, 99), ids.encode(ids.SEQUENCE, 99)
UNKNOWN_FIELD = ids.encode(ids.CUSTOM_FIELD, 99)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
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


BAD_SOURCES = [
    ({"mappings": [EMAIL]}, "csv_text", None),
    ({"csv_text": None, "upload_id": None, "mappings": [EMAIL]}, "csv_text", None),
    (order(upload_id="upload_1"), "csv_text", None),
    ({"upload_id": 5, "mappings": [EMAIL]}, "upload_id", None),
    (text(5), "csv_text", None),
    (text(True), "csv_text", None),
    (text([]), "csv_text", None),
    (text({"a": 1}), "csv_text", None),
]
UNKNOWN_UPLOADS = [
    ({"upload_id": "upload_1", "mappings": [EMAIL]}, "upload_id", None),
    ({"upload_id": "", "mappings": [EMAIL]}, "upload_id", None),
]
BAD_TEXTS = [
    (text(""), "csv_text", None),
    (text(" \n\r\n"), "csv_text", None),
    (text("\ufeff"), "csv_text", None),
    (text("Email\0,Name\n"), "csv_text", None),
    (text('Email,"Name\n'), "csv_text", None),
    (text('Email,"Name"x\n'), "csv_text", None),
    (text("Email" + ",x" * 2_000 + "\na@x.com"), "csv_text", None),
    (text("Email," + "x" * 10_001 + "\na@x.com"), "csv_text", None),
    (text("Email," + ",".join(["x" * 9_990] * 250) + "\na@x.com"), "csv_text", None),
    (text("Email\n"), "csv_text", "no_data_row"),
    (text("Email"), "csv_text", "no_data_row"),
    (text("sep=;\nEmail;Name\n\n  \r\n"), "csv_text", "no_data_row"),
]
BAD_MAPPINGS = [
    ({"csv_text": CSV}, "mappings", None),
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
    (mapped(EMAIL, column("", "name")), "mappings[1].csv_column", "column_not_found"),
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
]
BAD_NEW_TAGS = [
    (order(new_tag_name=""), "new_tag_name", None),
    (order(new_tag_name=" \t "), "new_tag_name", None),
    (order(new_tag_name="x" * 101), "new_tag_name", None),
    (order(new_tag_name=5), "new_tag_name", None),
]
BAD_LISTS = [
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
BAD_STATUSES = [
    ({"status": "active"}, "status", None),
    ({"status": ""}, "status", None),
    ({"status": 1}, "status", None),
]
BAD_SELECTIONS = [
    ({"query": 1}, "query", None),
    ({"query": "x" * 255}, "query", None),
    ({"cold_only": "true"}, "cold_only", None),
    ({"cold_only": 1}, "cold_only", None),
]
BAD_TAG_NAMES = [
    ({}, "name", "missing"),
    ({"name": None}, "name", None),
    ({"name": 5}, "name", None),
    ({"name": ""}, "name", None),
    ({"name": "   "}, "name", None),
    ({"name": "x" * 101}, "name", None),
]
BAD_TAGS = [
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
    pytest.param(path, body, code, field, reason, id=f"{path.rsplit('/', 1)[1]}-{code}-{number}-{field}")
    for path, code, cases in (
        (IMPORTS, "invalid_request", BAD_SOURCES),
        (IMPORTS, "subscriber_import_upload_not_found", UNKNOWN_UPLOADS),
        (IMPORTS, "invalid_csv_text", BAD_TEXTS),
        (IMPORTS, "invalid_mappings", BAD_MAPPINGS),
        (IMPORTS, "invalid_tag_name", BAD_NEW_TAGS),
        (IMPORTS, "invalid_request", BAD_LISTS),
        (EXPORTS, "invalid_export_status", BAD_STATUSES),
        (EXPORTS, "invalid_request", BAD_SELECTIONS),
        ("/v1/tags", "invalid_tag_name", BAD_TAG_NAMES),
        ("/v1/tags", "invalid_request", BAD_TAGS),
        ("/v1/custom-fields", "invalid_custom_field", BAD_FIELDS),
    )
    for number, (body, field, reason) in enumerate(cases)
]


@pytest.mark.parametrize(("path", "body", "code", "field", "reason"), BAD)
def test_an_invalid_body_is_refused_with_the_field(
    service: Server, path: str, body: Any, code: str, field: str, reason: str | None
) -> None:
    reply = service.call("POST", path, body)
    assert envelope(reply) == (400, "invalid_request", code)
    assert reply.error["details"].get("field") == field
    assert reply.error["details"].get("reason") == reason
    assert unused(service)


def test_a_label_that_exists_is_refused_ignoring_case(server: Server) -> None:
    assert server.call("POST", "/v1/custom-fields", custom("Shoe  size")).status == 201
    reply = server.call("POST", "/v1/custom-fields", custom(" SHOE SIZE "))
    assert envelope(reply)[0] == 400
    assert reply.error["details"] == {"field": "label", "reason": "label_taken"}


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
def test_unknown_fields_of_open_objects_are_ignored(server: Server, path: str, body: Any) -> None:
    assert server.call("POST", path, body).status == 202
    server.drain()
    assert server.rows("SELECT status FROM jobs") == [("Completed",)]


@pytest.mark.parametrize("name", ["x" * 100, "  Spring  ", "Frühling 🌷", "a", "=1+1"])
def test_a_new_tag_name_of_1_to_100_characters_is_accepted(server: Server, name: str) -> None:
    server.import_csv("Email\nada@example.com\n", [EMAIL], new_tag_name=name)
    assert [tag["name"] for tag in server.sdk().tags.list()["data"]] == [name.strip()]


@pytest.mark.parametrize(
    "header", ["Email;Name", "Email\tName", "Email|Name", '"Email","Name"', "\ufeffEmail,Name", " Email , Name"]
)
def test_the_delimiter_and_quotes_of_the_header_row_are_recognized(server: Server, header: str) -> None:
    job = server.import_csv(f"{header}\nada@example.com\n", [EMAIL, column("Name", "name")])
    assert (job["status"], job["progress"]["rows_total"]) == ("Completed", 1)
