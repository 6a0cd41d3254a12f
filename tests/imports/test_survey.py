"""The survey of a file: a small file in this process, a large file in a process of its own."""

from pathlib import Path

import pytest
from conftest import Server
from uploading import look, put, ready, start

from mailrith_lite.imports import own_process, records
from mailrith_lite.imports.uploads.survey import ColumnFacts, survey_file

ROW = b"ada@example.com,Ada,\n"
MANY = own_process.LARGE // len(ROW) + 1


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 10_000, 20_001, MANY])
async def test_survey_counts_rows_and_filled_cells(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"\nEmail,Name,Other\n" + ROW * rows)
    facts = await survey_file(path)
    assert (facts.row_count, facts.header_line, facts.delimiter) == (rows, 2, ",")
    assert [(column.name, column.filled) for column in facts.columns] == [
        ("Email", rows),
        ("Name", rows),
        ("Other", 0),
    ]


async def test_samples_are_the_first_different_cells(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("Email,Name\n" + "".join(f"{cell},\n" for cell in (" ", "a", "a ", "b", "c" * 61, "d")))
    [email, name] = (await survey_file(path)).columns
    assert (email.filled, email.samples) == (5, ["a", "b", "c" * 59 + "…"])
    assert name == ColumnFacts(name="Name")


@pytest.mark.slow
@pytest.mark.parametrize("rows", [10, MANY])
async def test_broken_file_is_refused_with_its_line(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email,Name,Other\n" + ROW * rows + b'"a')
    with pytest.raises(records.BrokenFile, match=f"line {rows + 2}: a quote is opened here"):
        await survey_file(path)


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
