"""An export can be imported as its analysis proposes, into the same and into an empty workspace."""

import csv
import io
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any, get_args

import msgspec
import pytest
from conftest import Server
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from uploading import IMPORTS, look, put, start

from mailrith_lite import clock
from mailrith_lite.audience.export_columns import COLUMNS
from mailrith_lite.audience.values import FieldType
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.cells import join_list, unguard
from mailrith_lite.unicode_forms import compose, fold

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "2"))
OPTIONS = ["Red", "a, b", 'say "hi"', "=1", "'x", "-", "NULL", "true", "01/02/2024", "2024-02-30", "|;"]
LABELS = [
    *COLUMNS,
    *("Email (2)", "email", "E-mail", "Tags (2)", "tags", "Subscribed at", "First name", "Zip code", "Zip-Code"),
    *("Unsubscribed", "Opted Out", "confirmed", "Column 9", "Column 10", "me@example.com", "sep=;", "-", "NULL"),
    *("error_line", "error_column", "error_code", "error_message", "=1+1", "'x", "a,b", 'a "b"', "a;b", "a|b"),
    *("Zip", "Zip:", "Zip*", "mailto:me@example.com", "\u00c4", "\u200b", "'=", "Plan (new)"),
    "x" * 100,
]
SEQUENCES = ["Welcome", "a, b; c", '"quoted"', "=2+2", "NULL", "-", "01/02/2024"]
HOSTILE = "'=@+- \",;|01/.NA\u2028\u00a0\u200b\uff1d"
_numbers = itertools.count(1)

plain = st.text(alphabet=st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=12)
names = (st.text(alphabet=HOSTILE, max_size=8) | plain).map(lambda text: compose(" ".join(text.split())))
words = st.sampled_from(
    [
        "2024-02-30",
        "2024-01-05",
        "01/02/2024",
        "true",
        "false",
        "NULL",
        "N/A",
        "-",
        "1",
        "1.50",
        "007",
        "-0",
        "9" * 120,
        "0000-01-01",
        "2023-02-29",
        "1e5",
    ]
)
texts = words | st.text(alphabet=HOSTILE + "\t\r\n\x1f", max_size=8) | plain
VALUES: dict[FieldType, st.SearchStrategy[str]] = {
    "Text": texts,
    "Text Area": texts,
    "Number": st.integers(-(10**40), 10**40).map(str) | st.sampled_from(["-0.5", "1e20", "1E-20", "12.340"]),
    "Date": st.dates().map(str),
    "Checkbox": st.sampled_from(["true", "false"]),
    "Select (Dropdown)": st.sampled_from(OPTIONS),
    "Single Select": st.sampled_from(OPTIONS),
    "Multi Select": st.lists(st.sampled_from(OPTIONS), unique=True).map(join_list),
}
moments = st.integers(clock.DAY, 19_000 * clock.DAY).map(clock.rfc3339)


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """`cells`: of each person."""

    label: str
    type: FieldType
    cells: list[str]


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """`people`: the cells of `HEADER`."""

    people: list[tuple[str, ...]]
    fields: list[Field]


HEADER = {
    "Email": "email",
    "Name": "name",
    "Status": "subscriber-status",
    "Country": "country",
    "Since": "subscribed-at",
    "Opened": "last-opened-at",
    "Tags": "tags",
    "Sequences": "sequences",
}
person = st.tuples(
    st.sampled_from(["x.com", "b\u00fccher.example", "localhost"]),
    names,
    st.sampled_from(STATUSES),
    st.sampled_from(["", "DE", "NA", "NO"]),
    moments,
    st.just("") | moments,
    st.lists(names.filter(bool), max_size=3, unique_by=fold).map(join_list),
    st.lists(st.sampled_from(SEQUENCES), max_size=2, unique=True).map(join_list),
)


@st.composite
def audiences(draw: st.DrawFn) -> Audience:
    people = draw(st.lists(person, min_size=1, max_size=5))
    labels = draw(st.lists(st.sampled_from(LABELS) | names.filter(bool), max_size=6, unique_by=_column_key))
    fields: list[Field] = []
    for label in labels:
        field_type = draw(st.sampled_from(get_args(FieldType)))
        cells = draw(st.lists(st.just("") | VALUES[field_type], min_size=len(people), max_size=len(people)))
        fields.append(Field(label=label, type=field_type, cells=cells))
    addressed = [(f"user{number}@{cells[0]}", *cells[1:]) for number, cells in enumerate(people)]
    return Audience(people=addressed, fields=fields)


def _column_key(label: str) -> str:
    """An import cannot tell two columns whose names differ in a formula guard alone."""
    return fold(unguard(label))


def all_labels(field_type: FieldType, cell: str) -> Audience:
    """One person with a field of each label."""
    cells = ("a@localhost", "NULL", "Bounced", "NA", "2020-01-02T03:04:05.678Z", "", "", "")
    fields = [Field(label=label, type=field_type, cells=[cell]) for label in _distinct(LABELS)]
    return Audience(people=[cells], fields=fields)


def _distinct(labels: Sequence[str]) -> list[str]:
    return list({fold(label): label for label in reversed(labels)}.values())


def new_workspace(server: Server) -> str:
    """The key of a workspace that has the sequences."""
    key = server.new_key(workspace=f"Workspace {next(_numbers)}")
    for name in SEQUENCES:
        body = {"name": name, "definition": {"emails": []}}
        assert server.call("POST", "/v1/sequences", body, key=key).status == 201
    return key


def fill(server: Server, key: str, audience: Audience) -> None:
    mappings: list[dict[str, Any]] = [
        {"csv_column": column, "field": {"type": kind}} for column, kind in HEADER.items()
    ]
    for number, field in enumerate(audience.fields):
        body: dict[str, Any] = {"label": field.label, "type": field.type}
        if "elect" in field.type:
            body["settings"] = {"options": OPTIONS}
        reply = server.call("POST", "/v1/custom-fields", body, key=key)
        assert reply.status == 201, reply.json
        mapping: dict[str, Any] = {
            "csv_column": f"Field {number}",
            "field": {"type": "custom-field", "custom_field_id": reply.json["data"]["id"]},
        }
        if field.type in ("Number", "Date"):
            mapping["format"] = "point" if field.type == "Number" else "iso"
        mappings.append(mapping)
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(mapping["csv_column"] for mapping in mappings)
    for number, cells in enumerate(audience.people):
        writer.writerow((*cells, *(field.cells[number] for field in audience.fields)))
    job = server.import_csv(text.getvalue(), mappings, key=key)
    assert job["error_report_url"] is None, server.report(job)


def bring_home(server: Server, key: str, exported: str) -> Any:
    """The job of an import with the proposals of the analysis."""
    upload = start(server, key)
    assert put(server, upload, exported.encode()).status == 200
    analysis = look(server, upload, key)["analysis"]
    assert (analysis["source"], analysis["questions"], analysis["problems"]) == ("mailrith", [], [])
    mappings = [column["proposal"] for column in analysis["columns"]]
    body = {"upload_id": upload["id"], "mappings": mappings}
    reply = server.call("POST", IMPORTS, body, key=key)
    assert reply.status == 202, reply.json
    server.drain()
    job = server.call("GET", reply.json["data"]["self"], key=key).json["data"]
    assert (job["status"], job["error_message"]) == ("Completed", None)
    assert job["error_report_url"] is None, server.report(job)
    return job


@pytest.mark.parametrize("guarded", [True, False], ids=["with guard", "without guard"])
def test_any_export_is_imported_unchanged_as_its_analysis_proposes(
    serve: Callable[..., Server], guarded: bool
) -> None:
    server = serve(export_formula_guard=guarded)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    @example(all_labels("Text", "2024-02-30"))
    @example(all_labels("Checkbox", "false"))
    @example(all_labels("Text Area", " ="))
    @example(all_labels("Text Area", "\x1f-0"))
    @given(audiences())
    def round_trip(audience: Audience) -> None:
        first, second = new_workspace(server), new_workspace(server)
        fill(server, first, audience)
        _, exported = server.export_csv(key=first)
        assert bring_home(server, first, exported)["progress"]["unchanged_count"] == len(audience.people)
        assert bring_home(server, second, exported)["progress"]["created_count"] == len(audience.people)
        _, again = server.export_csv(key=second)
        assert list(csv.reader(io.StringIO(again))) == list(csv.reader(io.StringIO(exported)))
        assert bring_home(server, second, again)["progress"]["unchanged_count"] == len(audience.people)

    round_trip()
