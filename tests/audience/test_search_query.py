"""The query of the index that a search runs: its trigrams, and that other workspaces do not slow it."""

import population
import pytest
from search_cases import catch_up, search

from mailrith_lite.audience import listing, search_index
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.database import Database


async def instructions(database: Database, workspace_id: int, text: str) -> int:
    """The number of SQLite's instructions for a search, in hundreds."""
    hundreds = 0

    def count() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    async with database.read() as connection:
        await connection.set_progress_handler(count, 100)
        subscriber_filter = SubscriberFilter(search=text)
        await listing.select_subscribers(
            connection, workspace_id, subscriber_filter, before_id=None, limit=25, now=population.NOW
        )
        await connection.set_progress_handler(None, 0)  # type: ignore[arg-type]
    return hundreds


@pytest.mark.parametrize("text", ["shared name", "@x.com", "renamed", "gone"])
@pytest.mark.parametrize("up_to_date", [True, False], ids=["index up to date", "index lags"])
async def test_search_takes_no_longer_for_subscribers_of_other_workspaces(
    database: Database, text: str, up_to_date: bool
) -> None:
    """The time of a search tells nothing about another workspace."""
    async with database.write() as connection:
        await population.insert_workspaces(connection, 3)
        await population.insert_people(connection, 2, [1], "Shared Name")
        await population.insert_people(connection, 3, [2], "Somebody")
    await catch_up(database)
    before = [await instructions(database, workspace_id, text) for workspace_id in (2, 3)]
    async with database.write() as connection:
        await population.insert_people(connection, 1, range(11, 2_011), "Shared Name")
        await population.insert_people(connection, 2, [3_001], "Somebody")
    await catch_up(database)
    async with database.write() as connection:
        await population.set_column(connection, "name", "Renamed", range(11, 911))
        await connection.execute("DELETE FROM subscribers WHERE id BETWEEN 1001 AND 1100")
    if up_to_date:
        await catch_up(database)
    after = [await instructions(database, workspace_id, text) for workspace_id in (2, 3)]
    assert all(now <= 2 * then + 10 for now, then in zip(after, before, strict=True)), (before, after)


@pytest.mark.parametrize(
    "text", ["abc", " aBc\n", "abcabcabc", "ß\u212aİ", '""""', 'a"b c', "x" * 254, "n" * 100 + "y"]
)
async def test_index_query_has_one_to_three_trigrams_of_the_text(database: Database, text: str) -> None:
    async with database.read() as connection:
        match = (await search_index.plan_search(connection, 1, text)).match
    assert match is not None
    trigrams = [part[1:-1].replace('""', '"') for part in match.split(" AND ")]
    assert 1 <= len(trigrams) == len(set(trigrams)) <= 3
    assert all(len(trigram) == 3 and trigram in text.strip().casefold() for trigram in trigrams)


@pytest.mark.parametrize("text", ["a", "ab", " ab ", "\u212a", "👩👩"])
async def test_one_or_two_characters_have_no_index_query(database: Database, text: str) -> None:
    async with database.read() as connection:
        assert (await search_index.plan_search(connection, 1, text)).match is None


async def test_rare_trigrams_are_those_of_the_workspace(database: Database) -> None:
    """Each workspace has none of the other's names."""
    async with database.write() as connection:
        await population.insert_workspaces(connection, 2)
        await population.insert_people(connection, 1, range(1, 641), "Common")
        await population.insert_people(connection, 2, range(1_001, 1_641), "Zebra")
    await catch_up(database)
    trigrams = {}
    async with database.read() as connection:
        for workspace_id in (1, 2):
            plan = await search_index.plan_search(connection, workspace_id, "Common Zebra")
            trigrams[workspace_id] = {part.strip('"') for part in (plan.match or "").split(" AND ")}
    assert not {"com", "omm", "mmo"} & trigrams[1]
    assert not {"zeb", "ebr", "bra"} & trigrams[2]


async def test_index_query_has_the_rarest_trigrams(database: Database) -> None:
    async with database.write() as connection:
        await population.insert_workspaces(connection)
        await population.insert_people(connection, 1, range(1, 641), "Common Name")
        await population.set_column(connection, "name", "Common Zebra", [100])
    await catch_up(database)
    async with database.read() as connection:
        match = (await search_index.plan_search(connection, 1, "Common Zebra")).match or ""
    assert not {"com", "omm", "mmo"} & {part.strip('"') for part in match.split(" AND ")}
    assert await search(database, "common zebra") == [100]
    assert len(await search(database, "common")) == 100
