"""Pages of subscribers: the right ones, newest first, along the ways that lead to them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import population
import pytest
from population import BLOCK, NOW

from mailrith_lite.audience import conditions, listing
from mailrith_lite.audience.conditions import COLD_AFTER_OPEN, COLD_WITHOUT_OPEN
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.values import Status
from mailrith_lite.database import Database

FULL, HALF, NOBODYS, UNKNOWN = 1, 2, 3, 999
OURS = [*range(1, 256), *range(256, 512, 2), *range(768, 1100)]
THEIRS = [*range(257, 512, 2), *range(512, 768), *range(1100, 1300)]
LAST = 1099
Member = Callable[[int], bool]


def fully_tagged(number: int) -> bool:
    """All of the first block and of the last, nobody of the fourth but at its borders."""
    return number < BLOCK or number >= 4 * BLOCK or number in (3 * BLOCK, 4 * BLOCK - 1)


def half_tagged(number: int) -> bool:
    return number % 4 == 0


def active(number: int) -> bool:
    return number < BLOCK


def completed(number: int) -> bool:
    return 3 * BLOCK <= number < 4 * BLOCK


def removed(number: int) -> bool:
    return number in (BLOCK, 2 * BLOCK - 2, 4 * BLOCK)


def bounced(number: int) -> bool:
    return number in (1, 255, 256, 510, 768, 1023, 1024, LAST) or 900 <= number < 950


def cold(number: int) -> bool:
    """Subscribed long ago, and not opened, or opened long ago, too."""
    return not bounced(number) and (number in (2, 254, 258, 769, 1025) or 800 <= number < 900)


@pytest.fixture
async def audience(tmp_path: Path) -> AsyncIterator[Database]:
    """Two workspaces in turns: ours has a whole block, half of the second, none of the third, and two more."""
    async with Database.open(tmp_path / "test.db") as database:
        async with database.write() as connection:
            await population.open_workspaces(connection, 2)
            for name in ("Full", "Half", "Nobody's"):
                await population.insert_tag(connection, 1, name)
                await population.insert_sequence(connection, 1, name)
            theirs = await population.insert_tag(connection, 2, "Theirs")
            for number in sorted([*OURS, *THEIRS]):
                await population.insert_people(connection, 1 if number in _OURS else 2, [number])
            await population.tag_people(connection, theirs, THEIRS)
            await population.tag_people(connection, FULL, filter(fully_tagged, OURS))
            await population.tag_people(connection, HALF, filter(half_tagged, OURS))
            await population.enroll(connection, FULL, list(filter(active, OURS)))
            await population.enroll(connection, FULL, list(filter(completed, OURS)), "completed")
            await population.enroll(connection, FULL, list(filter(removed, OURS)), "removed")
            await population.enroll(connection, HALF, list(filter(half_tagged, OURS)))
            await population.set_column(connection, "status", "Bounced", filter(bounced, OURS))
            await population.set_column(connection, "subscribed_at", NOW - COLD_WITHOUT_OPEN, filter(cold, OURS))
            await population.set_column(connection, "last_opened_at", NOW - COLD_AFTER_OPEN, range(850, 900))
        yield database


_OURS = frozenset(OURS)


def wanted(**parts: Any) -> SubscriberFilter:
    return SubscriberFilter(**parts)


CASES: list[tuple[SubscriberFilter, Member]] = [
    (wanted(), lambda number: True),
    (wanted(status="Active"), lambda number: not bounced(number)),
    (wanted(status="Bounced"), bounced),
    (wanted(status="Complained"), lambda number: False),
    (wanted(email="user256@x.com"), lambda number: number == 256),
    (wanted(email=" USER1099@X.COM"), lambda number: number == LAST),
    (wanted(email="user257@x.com"), lambda number: False),
    (wanted(email="none"), lambda number: False),
    (wanted(cold_only=True), cold),
    (wanted(cold_only=True, status="Bounced"), lambda number: False),
    (wanted(tag_ids=(FULL,)), fully_tagged),
    (wanted(tag_ids=(FULL, HALF)), lambda number: fully_tagged(number) or half_tagged(number)),
    (wanted(tag_ids=(NOBODYS,)), lambda number: False),
    (wanted(tag_ids=(UNKNOWN,)), lambda number: False),
    (wanted(tag_ids=()), lambda number: False),
    (wanted(tag_ids=(FULL,), tag_operator="has_none_of"), lambda number: not fully_tagged(number)),
    (
        wanted(tag_ids=(FULL, HALF), tag_operator="has_none_of"),
        lambda number: not fully_tagged(number) and not half_tagged(number),
    ),
    (wanted(tag_ids=(NOBODYS,), tag_operator="has_none_of"), lambda number: True),
    (wanted(tag_ids=(), tag_operator="has_none_of"), lambda number: True),
    (wanted(sequence_ids=(FULL,)), active),
    (wanted(sequence_ids=(FULL, HALF)), lambda number: active(number) or half_tagged(number)),
    (wanted(sequence_ids=()), lambda number: False),
    (wanted(sequence_ids=(FULL,), sequence_operator="is_not_active_in_any_of"), lambda number: not active(number)),
    (
        wanted(sequence_ids=(FULL, HALF), sequence_operator="is_not_active_in_any_of"),
        lambda number: not active(number) and not half_tagged(number),
    ),
    (wanted(sequence_ids=(FULL,), sequence_operator="has_completed_any_of"), completed),
    (
        wanted(sequence_ids=(FULL, NOBODYS), sequence_operator="has_not_completed_any_of"),
        lambda number: not completed(number),
    ),
    (
        wanted(sequence_ids=(FULL,), sequence_operator="has_ever_been_in_any_of"),
        lambda number: active(number) or completed(number) or removed(number),
    ),
    (
        wanted(sequence_ids=(FULL,), sequence_operator="has_never_been_in_any_of"),
        lambda number: not (active(number) or completed(number) or removed(number)),
    ),
    (wanted(sequence_ids=(), sequence_operator="has_never_been_in_any_of"), lambda number: True),
    (wanted(search="user10"), lambda number: str(number).startswith("10")),
    (wanted(search="bounced"), bounced),
    (wanted(search="7@"), lambda number: number % 10 == 7),
    (
        wanted(search="user", tag_ids=(HALF,), status="Active"),
        lambda number: half_tagged(number) and not bounced(number),
    ),
    (
        wanted(cold_only=True, tag_ids=(HALF,), tag_operator="has_none_of", search="user8"),
        lambda number: cold(number) and not half_tagged(number) and str(number).startswith("8"),
    ),
    (
        wanted(
            tag_ids=(FULL,),
            tag_operator="has_none_of",
            sequence_ids=(FULL,),
            sequence_operator="has_never_been_in_any_of",
        ),
        lambda number: not (fully_tagged(number) or active(number) or completed(number) or removed(number)),
    ),
    (
        wanted(tag_ids=(FULL,), sequence_ids=(FULL,), sequence_operator="has_not_completed_any_of"),
        lambda number: fully_tagged(number) and not completed(number),
    ),
]


async def test_every_filter_shows_those_it_asks_for_newest_first_however_long_the_pages_are(
    audience: Database,
) -> None:
    for asked, member in CASES:
        expected = [number for number in reversed(OURS) if member(number)]
        for limit in (100, 33):
            assert await population.everyone(audience, asked, limit=limit) == expected, asked


async def test_a_page_begins_below_the_id_wherever_in_a_block_that_is(audience: Database) -> None:
    borders = [
        border + step for border in range(0, 6 * BLOCK, BLOCK) for step in (-1, 0, 1, 2) if border + step > 0
    ]
    for asked, member in CASES:
        expected = [number for number in reversed(OURS) if member(number)]
        for border in borders:
            below = [number for number in expected if number < border]
            assert await population.page(audience, asked, before_id=border, limit=3) == below[:3], (asked, border)


async def test_the_other_workspace_sees_its_own_alone(audience: Database) -> None:
    assert await population.everyone(audience, wanted(), workspace_id=2) == list(reversed(THEIRS))
    for asked in (
        wanted(tag_ids=(FULL,)),
        wanted(sequence_ids=(HALF,)),
        wanted(search="user8"),
        wanted(cold_only=True),
    ):
        assert await population.everyone(audience, asked, workspace_id=2) == []
    without = wanted(tag_ids=(FULL,), tag_operator="has_none_of")
    assert await population.everyone(audience, without, workspace_id=2) == list(reversed(THEIRS))


async def test_a_block_that_was_full_is_looked_at_again_when_somebody_loses_the_tag(audience: Database) -> None:
    without = wanted(tag_ids=(FULL,), tag_operator="has_none_of")
    before = await population.everyone(audience, without)
    async with audience.write() as connection:
        for number in (1, 100, 255, LAST):
            await connection.execute("DELETE FROM subscriber_tags WHERE subscriber_id = ?", (number,))
    assert await population.everyone(audience, without) == [LAST, *before, 255, 100, 1]


async def test_a_block_in_which_some_are_gone_can_be_full(audience: Database) -> None:
    async with audience.write() as connection:
        await connection.execute("DELETE FROM subscribers WHERE id IN (1, 50, 255, 1024, 1099)")
    without = wanted(tag_ids=(FULL,), tag_operator="has_none_of")
    expected = [number for number in reversed(OURS) if not fully_tagged(number)]
    assert await population.everyone(audience, without) == expected
    found = await population.everyone(audience, wanted(search="user10"))
    assert found == [*range(1098, 1024, -1), *range(1023, 999, -1), *range(109, 99, -1), 10]


async def test_somebody_is_cold_from_the_moment_on_and_not_before(audience: Database) -> None:
    async with audience.write() as connection:
        await population.set_column(connection, "subscribed_at", NOW, OURS)
        await population.set_column(connection, "last_opened_at", None, OURS)
        await population.set_column(connection, "last_opened_at", NOW - COLD_AFTER_OPEN + 5, [1098])
    asked = wanted(cold_only=True)
    assert await population.page(audience, asked, now=NOW + 4) == []
    assert await population.page(audience, asked, now=NOW + 5) == [1098]
    assert await population.page(audience, asked, now=NOW + COLD_WITHOUT_OPEN - 1) == [1098]
    later = await population.page(audience, asked, now=NOW + COLD_WITHOUT_OPEN, limit=2_000)
    assert later == [number for number in reversed(OURS) if not bounced(number)]


@pytest.mark.parametrize("status", ["Unsubscribed", "Blocked"])
async def test_who_was_cold_and_is_active_no_more_is_not_shown(audience: Database, status: Status) -> None:
    async with audience.write() as connection:
        await population.set_column(connection, "status", status, range(800, 900))
    assert await population.everyone(audience, wanted(cold_only=True)) == [1025, 769, 258, 254, 2]
    async with audience.write() as connection:
        await population.set_column(connection, "status", "Active", range(800, 802))
    assert await population.everyone(audience, wanted(cold_only=True)) == [1025, 801, 800, 769, 258, 254, 2]


WAYS: list[tuple[SubscriberFilter, list[str]]] = [
    (wanted(), [r"subscribers_newest (workspace_id=? AND id<?)"]),
    (wanted(status="Active"), ["subscribers_by_status (workspace_id=? AND status=? AND id<?)"]),
    (wanted(email="a@x.com", status="Active"), ["subscribers_email (workspace_id=? AND email=?"]),
    (wanted(search="ab"), ["subscribers_newest (workspace_id=? AND id<?)"]),
    (
        wanted(search="active"),
        [
            "subscriber_search VIRTUAL TABLE INDEX 192:M2><",  # the needle, and the rows between two
            "subscribers_newest (workspace_id=? AND id>? AND id<?)",
            "search_backlog USING PRIMARY KEY (workspace_id=? AND subscriber_id<?)",
            "subscribers USING INTEGER PRIMARY KEY (rowid=?)",
            "subscribers_by_status (workspace_id=? AND status=? AND id<?)",
        ],
    ),
    (wanted(tag_ids=(1, 2)), ["subscriber_tags_by_tag (tag_id=? AND subscriber_id<?)"] * 2),
    (
        wanted(sequence_ids=(1,), sequence_operator="has_ever_been_in_any_of"),
        ["subscriber_sequences_by_sequence (sequence_id=? AND status=? AND subscriber_id<?)"] * 3,
    ),
    *(
        (asked, ["blocks USING PRIMARY KEY (workspace_id=? AND block<?)"])
        for asked in (
            wanted(cold_only=True),
            wanted(cold_only=True, status="Active"),
            wanted(tag_ids=(1, 2), tag_operator="has_none_of"),
            wanted(sequence_ids=(1, 2), sequence_operator="has_never_been_in_any_of"),
        )
    ),
]


@pytest.mark.parametrize(("asked", "indexes"), WAYS)
async def test_each_way_goes_down_its_index_and_sorts_nothing(
    database: Database, asked: SubscriberFilter, indexes: list[str]
) -> None:
    ways = await _plan(database, asked)
    assert len(ways) == len(indexes)
    for steps, index in zip(ways, indexes, strict=True):
        assert index in steps[0]
        assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN subscribers")]


async def _plan(database: Database, asked: SubscriberFilter) -> list[list[str]]:
    """What SQLite does on each of the ways, step by step."""
    statements: list[str] = []
    async with database.read() as connection:
        await connection.set_trace_callback(statements.append)
        await listing.select_subscribers(connection, 1, asked, before_id=None, limit=26, now=NOW)
        await connection.set_trace_callback(None)
        (listed,) = (text for text in statements if text.startswith("SELECT subscribers.id, email"))
        rows = list(await connection.execute_fetchall(f"EXPLAIN QUERY PLAN {listed}"))
    ways: dict[int, list[str]] = {}
    for number, parent, _, step in rows:
        if parent in ways:
            ways[parent].append(step)
        elif step.startswith("CO-ROUTINE") and step != "CO-ROUTINE page" and not _inside(parent, ways, rows):
            ways[number] = []
    return list(ways.values())


def _inside(number: int, ways: dict[int, list[str]], rows: list[Any]) -> bool:
    parents = {row[0]: row[1] for row in rows}
    while number:
        if number in ways:
            return True
        number = parents[number]
    return False


async def test_a_hundred_tags_or_sequences_at_once_are_no_more_than_a_query_can_hold(database: Database) -> None:
    hundred = tuple(range(1, 101))
    async with database.write() as connection:
        await population.open_workspaces(connection)
        await population.insert_people(connection, 1, [1, 2])
        for number in hundred:
            await population.insert_tag(connection, 1, f"Tag {number}")
            await population.insert_sequence(connection, 1, f"Sequence {number}")
        await population.tag_people(connection, 100, [2])
        await population.enroll(connection, 100, [2], "removed")
    for operator in conditions.SEQUENCE_OPERATORS:
        asked = wanted(tag_ids=hundred, sequence_ids=hundred, sequence_operator=operator, search="user")
        among = operator in ("has_ever_been_in_any_of", "is_not_active_in_any_of", "has_not_completed_any_of")
        assert await population.page(database, asked) == ([2] if among else [])
        alone = await population.page(database, wanted(sequence_ids=hundred, sequence_operator=operator))
        assert (2 in alone) == among
