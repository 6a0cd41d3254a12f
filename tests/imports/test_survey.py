"""The survey of a file: a small file in this process, a large file in a process of its own."""

import os
from pathlib import Path

import pytest
from conftest import Server
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from uploading import look, put, ready, start

from mailrith_lite.audience import values
from mailrith_lite.imports import own_process, records
from mailrith_lite.imports.layout import read_layout
from mailrith_lite.imports.uploads import column_facts
from mailrith_lite.imports.uploads.column_facts import ColumnSurvey
from mailrith_lite.imports.uploads.survey import ColumnFacts, survey_file

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "50"))

ROW = b"ada@example.com,Ada,\n"
LARGE = 1 << 20  # bytes
MANY = LARGE // len(ROW) + 1


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this size are read in a process of their own."""
    monkeypatch.setattr(own_process, "LARGE", LARGE)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 10_000, 20_001, MANY])
async def test_survey_counts_rows_and_filled_cells(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"\nEmail,Name,Other\n" + ROW * rows)
    facts = await survey_file(path, read_layout(path))
    assert (facts.row_count, facts.header_line, facts.delimiter) == (rows, 2, ",")
    assert [(column.name, column.filled) for column in facts.columns] == [
        ("Email", rows),
        ("Name", rows),
        ("Other", 0),
    ]


async def test_samples_are_the_first_different_cells(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("Email,Name\n" + "".join(f"{cell},\n" for cell in (" ", "a", "a ", "b", "c" * 61, "d")))
    [email, name] = (await survey_file(path, read_layout(path))).columns
    assert (email.filled, email.samples) == (5, ["a", "b", "c" * 59 + "…"])
    assert name == ColumnFacts(name="Name")


CELLS = st.sampled_from(
    [
        *("ada@example.com", "a.b+c_d@x-y.z", "ADA@EXAMPLE.COM", "a@b-c", f"{'a' * 60}@x.de", f"{'a' * 70}@x.de"),
        *("@x.de", "a@", "a@b..c", "a@b.", "a@b@c.de", "a@b_c.de", "ä@x.de", ".a@x.de", "a.@x.de", "a b@x.de"),
        *(
            "",
            " ",
            "yes",
            "yes ",
            "'=1",
            "a\nb",
            "DE",
            "France",
            "12",
            "1,5",
            "2024-02-29",
            "03/04/2024",
            "13.4.24",
        ),
        *("unsubscribed", "opted out", "N/A", "x" * 61, "é"),
    ]
) | st.integers(0, 99).map("person{}@example.com".format)


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(
    cells=st.lists(CELLS, min_size=1, max_size=60),
    size=st.integers(1, 20),
    counted=st.integers(0, 10),
    words=st.sampled_from([0, 3, 60]),
)
def test_facts_of_a_column_do_not_depend_on_how_its_cells_are_read(
    cells: list[str], size: int, counted: int, words: int
) -> None:
    at_once, in_blocks = ColumnSurvey("Notes"), ColumnSurvey("Notes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_facts, "MAX_WORDS", words)
        at_once.add(cells)
        facts = at_once.facts()
        patch.setattr(column_facts, "_COUNTED", counted)
        for begin in range(0, len(cells), size):
            in_blocks.add(cells[begin : begin + size])
        assert without_examples(in_blocks.facts()) == without_examples(facts)
    assert facts.filled == sum(bool(cell.strip()) for cell in cells)
    assert facts.emails.count == sum(map(is_email, cells))


def without_examples(facts: ColumnFacts) -> ColumnFacts:
    """Without the first cells that are no country, date or number: blocks of emails alone are not tried as such."""
    kinds = ("countries", "dates", "numbers")
    return replace(facts, **{kind: replace(getattr(facts, kind), refused="") for kind in kinds})


def is_email(cell: str) -> bool:
    try:
        return values.email(cell) != ""
    except values.Refused:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("rows", [10, MANY])
async def test_broken_file_is_refused_with_its_line(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email,Name,Other\n" + ROW * rows + b'"a')
    with pytest.raises(records.BrokenFile, match=f"line {rows + 2}: a quote is opened here"):
        await survey_file(path, read_layout(path))


def test_upload_shows_its_analysis_once_it_has_a_file(server: Server) -> None:
    upload = start(server)
    assert look(server, upload)["analysis"] is None
    assert put(server, upload).json["data"] == look(server, upload)
    analysis = look(server, upload)["analysis"]
    assert (analysis["header_line"], analysis["delimiter"], analysis["encoding"]) == (1, ",", "UTF-8")
    assert [column["name"] for column in analysis["columns"]] == ["Email", "Name"]
    assert analysis["columns"][0]["proposal"]["field"]["type"] == "email"


def test_custom_field_that_is_made_later_is_proposed(server: Server) -> None:
    upload = ready(server, b"Email,Shoe size\nada@example.com,38\n")
    field = server.call("POST", "/v1/custom-fields", {"label": "shoe size", "type": "Number"}).json["data"]
    proposal = look(server, upload)["analysis"]["columns"][1]["proposal"]
    assert proposal["field"] == {"type": "custom-field", "custom_field_id": field["id"]}
