"""Which people and which columns an export has, as its request says."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from api_records import data_of, definition, details, field, segment, sequence, subscriber, tag
from conftest import Server
from wire import EXPORTS, running_service

from mailrith_lite import ids
from mailrith_lite.exports.file_columns import FIXED

UNKNOWN = {kind: ids.encode(kind, 999) for kind in (ids.TAG, ids.SEQUENCE, ids.SEGMENT, ids.CUSTOM_FIELD)}


class Audience:
    """Three people who differ in all that a filter can name. `ids`: of what they have, by kind."""

    def __init__(self, server: Server) -> None:
        self.server = server
        readers = tag(server, "Readers")
        city = field(server, "City")
        self.ids = {"tag": readers["id"], "field": city["id"], "sequence": sequence(server, "Welcome")["id"]}
        subscriber(
            server,
            "ada@example.com",
            name="Ada",
            status="Active",
            country="DE",
            existing_tag_ids=[self.ids["tag"]],
            custom_fields={self.ids["field"]: "Berlin"},
        )
        subscriber(
            server,
            "bob@example.com",
            status="Unsubscribed",
            country="DE",
            sequence_ids=[self.ids["sequence"]],
            custom_fields={self.ids["field"]: "Hamburg"},
        )
        subscriber(server, "cyd@example.com", status="Active", country="FR", existing_tag_ids=[self.ids["tag"]])
        german = segment(server, "German", definition("country", "is", "DE"))
        self.ids["segment"] = segment(server, "Germans", definition("segment", "is", german["id"]))["id"]

    def filled(self, body: Any) -> Any:
        """The body with the ids in place of `TAG`, `FIELD`, `SEQUENCE` and `SEGMENT`."""
        if isinstance(body, dict):
            return {name: self.filled(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self.filled(value) for value in body]
        return self.ids.get(body.lower(), body) if isinstance(body, str) and body.isupper() else body

    def export(self, **body: Any) -> tuple[Any, list[list[str]]]:
        """The job and the records of its file."""
        job, text = self.server.export_csv(**self.filled(body))
        return job, list(csv.reader(io.StringIO(text, newline="")))


@pytest.fixture(scope="module")
def audience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audience]:
    with running_service(tmp_path_factory) as server:
        yield Audience(server)


FIELD_TEST = {"custom_field_id": "FIELD", "operator": "contains", "value": "ber"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "Bob@example.com"}, "bob"),
        ({"tag_ids": ["TAG"]}, "ada cyd"),
        ({"tag_ids": ["TAG"], "tag_operator": "has_none_of"}, "bob"),
        ({"sequence_ids": ["SEQUENCE"]}, "bob"),
        ({"sequence_ids": ["SEQUENCE"], "sequence_operator": "has_never_been_in_any_of"}, "ada cyd"),
        ({"country": "germany"}, "ada bob"),
        ({"segment_id": "SEGMENT"}, "ada bob"),
        ({"segment_id": "SEGMENT", "status": "Active"}, "ada"),
        ({"custom_fields": [FIELD_TEST]}, "ada"),
        ({"custom_fields": [{"custom_field_id": "FIELD", "operator": "is_empty"}]}, "cyd"),
        ({"custom_fields": [FIELD_TEST], "tag_ids": ["TAG"], "country": "DE", "query": "example"}, "ada"),
        ({"tag_ids": None, "custom_fields": None, "columns": None}, "ada bob cyd"),
    ],
)
def test_export_has_the_people_that_its_filters_select(audience: Audience, body: Any, expected: str) -> None:
    job, (_, *records) = audience.export(**body)
    assert " ".join(record[0].partition("@")[0] for record in records) == expected
    assert job["exported_count"] == len(records)
    sent = {name: value for name, value in audience.filled(body).items() if value is not None}
    if "country" in sent:
        sent["country"] = "DE"
    assert job["selection"].items() >= sent.items()


def test_job_without_further_filters_has_the_selection_of_the_contract(audience: Audience) -> None:
    job, _ = audience.export()
    assert (job["selection"], job["columns"]) == ({"query": None, "status": None, "cold_only": False}, None)


def test_file_has_the_chosen_columns_in_their_order(audience: Audience) -> None:
    job, records = audience.export(columns=["FIELD", "country", "email", "tags"], query="ada")
    assert records == [["City", "Country", "Email", "Tags"], ["Berlin", "DE", "ada@example.com", "Readers"]]
    assert job["columns"] == [audience.ids["field"], "country", "email", "tags"]


@pytest.mark.parametrize("key", FIXED)
def test_each_column_can_be_alone(audience: Audience, key: str) -> None:
    _, every = audience.export(query="ada")
    _, alone = audience.export(query="ada", columns=[key])
    place = list(FIXED).index(key)
    assert alone == [[record[place]] for record in every]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"query": "x" * 255}, "query", None),
        ({"email": "x" * 255}, "email", None),
        ({"country": "Atlantis"}, "country", "invalid_country"),
        ({"tag_ids": ["nonsense"]}, "tag_ids[0]", "tag_not_found"),
        ({"tag_ids": [UNKNOWN[ids.TAG]]}, "tag_ids[0]", "tag_not_found"),
        ({"tag_ids": ["TAG"] * 101}, "tag_ids", None),
        ({"sequence_ids": [UNKNOWN[ids.SEQUENCE]]}, "sequence_ids[0]", "sequence_not_found"),
        ({"segment_id": UNKNOWN[ids.SEGMENT]}, "segment_id", "segment_not_found"),
        ({"import_job_id": "nonsense"}, "import_job_id", None),
        (
            {"custom_fields": [{"custom_field_id": UNKNOWN[ids.CUSTOM_FIELD], "operator": "is_empty"}]},
            "custom_fields[0].custom_field_id",
            "custom_field_not_found",
        ),
        (
            {"custom_fields": [{"custom_field_id": "FIELD", "operator": "before", "value": "2025-01-01"}]},
            "custom_fields[0].operator",
            "operator_not_for_field",
        ),
        ({"columns": []}, "columns", None),
        ({"columns": ["email", "nonsense"]}, "columns[1]", "column_not_found"),
        ({"columns": [UNKNOWN[ids.CUSTOM_FIELD]]}, "columns[0]", "column_not_found"),
        ({"columns": ["email", "name", "email"]}, "columns[2]", None),
    ],
)
def test_order_that_cannot_be_exported_is_refused_with_its_field(
    audience: Audience, body: Any, field: str, reason: str | None
) -> None:
    reply = audience.server.call("POST", EXPORTS, audience.filled(body))
    assert details(reply) == (400, "invalid_request", field, reason)


def test_selection_of_a_job_is_the_same_after_it_was_read(audience: Audience) -> None:
    body = audience.filled({"custom_fields": [FIELD_TEST], "tag_ids": ["TAG"], "columns": ["name", "FIELD"]})
    created = data_of(audience.server.call("POST", EXPORTS, body))
    audience.server.drain()
    read = data_of(audience.server.call("GET", created["self"]))
    assert (read["selection"], read["columns"]) == (created["selection"], created["columns"])
