"""An export and an import of its file give the same subscribers, whatever their values are."""

import csv
import io
import itertools
import json
import os
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from conftest import Server
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from mailrith_lite.audience import values
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.cells import guard

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "8"))
OPTIONS = ["Red", "a, b", 'say "hi"', '"', "=1", "'=1", "'x", "-", "+1", "ü👩", "|;", "true", "\u00c0"]
FIELDS = {
    "=Text": "Text",
    "Email": "Text Area",
    "Number": "Number",
    "Da,te": "Date",
    "'=Drop": "Select (Dropdown)",
    "Single;": "Single Select",
    'M"ulti': "Multi Select",
    "Check\u00fc": "Checkbox",
}
FIXED = {"Email": "email", "Name": "name", "Status": "subscriber-status", "Country": "country"}
_numbers = itertools.count(1)

texts = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20),
    st.text(alphabet="'=@+-\t\r\n \",;|0123456789xé\u2028\u00a0\u200b\x0b\uff1d\uff20\uff0b\uff0d", max_size=10),
)
numbers = st.one_of(
    st.integers(-(10**60), 10**60).map(str),
    st.decimals(-(10**20), 10**20, places=25).map(lambda number: format(number, "f")),
    st.sampled_from(["-0", "1e50", "1E-50", "+.5", "5.", "00012.3400"]),
)
people = st.fixed_dictionaries(
    {
        "Name": texts,
        "Status": st.sampled_from(STATUSES),
        "Country": st.sampled_from(["", "de", "GBR", "Côte d'Ivoire", "no"]),
        "=Text": texts,
        "Email (2)": texts,  # the Text Area whose label is Email
        "Number": st.just("") | numbers,
        "Da,te": st.just("") | st.dates().map(str),
        "'=Drop": st.sampled_from(["", *OPTIONS]),
        "Single;": st.sampled_from(["", *OPTIONS]),
        'M"ulti': st.lists(st.sampled_from(OPTIONS), unique=True).map(values.field_text),
        "Check\u00fc": st.sampled_from(["", "yes", "0"]),
    }
)
emails = st.builds(
    "{}@{}".format,
    st.text(alphabet="abz019.!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12),
    st.sampled_from(["x.com", "bücher.example", "localhost"]),
)
audiences = st.dictionaries(emails, people, min_size=1, max_size=6)
DIFFICULT = {
    "Name": "'=1\r\n\"x",
    "Status": "Bounced",
    "Country": "no",
    "=Text": "\t=\u00a0'",
    "Email (2)": " \r'@\n ",
    "Number": "1" * 40 + ".5",
    "Da,te": "0001-01-01",
    "'=Drop": "'=1",
    "Single;": "a, b",
    'M"ulti': '"""", "a, b", =1',
    "Check\u00fc": "no",
}


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """`field_ids`: label of a custom field -> public id."""

    id: int
    key: str
    field_ids: dict[str, str]


def new_workspace(server: Server) -> Workspace:
    name = f"Workspace {next(_numbers)}"
    key = server.new_key(workspace=name)
    field_ids = {}
    for label, field_type in FIELDS.items():
        body: dict[str, Any] = {"label": label, "type": field_type}
        if "elect" in field_type:
            body["settings"] = {"options": OPTIONS}
        reply = server.call("POST", "/v1/custom-fields", body, key=key)
        field_ids[label] = reply.json["data"]["id"]
    ((workspace_id,),) = server.rows("SELECT id FROM workspaces WHERE name = ?", name)
    return Workspace(id=workspace_id, key=key, field_ids=field_ids)


def mappings(field_ids: dict[str, str], guarded: bool) -> list[dict[str, Any]]:
    safe: Callable[[str], str] = guard if guarded else str
    mappings = [{"csv_column": column, "field": {"type": kind}} for column, kind in FIXED.items()]
    for label, field_id in field_ids.items():
        column = "Email (2)" if label == "Email" else label
        field = {"type": "custom-field", "custom_field_id": field_id}
        mappings.append({"csv_column": safe(column), "field": field})
    return mappings


def select_subscribers(server: Server, workspace: Workspace) -> dict[str, Any]:
    """Email -> name, status, country and custom fields by label, with exact numbers."""
    labels = {str(number): label for number, label in server.rows("SELECT id, label FROM custom_fields")}
    subscribers = {}
    for email, name, status, country, fields in server.rows(
        "SELECT email, name, status, country, custom_fields FROM subscribers WHERE workspace_id = ?", workspace.id
    ):
        decoded = json.loads(fields, parse_float=Decimal)
        subscribers[email] = (name, status, country, {labels[key]: value for key, value in decoded.items()})
    return subscribers


def table(audience: dict[str, dict[str, str]], guarded: bool) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    columns = list(DIFFICULT)
    safe: Callable[[str], str] = guard if guarded else str
    writer.writerow(["Email", *map(safe, columns)])
    for email, cells in audience.items():
        writer.writerow([safe(email), *(safe(cells[column]) for column in columns)])
    return text.getvalue()


@pytest.mark.parametrize("guarded", [True, False], ids=["with guard", "without guard"])
def test_any_subscribers_survive_an_export_and_an_import(serve: Callable[..., Server], guarded: bool) -> None:
    server = serve(export_formula_guard=guarded)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    @example({"=1@x.com": DIFFICULT, "'=1@x.com": DIFFICULT, "+1@bücher.example": DIFFICULT})
    @given(audiences)
    def round_trip(audience: dict[str, dict[str, str]]) -> None:
        first, second = new_workspace(server), new_workspace(server)
        job = server.import_csv(table(audience, guarded), mappings(first.field_ids, guarded), key=first.key)
        assert job["progress"]["rejected_count"] == 0, server.report(job)
        subscribers = select_subscribers(server, first)
        check_subscribers(audience, subscribers)
        _, exported = server.export_csv(key=first.key)
        job = server.import_csv(exported, mappings(second.field_ids, guarded), key=second.key)
        assert job["error_report_url"] is None
        assert select_subscribers(server, second) == subscribers
        job = server.import_csv(exported, mappings(first.field_ids, guarded), key=first.key)
        assert job["progress"]["unchanged_count"] == len(subscribers)

    round_trip()


def check_subscribers(audience: dict[str, dict[str, str]], subscribers: dict[str, Any]) -> None:
    """The first import has read every cell correctly."""
    assert set(subscribers) == {values.email(email) for email in audience}
    for email, cells in audience.items():
        name, status, _, fields = subscribers[values.email(email)]
        assert (name, status) == (unicodedata.normalize("NFC", cells["Name"].strip()), cells["Status"])
        assert fields.get("=Text", "") == cells["=Text"].strip()
        assert fields.get("Email", "") == (cells["Email (2)"] if cells["Email (2)"].strip() else "")
        if cells["Number"]:
            assert Decimal(fields["Number"]) == Decimal(cells["Number"])
        assert values.field_text(fields.get('M"ulti', [])) == cells['M"ulti']
