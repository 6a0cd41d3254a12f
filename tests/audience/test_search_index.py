"""A search has the same results before, during and after the update of the index."""

import population
import pytest
from search_cases import PEOPLE, SEARCHES

from mailrith_lite import ids
from mailrith_lite.audience import listing, search_index, subscribers, upsert
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.search_index import BATCH
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


async def catch_up(database: Database) -> int:
    """Updates the whole index; returns the number of batches."""
    batches = 0
    while await search_index.catch_up(database):
        batches += 1
    return batches


async def search(database: Database, text: str) -> list[int]:
    return await population.page(database, SubscriberFilter(search=text))


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


async def index_size(database: Database) -> int:
    """Bytes."""
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT sum(length(block)) FROM subscriber_search_data")
    return int(next(iter(rows))[0])


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
