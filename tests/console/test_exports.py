"""The pages of exports, without JavaScript: who, which columns, how many and how large, and the list."""

import csv
import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from api_records import data_of, definition, field, segment, subscriber, tag
from conftest import Server

from mailrith_lite import ids
from mailrith_lite.console import new_export

from .visitor import Visitor, signed_in, text

NEW, PAGE = "/console/exports/new", "/console/exports"


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return signed_in(server)


def the_file(server: Server, visitor: Visitor, page: str) -> list[list[str]]:
    server.drain()
    link = visitor.get(f"{page}/file")
    assert link.status == 303, link.body
    return list(csv.reader(io.StringIO(visitor.get(link.headers["location"]).body.decode(), newline="")))


def test_export_of_a_segment_with_chosen_columns_is_one_step(server: Server, visitor: Visitor) -> None:
    city = field(server, "City")["id"]
    for name, country in (("ada", "DE"), ("bob", "FR")):
        subscriber(server, f"{name}@example.com", name=name, country=country, custom_fields={city: "Bonn"})
    germans = segment(server, "Germans", definition("country", "is", "DE"))["id"]
    page = text(visitor.get(f"{NEW}?segment={germans}&counted="))
    assert "All subscribers in the segment Germans, as they are when the export starts." in page
    assert "1 subscriber A file of about" in page
    fields = {"segment": germans, "columns": "chosen", "column": ["name", city, "country", "email"]}
    started = visitor.post(PAGE, {**fields, "action": "start"})
    assert started.status == 303
    job = started.headers["location"]
    assert the_file(server, visitor, job) == [
        ["Name", "City", "Country", "Email"],
        ["ada", "Bonn", "DE", "ada@example.com"],
    ]
    shown = text(visitor.get(job))
    assert "Who All subscribers in the segment Germans Columns Name, City, Country, Email" in shown
    listed = text(visitor.get(PAGE))
    assert "All subscribers in the segment Germans" in listed
    assert "Completed 1 4 Download" in listed


def test_count_leads_to_an_address_with_the_filter_and_the_columns(server: Server, visitor: Visitor) -> None:
    readers = tag(server, "Readers")["id"]
    subscriber(server, "ada@example.com", existing_tag_ids=[readers])
    fields: dict[str, Any] = {"tag": [readers], "tag_operator": "has_any_of", "cold": "", "field": "", "search": ""}
    counted = visitor.post(PAGE, {**fields, "columns": "chosen", "column": ["email"], "action": "count"})
    address = urlsplit(counted.headers["location"])
    assert address.path == NEW
    assert parse_qs(address.query) == {
        "tag": [readers],
        "tag_operator": ["has_any_of"],
        "columns": ["chosen"],
        "column": ["email"],
    }
    page = visitor.get(counted.headers["location"])
    assert "All subscribers with the tag Readers" in text(page)
    assert "1 subscriber" in text(page)
    assert data_of(server.call("GET", "/v1/jobs/subscriber-exports")) == []


def test_page_does_not_wait_for_a_slow_count_unless_somebody_has_pressed_count(
    server: Server, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber(server, "ada@example.com", country="DE")
    monkeypatch.setattr(new_export, "PATIENCE_SECONDS", 0.0)
    assert "Not counted yet." in text(visitor.get(f"{NEW}?country=DE"))
    counted = visitor.post(PAGE, {"country": "DE", "action": "count"})
    assert "1 subscriber A file of about" in text(visitor.get(counted.headers["location"]))


def test_estimate_is_near_the_size_of_the_file(server: Server, visitor: Visitor) -> None:
    rows = "".join(f"person{number}@example.com,Person {number}\n" for number in range(1_000))
    server.import_csv(f"Email,Name\n{rows}")
    page = visitor.get(f"{NEW}?columns=chosen&column=email&column=name&counted=")
    started = visitor.post(PAGE, {"columns": "chosen", "column": ["email", "name"]})
    size = sum(len(",".join(line)) + 2 for line in the_file(server, visitor, started.headers["location"]))
    assert 0.9 < float(text(page).split("A file of about ")[1].split(" KiB")[0]) * 1024 / size < 1.1


def test_every_filter_of_the_form_reaches_the_export(server: Server, visitor: Visitor) -> None:
    city = field(server, "City")["id"]
    fields = {
        "search": "example",
        "status": "Active",
        "country": "germany",
        "cold": "on",
        "field": ["", city],
        "field_operator": ["is", "contains"],
        "field_value": ["", "Bonn"],
    }
    job = visitor.post(PAGE, fields).headers["location"].rpartition("/")[2]
    selection = data_of(server.call("GET", f"/v1/jobs/subscriber-exports/{job}"))["selection"]
    assert selection == {
        "query": "example",
        "status": "Active",
        "cold_only": True,
        "country": "DE",
        "custom_fields": [{"custom_field_id": city, "operator": "contains", "value": "Bonn"}],
    }
    shown = text(visitor.get(f"{PAGE}/{job}"))
    assert "Cold and Active subscribers matching “example” in DE; City contains Bonn" in shown


@pytest.mark.parametrize(
    ("fields", "element", "message"),
    [
        ({"country": "Atlantis", "search": "ada"}, "country", "is not a country"),
        ({"columns": "chosen", "search": "ada"}, "columns", "Choose at least one column."),
        ({"segment": ids.encode(ids.SEGMENT, 99)}, "segment", "There is no segment with this id"),
    ],
)
def test_refused_form_keeps_what_was_typed_and_starts_nothing(
    server: Server, visitor: Visitor, fields: dict[str, str], element: str, message: str
) -> None:
    refused = visitor.post(PAGE, fields)
    assert (refused.status, message in text(refused)) == (400, True)
    html = refused.body.decode()
    assert f'href="#{element}"' in html
    assert 'value="ada"' in html or "search" not in fields
    assert data_of(server.call("GET", "/v1/jobs/subscriber-exports")) == []


def test_count_of_the_form_is_a_part(server: Server, visitor: Visitor) -> None:
    subscriber(server, "ada@example.com", country="DE")
    assert text(visitor.post(f"{PAGE}/count", {"country": "DE"})).startswith("1 subscriber A file of about")
    assert "is not a country" in text(visitor.post(f"{PAGE}/count", {"country": "Atlantis"}))


@pytest.mark.slow
def test_list_has_pages_and_says_what_became_of_each_file(server: Server, visitor: Visitor) -> None:
    assert "No exports yet" in text(visitor.get(PAGE))
    server.wait(server.services.runner.stop())
    for _ in range(51):
        assert visitor.post(PAGE, {}).status == 303
    first = visitor.get(PAGE)
    assert text(first).count("Queued") == 50
    newest = data_of(server.call("GET", "/v1/jobs/subscriber-exports?limit=50"))[-1]["id"]
    assert f"/exports?before={newest}" in first.body.decode()
    assert text(visitor.get(f"{PAGE}?before={newest}")).count("Queued") == 1
