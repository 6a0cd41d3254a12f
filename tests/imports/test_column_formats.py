"""How an import reads columns of dates and numbers: the whole column decides, or the mapping does."""

import re
from typing import Any

import pytest
from conftest import MAPPINGS, Server
from row_results import errors, subscribers

EMAIL = MAPPINGS[0]


def born(server: Server, kind: str = "Date", **members: Any) -> list[dict[str, Any]]:
    field = server.call("POST", "/v1/custom-fields", {"label": "Born", "type": kind}).json["data"]
    return [
        EMAIL,
        {"csv_column": "Born", "field": {"type": "custom-field", "custom_field_id": field["id"]}, **members},
    ]


def file(*cells: str) -> str:
    return "Email,Born\n" + "".join(f'user{number}@x.com,"{cell}"\n' for number, cell in enumerate(cells))


def values(server: Server) -> list[Any]:
    """In the order of the file."""
    people = sorted(subscribers(server).items())
    return [next(iter(person["custom_fields"].values()), None) for _, person in people]


@pytest.mark.parametrize(
    ("kind", "cells", "read", "chosen"),
    [
        ("Date", ["05/01/2024", "13/02/2024", ""], ["2024-01-05", "2024-02-13", None], "day-first"),
        ("Date", ["05/01/2024", "02/13/2024"], ["2024-05-01", "2024-02-13"], "month-first"),
        ("Date", ["05/05/2024", "06/06/2024"], ["2024-05-05", "2024-06-06"], "day-first"),
        ("Date", ["2024-01-05 10:33:12", "2024-01-06"], ["2024-01-05", "2024-01-06"], "iso"),
        ("Date", ["45322"], ["2024-01-31"], "excel"),
        ("Number", ["12,50", "1,00"], [12.5, 1], "comma"),
        ("Number", ["1,234.50", "1,234"], [1234.5, 1234], "point"),
        ("Number", ["12.5", "3"], [12.5, 3], "point"),
    ],
)
def test_the_format_that_reads_the_most_cells_is_used_for_the_column(
    server: Server, kind: str, cells: list[str], read: list[Any], chosen: str
) -> None:
    mappings = born(server, kind)
    dry = server.import_csv(file(*cells), mappings, dry_run=True)
    job = server.import_csv(file(*cells), mappings)
    assert values(server) == read
    assert (dry["progress"], dry["mappings"]) == (job["progress"], job["mappings"])
    assert job["mappings"][1]["format"] == chosen


@pytest.mark.parametrize(
    ("kind", "cells", "message"),
    [
        (
            "Date",
            ["01/05/2024", "02/06/2024"],
            r'"Born".*"01/05/2024" is 2024-05-01 \(day-first\) or 2024-01-05 \(month-first\)',
        ),
        ("Number", ["1,234", "5,678"], r'"Born".*"1,234" is 1234 \(point\) or 1.234 \(comma\)'),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_two_readings_of_a_whole_column_fail_the_import(
    server: Server, kind: str, cells: list[str], message: str, dry_run: bool
) -> None:
    job = server.import_csv(file(*cells), born(server, kind), dry_run=dry_run, new_tag_name="New")
    assert job["status"] == "Failed"
    assert re.search(message, job["error_message"])
    assert subscribers(server) == {}
    assert server.rows("SELECT name FROM tags") == []


@pytest.mark.parametrize(
    ("cell_format", "read"), [("day-first", "2024-05-01"), ("month-first", "2024-01-05"), ("iso", None)]
)
def test_the_format_of_a_mapping_decides(server: Server, cell_format: str, read: str | None) -> None:
    mappings = born(server, format=cell_format)
    job = server.import_csv(file("01/05/2024"), mappings, invalid_cells="leave_out")
    assert values(server) == [read]
    assert errors(server, job) == ([] if read else [(2, "Born", "invalid_custom_field")])


def test_translated_cells_decide_about_the_format(server: Server) -> None:
    mappings = born(server, values={"unknown": None, "then": "13/02/2024"})
    server.import_csv(file("unknown", "then", "05/01/2024"), mappings)
    assert values(server) == [None, "2024-02-13", "2024-01-05"]


def test_a_format_for_another_type_of_field_is_refused(server: Server) -> None:
    body = {"csv_text": file("1"), "mappings": born(server, "Number", format="iso")}
    reply = server.call("POST", "/v1/jobs/subscriber-imports", body)
    assert (reply.status, reply.error["details"]["field"]) == (400, "mappings[1].format")


def test_more_than_a_thousand_new_tags_fail_the_import_before_a_row(server: Server) -> None:
    server.call("POST", "/v1/tags", {"name": "Tag 0"})
    mappings = [EMAIL, {"csv_column": "Born", "field": {"type": "tags"}}]
    most = [f"tag {number}; TAG {number + 500}" for number in range(501)]
    failed = server.import_csv(file(*most, "one more"), mappings)
    assert failed["status"] == "Failed"
    assert '"Born" has more than 1,000 new tags' in failed["error_message"]
    assert server.rows("SELECT count(*) FROM tags") == [(1,)]
    assert server.import_csv(file(*most), mappings)["status"] == "Completed"
    assert server.rows("SELECT count(*) FROM tags") == [(1_001,)]
