"""The filters that match many people are known until people of their workspace change."""

from collections.abc import AsyncIterator
from pathlib import Path

import population
import pytest
from empty_database import write_empty_database

from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.large_selections import CACHE_SIZE, LargeSelections
from mailrith_lite.database import Database

PEOPLE = 5
ACTIVE = SubscriberFilter(status="Active")
NOW = 1_800_000_000_000


@pytest.fixture
async def audience(tmp_path: Path) -> AsyncIterator[Database]:
    """Two workspaces; the first has five people."""
    async with Database.open(write_empty_database(tmp_path / "test.db")) as database:
        async with database.write() as connection:
            await population.insert_workspaces(connection, 2)
            await population.insert_people(connection, 1, range(1, PEOPLE + 1))
        yield database


async def look(
    database: Database, large: LargeSelections, subscriber_filter: SubscriberFilter = ACTIVE, most: int = PEOPLE - 1
) -> tuple[list[int] | None, int]:
    """The ids in the first workspace, and how many statements the look took."""
    executed: list[str] = []
    async with database.read() as connection:
        await connection.set_trace_callback(executed.append)
        matching = await large.select_ids(connection, 1, subscriber_filter, most=most, now=NOW)
        await connection.set_trace_callback(None)  # type: ignore[arg-type]
    return matching, len(executed)


async def test_large_selection_is_read_once(audience: Database) -> None:
    large = LargeSelections(audience)
    assert [await look(audience, large) for _ in range(3)] == [(None, 1), (None, 0), (None, 0)]


async def test_selection_of_as_many_as_are_counted_is_read_each_time(audience: Database) -> None:
    large = LargeSelections(audience)
    everybody = list(range(PEOPLE, 0, -1))
    assert [await look(audience, large, most=PEOPLE) for _ in range(2)] == [(everybody, 1)] * 2


async def test_another_filter_is_read(audience: Database) -> None:
    large = LargeSelections(audience)
    await look(audience, large)
    assert await look(audience, large, SubscriberFilter(status="Bounced")) == ([], 1)


async def test_selection_is_read_again_after_a_change_of_its_people(audience: Database) -> None:
    large = LargeSelections(audience)
    await look(audience, large)
    async with audience.write(changes=1) as connection:
        await population.set_column(connection, "status", "Bounced", [PEOPLE])
    assert await look(audience, large) == (list(range(PEOPLE - 1, 0, -1)), 1)


@pytest.mark.parametrize("changes", [2, "nobody"])
async def test_selection_is_not_read_again_after_another_change(audience: Database, changes: int | str) -> None:
    large = LargeSelections(audience)
    await look(audience, large)
    async with audience.write(changes=changes):  # type: ignore[arg-type]
        pass
    assert await look(audience, large) == (None, 0)


async def test_cold_people_are_read_each_time_because_time_passes(audience: Database) -> None:
    cold = SubscriberFilter(cold_only=True)
    async with audience.write() as connection:
        await population.set_column(connection, "subscribed_at", 0, range(1, PEOPLE + 1))
    large = LargeSelections(audience)
    assert [await look(audience, large, cold) for _ in range(2)] == [(None, 1)] * 2


async def test_people_of_an_import_are_read_each_time_because_the_import_can_be_deleted(audience: Database) -> None:
    large, of_import = LargeSelections(audience), SubscriberFilter(import_job_id=1)
    assert [(await look(audience, large, of_import, most=-1))[1] for _ in range(2)] == [1, 1]


async def test_oldest_filter_is_forgotten_when_there_are_too_many(audience: Database) -> None:
    large = LargeSelections(audience)
    await look(audience, large)
    for number in range(CACHE_SIZE):
        await look(audience, large, SubscriberFilter(status="Active", search=f"{number}"), most=-1)
    assert (await look(audience, large))[1] == 1
