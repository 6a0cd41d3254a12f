"""A search has the same results before, during and after the update of the index."""

import asyncio

import population
import pytest
from search_cases import PEOPLE, SEARCHES, catch_up, search

from mailrith_lite import ids
from mailrith_lite.audience import search_index, subscribers, upsert
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.search_index import BATCH, SHORT_BATCH
from mailrith_lite.audience.upsert import SubscriberInput, UpsertContext
from mailrith_lite.database import Database

CONTEXT = UpsertContext(workspace_id=1, time_zone=None, require_evidence=False, now=population.NOW)


async def insert(database: Database, people: dict[int, tuple[str, str]]) -> None:
    """Inserts Active subscribers; the ninth is Bounced."""
    async with database.write() as connection:
        await population.insert_workspaces(connection, 2)
        for number, (email, name) in people.items():
            subscriber = await upsert.create(
                connection,
                CONTEXT,
                SubscriberInput(email=email, name=name, status="Bounced" if number == 9 else "Active"),
                None,
            )
            assert subscriber.id == number


async def change(database: Database, number: int, profile: SubscriberInput) -> None:
    async with database.write() as connection:
        saved = await subscribers.select_subscriber(connection, 1, number)
        assert saved is not None
        await upsert.change(connection, CONTEXT, saved, profile, None)


async def delete(database: Database, number: int) -> None:
    async with database.write() as connection:
        await subscribers.delete_subscriber(connection, 1, number)


async def indexed(database: Database, text: str) -> list[int]:
    """The candidates of the index for all trigrams of the text."""
    folded = text.casefold()
    trigrams = (folded[begin : begin + 3].replace('"', '""') for begin in range(len(folded) - 2))
    match = " AND ".join(f'"{trigram}"' for trigram in trigrams)
    async with database.read() as connection:
        rows = await connection.execute_fetchall(
            "SELECT rowid - (1 << 40) FROM subscriber_search WHERE subscriber_search MATCH ? ORDER BY rowid",
            (match,),
        )
    return [row[0] for row in rows]


async def up_to_id(database: Database) -> int:
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT up_to_id FROM search_state")
    return int(next(iter(rows))[0])


async def pending(database: Database) -> list[int]:
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT subscriber_id FROM search_backlog ORDER BY 1")
    return [row[0] for row in rows]


async def check_index(database: Database) -> None:
    """Asserts that the index has the trigrams of the existing subscribers and no others."""
    async with database.write(housekeeping=True) as connection:
        await connection.execute(
            "CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', 'subscriber_search', 'row')"
        )
        terms = await connection.execute_fetchall("SELECT term, doc FROM temp.terms")
        await connection.execute("DROP TABLE temp.terms")
        people = await connection.execute_fetchall("SELECT email, coalesce(name_key, lower(name)) FROM subscribers")
    expected: dict[str, int] = {}
    for row in people:
        for trigram in {text[begin : begin + 3] for text in row for begin in range(len(text) - 2)}:
            expected[trigram] = expected.get(trigram, 0) + 1
    assert {row[0]: row[1] for row in terms} == expected


async def test_search_matches_before_and_after_the_index_update(database: Database) -> None:
    await insert(database, PEOPLE)
    for text, expected in SEARCHES:
        assert await search(database, text) == expected, text
    assert await catch_up(database) == 1
    for text, expected in SEARCHES:
        assert await search(database, text) == expected, text
    await check_index(database)


async def test_search_matches_while_the_index_has_only_some_subscribers(database: Database) -> None:
    half = {number: PEOPLE[number] for number in range(1, 7)}
    await insert(database, half)
    await catch_up(database)
    async with database.write() as connection:
        for number in range(7, 14):
            email, name = PEOPLE[number]
            status = "Bounced" if number == 9 else "Active"
            await upsert.create(connection, CONTEXT, SubscriberInput(email=email, name=name, status=status), None)
    for text, expected in SEARCHES:
        assert await search(database, text) == expected, text


async def test_search_does_not_match_an_old_name_or_email(database: Database) -> None:
    await insert(database, PEOPLE)
    await catch_up(database)
    await change(database, 1, SubscriberInput(name="Augusta King"))
    await change(database, 2, SubscriberInput(email="moved@example.com", name="Hans Moved"))
    await delete(database, 5)
    assert await pending(database) == [1, 2, 5]
    for _ in range(2):
        assert await search(database, "Lovelace") == []
        assert await search(database, "augusta") == [1]
        assert await search(database, "ada@") == [1]
        assert await search(database, "straße") == []
        assert await search(database, "moved") == [2]
        assert await search(database, 'rock"') == []
        assert await catch_up(database) in (1, 0)
    assert await pending(database) == []
    assert await indexed(database, "lovelace") == await indexed(database, 'rock"') == []
    assert await indexed(database, "augusta") == [1]
    await check_index(database)


@pytest.mark.parametrize(
    "names",
    [
        ["Ada", "Augusta", "Countess"],
        ["Ada", "ADA"],
        ["Ada", "Augusta", "Ada"],
        ["Straße", "STRASSE", "strasse"],
        ["", "Ada", ""],
        ["Ada", "\u212aelvin", "kelvin"],
    ],
)
@pytest.mark.parametrize("every_time", [False, True], ids=["one update", "an update per name"])
async def test_index_has_only_the_last_of_several_names(
    database: Database, names: list[str], every_time: bool
) -> None:
    await insert(database, {1: ("one@example.com", names[0]), 2: ("two@example.com", "Ada Straße")})
    await catch_up(database)
    for name in names[1:]:
        await change(database, 1, SubscriberInput(name=name))
        if every_time:
            await catch_up(database)
    await catch_up(database)
    await check_index(database)
    if names[-1]:
        assert 1 in await search(database, names[-1])


async def test_index_drops_a_subscriber_who_is_changed_and_deleted_before_its_update(database: Database) -> None:
    await insert(database, {1: ("one@example.com", "First"), 2: ("two@example.com", "Second")})
    await catch_up(database)
    await change(database, 1, SubscriberInput(name="Third"))
    await delete(database, 1)
    await catch_up(database)
    await check_index(database)
    assert await search(database, "one@") == []


async def test_index_never_has_a_subscriber_who_is_deleted_before_its_update(
    database: Database,
) -> None:
    await insert(database, {1: ("one@example.com", "First")})
    await catch_up(database)
    await insert_more(database, "two@example.com", "three@example.com")
    await change(database, 2, SubscriberInput(name="Changed"))
    await delete(database, 3)
    assert await pending(database) == []
    assert await catch_up(database) == 1
    await check_index(database)
    await delete(database, 2)
    assert await catch_up(database) == 1
    assert await catch_up(database) == 0
    await check_index(database)


async def insert_more(database: Database, *emails: str) -> None:
    async with database.write() as connection:
        for email in emails:
            await upsert.create(connection, CONTEXT, SubscriberInput(email=email), None)


@pytest.mark.parametrize("change_of", ["status", "country", "subscribed_on", "custom_fields"])
async def test_change_of_a_member_outside_the_index_needs_no_update(database: Database, change_of: str) -> None:
    await insert(database, {1: ("one@example.com", "First")})
    await catch_up(database)
    profile = {"status": "Bounced", "country": "DE", "subscribed_on": "2020-01-01", "custom_fields": {}}
    await change(database, 1, SubscriberInput(**{change_of: profile[change_of]}))  # type: ignore[arg-type]
    assert await pending(database) == []
    assert await catch_up(database) == 0


async def test_batch_is_short_after_somebody_had_to_wait_to_write(database: Database) -> None:
    people = range(1, SHORT_BATCH + 11)
    async with database.write() as connection:
        await population.insert_workspaces(connection)
        await population.insert_people(connection, 1, people, "Somebody")
    await wait_to_write(database)
    assert await search_index.catch_up(database)
    assert await up_to_id(database) == SHORT_BATCH
    await catch_up(database)
    async with database.write() as connection:
        await population.set_column(connection, "name", "Else", people)
    await wait_to_write(database)
    assert await search_index.catch_up(database) == search_index.Batch(replaced=SHORT_BATCH)


async def wait_to_write(database: Database) -> None:
    async with database.write():
        waiting = asyncio.create_task(write_nothing(database))
        await asyncio.sleep(0)
    await waiting


async def write_nothing(database: Database) -> None:
    async with database.write():
        pass


async def test_batch_is_one_transaction_and_new_subscribers_come_first(database: Database) -> None:
    async with database.write() as connection:
        await population.insert_workspaces(connection)
        await population.insert_people(connection, 1, range(1, 2 * BATCH + 2), "Somebody")
    progress = []
    while await search_index.catch_up(database):
        progress.append(await up_to_id(database))
        assert await search(database, f"user{BATCH + 1}@") == [BATCH + 1]
    assert progress == [BATCH, 2 * BATCH, 2 * BATCH + 1]
    async with database.write() as connection:
        await population.set_column(connection, "name", "Else", range(1, BATCH + 11))
        await population.insert_people(connection, 1, [2 * BATCH + 2], "Newest")
    assert await search(database, "somebody else") == []
    assert (await search(database, "else"))[0] == BATCH + 10
    assert await search_index.catch_up(database)
    assert await indexed(database, "newest") == [2 * BATCH + 2]
    assert len(await pending(database)) == BATCH + 10
    assert await search_index.catch_up(database)
    assert await pending(database) == list(range(BATCH + 1, BATCH + 11))
    assert (await search(database, "else"))[:11] == list(range(BATCH + 10, BATCH - 1, -1))
    assert await catch_up(database) == 1
    assert len(await indexed(database, "else")) == BATCH + 10
    await check_index(database)


async def test_index_update_does_not_change_the_revision(database: Database) -> None:
    await insert(database, {1: ("one@example.com", "First")})
    before = database.revision(1)
    await catch_up(database)
    assert database.revision(1) == before


async def test_search_matches_only_subscribers_of_its_workspace(database: Database) -> None:
    async with database.write() as connection:
        await population.insert_workspaces(connection, 2)
        await population.insert_people(connection, 1, [1, 3], "Shared Name")
        await population.insert_people(connection, 2, [2, 4], "Shared Name")
    await catch_up(database)
    shared = SubscriberFilter(search="shared")
    assert await population.page(database, shared, workspace_id=1) == [3, 1]
    assert await population.page(database, shared, workspace_id=2) == [4, 2]
    assert await population.page(database, SubscriberFilter(search=ids.encode(ids.SUBSCRIBER, 2))) == []


async def index_size(database: Database) -> int:
    """Bytes."""
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT sum(length(block)) FROM subscriber_search_data")
    return int(next(iter(rows))[0])


@pytest.mark.slow
async def test_index_removes_deleted_subscribers(database: Database) -> None:
    upkeep = search_index.Upkeep(database)
    async with database.write() as connection:
        await population.insert_workspaces(connection)
        await population.insert_people(connection, 1, range(1, 6_001))
    while await upkeep.step():
        pass
    full = await index_size(database)
    async with database.write() as connection:
        await connection.execute("DELETE FROM subscribers WHERE id > 20")
    while await upkeep.step():
        pass
    assert await index_size(database) < full / 20
    assert not await upkeep.step()
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT email FROM subscribers ORDER BY id")
    assert await search(database, str(next(iter(rows))["email"])) == [1]


async def trigram_counts(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT trigram, found FROM search_trigrams")
    return {row[0]: row[1] for row in rows}


async def test_the_counts_of_trigrams_follow_changes_and_deletions(database: Database) -> None:
    await insert(database, {number: (f"person{number}@example.com", "Same") for number in range(1, 129)})
    await catch_up(database)
    both = await trigram_counts(database)
    assert (both["sam"], both["n64"], both["128"]) == (2, 1, 1)  # the 64th and the 128th are counted
    await change(database, 128, SubscriberInput(name="Zqx"))
    await delete(database, 64)
    await search_index.erase_deleted(database)
    counts = await trigram_counts(database)
    assert (counts["zqx"], counts["128"], counts["per"]) == (1, 1, 1)
    assert not {"sam", "n64"} & counts.keys()
    await check_index(database)
