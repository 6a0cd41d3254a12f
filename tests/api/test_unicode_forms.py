"""A text in NFD, as macOS writes file names and spreadsheets, is the same text in NFC."""

import csv
import io
import time
import unicodedata
from typing import Any
from urllib.parse import urlencode

import pytest
from api_records import data_of, definition, field, segment, subscriber, tag
from conftest import Server

from mailrith_lite import unicode_forms

NFC = "Café Åse"
NFD = unicodedata.normalize("NFD", NFC)
EMAIL = {"csv_column": "Email", "field": {"type": "email"}}
SEGMENT = definition("subscriber_status", "is", "Active")


def search(server: Server, path: str, text: str) -> Any:
    return data_of(server.call("GET", f"{path}?{urlencode({'search': text})}"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tags", {"name": "{}"}),
        ("/v1/custom-fields", {"label": "{}", "type": "Text"}),
        ("/v1/segments", {"name": "{}", "definition": SEGMENT}),
        ("/v1/sequences", {"name": "{}", "definition": {"emails": []}}),
    ],
)
def test_a_name_is_taken_in_both_forms_and_saved_in_nfc(server: Server, path: str, body: Any) -> None:
    bodies = [
        {name: value.format(text) if isinstance(value, str) else value for name, value in body.items()}
        for text in (NFD, NFC)
    ]
    created = data_of(server.call("POST", path, bodies[0]))
    assert NFC in created.values()
    assert server.call("POST", path, bodies[1]).status in (400, 409)
    for text in (NFC, NFD.upper()):
        assert [one["id"] for one in search(server, path, text)] == [created["id"]]


def test_a_new_tag_of_an_import_is_the_tag_of_the_other_form(server: Server) -> None:
    expected = tag(server, NFC)
    server.import_csv("Email\na@example.com\n", [EMAIL], new_tag_name=NFD)
    subscriber(server, "b@example.com", new_tags=[NFD])
    (listed,) = data_of(server.call("GET", "/v1/tags"))
    assert (listed["id"], listed["subscriber_count"]) == (expected["id"], 2)


def test_a_mapping_names_a_column_in_either_form(server: Server) -> None:
    company = field(server, "Firma")
    custom = {"type": "custom-field", "custom_field_id": company["id"]}
    for header, column in ((NFC, NFD), (NFD, NFC)):
        job = server.import_csv(
            f"Email,{header}\na@example.com,x\n", [EMAIL, {"csv_column": column, "field": custom}]
        )
        assert job["status"] == "Completed"


@pytest.mark.parametrize(("column", "name"), [(NFC, "x"), (NFD, "x"), (f"{NFD} (2)", "y")])
def test_columns_that_differ_only_in_the_form_are_two_columns_of_one_name(
    server: Server, column: str, name: str
) -> None:
    body = {"csv_text": f"Email,{NFC},{NFD}\na@example.com,x,y\n"}
    mappings = [EMAIL, {"csv_column": column, "field": {"type": "name"}}]
    assert server.call("POST", "/v1/jobs/subscriber-imports", {**body, "mappings": mappings}).status == 202
    server.drain()
    assert server.rows("SELECT name FROM subscribers") == [(name,)]


def test_a_label_in_either_form_names_the_custom_field(server: Server) -> None:
    field(server, NFC)
    assert subscriber(server, custom_fields={NFD: "x"})["custom_fields"]


@pytest.mark.parametrize("kind", ["Single Select", "Multi Select"])
def test_an_option_is_chosen_in_either_form_and_saved_in_nfc(server: Server, kind: str) -> None:
    created = field(server, "Place", kind, [NFD, "b"])
    assert created["settings"]["options"] == [NFC, "b"]
    custom = {"type": "custom-field", "custom_field_id": created["id"]}
    mappings = [EMAIL, {"csv_column": "Place", "field": custom}]
    job = server.import_csv(f"Email,Place\na@example.com,{NFD}\nb@example.com,{NFC}\n", mappings)
    assert job["imported_count"] == 2
    _, text = server.export_csv()
    assert [row["Place"] for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))] == [NFC, NFC]
    condition = {"customFieldId": created["id"]}
    here = segment(server, "Here", definition("custom_field", "is", [NFD], **condition))
    assert here["total_subscriber_count"] == 2


def test_a_person_is_found_by_either_form(server: Server) -> None:
    mappings = [EMAIL, {"csv_column": "Name", "field": {"type": "name"}}]
    server.import_csv(f"Email,Name\na@example.com,{NFD}\n", mappings)
    subscriber(server, "b@example.com", name=NFD)
    for text in (NFC, NFD, "AFÉ Å"):
        assert [one["name"] for one in search(server, "/v1/subscribers", text)] == [NFC, NFC]


def test_a_country_is_known_in_either_form(server: Server) -> None:
    sent = unicodedata.normalize("NFD", "Réunion")
    assert (
        subscriber(server, country=sent)["country"] == subscriber(server, "b@example.com", country="RE")["country"]
    )


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0300\u0323" * 5_000,
        "\u0344" * 10_000,
        "\u0f73" * 10_000,
        ("a" + "\u0300\u0323" * 15) * 320,
    ],
    ids=["one letter", "double marks", "marks without a class", "just below the limit"],
)
def test_combining_marks_take_linear_time(text: str) -> None:
    began = time.process_time()
    unicode_forms.fold(text)
    assert time.process_time() - began < 0.2  # normalize() alone takes 0.4 to 1 s for the first three


@pytest.mark.parametrize("text", ["ǰ", "ΐ", "ᾳ", "İ", "Straße", "각", "Ａ"])
def test_folded_texts_are_equal_in_both_forms_and_cases(text: str) -> None:
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    assert len({unicode_forms.fold(form) for form in forms}) == 1
    folded = unicode_forms.fold(text)
    assert unicode_forms.fold(folded) == folded == unicodedata.normalize("NFC", folded)
