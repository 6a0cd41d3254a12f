"""The filter that lists, exports and pages share: what it selects, and what it refuses."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import population
import pytest
import segment_audience
from segment_audience import condition, decoded, field_id, segment, sequence, single, tag

from mailrith_lite import errors, ids
from mailrith_lite.audience import selection
from mailrith_lite.audience.segments import segment_table
from mailrith_lite.audience.selection import MAX_CUSTOM_FIELDS, MAX_LISTED, MAX_TEXT, FieldTest, Selection
from mailrith_lite.database import Database

ALL = "ada bob cyd dan eve"
GERMANS, DEEP, STRANGERS = 1, 12, 13
"""Segments: each up to the twelfth names the one before, so that the query has tables for some of them."""


@pytest.fixture(scope="module")
def populated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("selection") / "test.db"
    with segment_audience.open_audience(path):
        return path


@pytest.fixture
async def database(populated_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(Path(shutil.copy(populated_file, tmp_path / "test.db"))) as database:
        async with database.write() as connection:
            for number in range(GERMANS, STRANGERS + 1):
                names_previous = GERMANS < number <= DEEP
                what = (
                    single("segment", "is", segment(number - 1))
                    if names_previous
                    else single("country", "is", "DE")
                )
                await segment_table.insert_segment(
                    connection,
                    2 if number == STRANGERS else 1,
                    name=f"Segment {number}",
                    description=None,
                    definition=decoded(what),
                    now=population.NOW,
                )
        yield database


async def selected(database: Database, workspace_id: int = 1, **members: Any) -> str:
    """The names of the people in the list, whom the count counts, too."""
    async with database.read() as connection:
        resolved = await selection.resolve(
            connection, workspace_id, Selection.of(**members), time_zone=None, now=population.NOW
        )
        query = resolved.query(workspace_id, population.NOW)
        rows = list(await connection.execute_fetchall(query.select("id, name"), query.values))
    assert sorted(await population.all_pages(database, resolved, workspace_id=workspace_id, limit=2)) == sorted(
        row["id"] for row in rows
    )
    return " ".join(sorted(row["name"] for row in rows))


async def check(database: Database, chosen: Selection) -> None:
    async with database.read() as connection:
        await selection.check(connection, 1, chosen, time_zone=None, now=population.NOW)


def field_test(field: str, operator: Any, value: Any = None) -> FieldTest:
    return FieldTest(custom_field_id=field_id(field), operator=operator, value=value)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, ALL),
        ({"search": " "}, ALL),
        ({"search": "ADA"}, "ada"),
        ({"email": " Bob@X.com "}, "bob"),
        ({"status": "Active"}, "ada dan"),
        ({"cold_only": True}, ""),
        ({"tag_ids": [tag(1)]}, "ada bob"),
        ({"tag_ids": [tag(1), tag(2)]}, "ada bob dan"),
        ({"tag_ids": [tag(1)], "tag_operator": "has_none_of"}, "cyd dan eve"),
        ({"tag_ids": ["tag_nonsense"]}, ""),
        ({"tag_ids": ["tag_nonsense"], "tag_operator": "has_none_of"}, ALL),
        ({"sequence_ids": [sequence(1)]}, "ada"),
        ({"sequence_ids": [sequence(1)], "sequence_operator": "has_never_been_in_any_of"}, "dan eve"),
        ({"country": "germany"}, "ada"),
        ({"country": "USA"}, "bob"),
        ({"country": "France"}, ""),
        ({"segment_id": segment(GERMANS)}, "ada"),
        ({"segment_id": segment(DEEP)}, "ada"),
        ({"segment_id": segment(DEEP), "status": "Bounced"}, ""),
        ({"segment_id": segment(STRANGERS)}, ""),
        ({"segment_id": "segment_nonsense"}, ""),
        ({"import_job_id": ids.encode(ids.IMPORT_JOB, 1)}, ""),
        ({"custom_fields": [field_test("Number", "greater_than", "0")]}, "ada cyd eve"),
        ({"custom_fields": [field_test("Checkbox", "is", "yes")]}, "ada eve"),
        ({"custom_fields": [field_test("Multi Select", "has_any_of", ["red", "Deep Blue"])]}, "bob cyd"),
        ({"custom_fields": [field_test("Text", "is_empty")]}, "dan"),
        (
            {"custom_fields": [field_test("Number", "less_than", 1), field_test("Text", "contains", "12")]},
            "bob eve",
        ),
        ({"custom_fields": [field_test("Date", "in_last_days", "7")], "segment_id": segment(DEEP)}, "ada"),
    ],
)
async def test_each_member_narrows_the_selection(database: Database, members: Any, expected: str) -> None:
    assert await selected(database, **members) == expected


async def test_other_workspace_is_not_selected_by_our_segment(database: Database) -> None:
    assert await selected(database, workspace_id=2) == "stranger"
    assert await selected(database, workspace_id=2, segment_id=segment(GERMANS)) == ""


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"search": "x" * (MAX_TEXT + 1)}, "search"),
        ({"search": "x\0"}, "search"),
        ({"email": "x" * (MAX_TEXT + 1)}, "email"),
        ({"country": "Atlantis"}, "country"),
        ({"tag_ids": [tag(1)] * (MAX_LISTED + 1)}, "tag_ids"),
        ({"sequence_ids": [sequence(1)] * (MAX_LISTED + 1)}, "sequence_ids"),
        ({"custom_fields": [field_test("Text", "is_empty")] * (MAX_CUSTOM_FIELDS + 1)}, "custom_fields"),
    ],
)
def test_value_out_of_bounds_is_refused(members: Any, field: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refusal:
        Selection.of(**members)
    assert refusal.value.details["field"] == field


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"tag_ids": [tag(1), tag(9)]}, "tag_ids[1]"),
        ({"tag_ids": ["nonsense"]}, "tag_ids[0]"),
        ({"sequence_ids": [sequence(9)]}, "sequence_ids[0]"),
        ({"segment_id": segment(STRANGERS)}, "segment_id"),
        ({"segment_id": "nonsense"}, "segment_id"),
        ({"import_job_id": "nonsense"}, "import_job_id"),
        (
            {"custom_fields": [FieldTest(custom_field_id="nonsense", operator="is", value="1")]},
            "custom_fields[0].custom_field_id",
        ),
        (
            {"custom_fields": [field_test("Text", "is_empty"), field_test("Text", "before", "1")]},
            "custom_fields[1].operator",
        ),
        ({"custom_fields": [field_test("Date", "before", "soon")]}, "custom_fields[0].value"),
    ],
)
async def test_unknown_id_or_unfit_test_is_refused_with_its_path(
    database: Database, members: Any, field: str
) -> None:
    with pytest.raises(errors.InvalidRequest) as refusal:
        await check(database, Selection.of(**members))
    assert refusal.value.details["field"] == field
    assert "customFieldId" not in refusal.value.message


async def test_selection_with_all_that_exists_is_accepted(database: Database) -> None:
    await check(
        database,
        Selection.of(
            tag_ids=[tag(1)],
            sequence_ids=[sequence(1)],
            segment_id=segment(DEEP),
            import_job_id=ids.encode(ids.IMPORT_JOB, 1),
            custom_fields=[field_test("Number", "is", 1.5)],
        ),
    )


async def test_segment_with_as_many_conditions_as_a_segment_takes_can_be_selected(database: Database) -> None:
    group = {"id": "g", "match": "any", "conditions": [condition("country", "is", "DE")] * 100}
    largest = decoded({"match": "any", "groups": [group] * 3})
    async with database.write() as connection:
        saved = await segment_table.insert_segment(
            connection, 1, name="Largest", description=None, definition=largest, now=population.NOW
        )
    assert await selected(database, segment_id=segment(saved.id)) == "ada"
