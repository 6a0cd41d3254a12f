"""Pages of subscribers: the subscribers, their order, and the indexes that the query uses."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import population
import pytest
from population import BLOCK, NOW

from mailrith_lite.audience import conditions, listing
from mailrith_lite.audience.conditions import COLD_AFTER_OPEN, COLD_WITHOUT_OPEN
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Database

FULL, HALF, UNUSED, UNKNOWN = 1, 2, 3, 999  # tags, and sequences with the same ids
OURS = [*range(1, 256), *range(256, 512, 2), *range(768, 1100)]
THEIRS = [*range(257, 512, 2), *range(512, 768), *range(1100, 1300)]
LAST = 1099
Member = Callable[[int], bool]


def fully_tagged(number: int) -> bool:
    """The whole first and last block, and the two borders of the fourth."""
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
    """Subscribed long ago, and never opened an email or opened one long ago."""
    return not bounced(number) and (number in (2, 254, 258, 769, 1025) or 800 <= number < 900)


@pytest.fixture(scope="module")
def populated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("listing") / "populated.db"
    asyncio.run(populate(path))
    return path


async def populate(path: Path) -> None:
    """Two workspaces with mixed ids. The first has all of block 1, half of block 2, none of block 3."""
    async with Database.open(path) as database, database.write() as connection:
        await population.insert_workspaces(connection, 2)
        for name in ("Full", "Half", "Unused"):
            await population.insert_tag(connection, 1, name)
            await population.insert_sequence(connection, 1, name)
        theirs = await population.insert_tag(connection, 2, "Theirs")
        ours = frozenset(OURS)
        for number in sorted([*OURS, *THEIRS]):
            await population.insert_people(connection, 1 if number in ours else 2, [number])
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


@pytest.fixture
async def audience(populated_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A copy of the populated database."""
    async with Database.open(Path(shutil.copy(populated_file, tmp_path / "test.db"))) as database:
        yield database


CASES: list[tuple[SubscriberFilter, Member]] = [
    (SubscriberFilter(), lambda number: True),
    (SubscriberFilter(status="Active"), lambda number: not bounced(number)),
    (SubscriberFilter(status="Bounced"), bounced),
    (SubscriberFilter(status="Complained"), lambda number: False),
    (SubscriberFilter(email="user256@x.com"), lambda number: number == 256),
    (SubscriberFilter(email=" USER1099@X.COM"), lambda number: number == LAST),
    (SubscriberFilter(email="user257@x.com"), lambda number: False),
    (SubscriberFilter(email="none"), lambda number: False),
    (SubscriberFilter(cold_only=True), cold),
    (SubscriberFilter(cold_only=True, status="Bounced"), lambda number: False),
    (SubscriberFilter(tag_ids=(FULL,)), fully_tagged),
    (SubscriberFilter(tag_ids=(FULL, HALF)), lambda number: fully_tagged(number) or half_tagged(number)),
    (SubscriberFilter(tag_ids=(UNUSED,)), lambda number: False),
    (SubscriberFilter(tag_ids=(UNKNOWN,)), lambda number: False),
    (SubscriberFilter(tag_ids=()), lambda number: False),
    (SubscriberFilter(tag_ids=(FULL,), tag_operator="has_none_of"), lambda number: not fully_tagged(number)),
    (
        SubscriberFilter(tag_ids=(FULL, HALF), tag_operator="has_none_of"),
        lambda number: not fully_tagged(number) and not half_tagged(number),
    ),
    (SubscriberFilter(tag_ids=(UNUSED,), tag_operator="has_none_of"), lambda number: True),
    (SubscriberFilter(tag_ids=(), tag_operator="has_none_of"), lambda number: True),
    (SubscriberFilter(sequence_ids=(FULL,)), active),
    (SubscriberFilter(sequence_ids=(FULL, HALF)), lambda number: active(number) or half_tagged(number)),
    (SubscriberFilter(sequence_ids=()), lambda number: False),
    (
        SubscriberFilter(sequence_ids=(FULL,), sequence_operator="is_not_active_in_any_of"),
        lambda number: not active(number),
    ),
    (
        SubscriberFilter(sequence_ids=(FULL, HALF), sequence_operator="is_not_active_in_any_of"),
        lambda number: not active(number) and not half_tagged(number),
    ),
    (SubscriberFilter(sequence_ids=(FULL,), sequence_operator="has_completed_any_of"), completed),
    (
        SubscriberFilter(sequence_ids=(FULL, UNUSED), sequence_operator="has_not_completed_any_of"),
        lambda number: not completed(number),
    ),
    (
        SubscriberFilter(sequence_ids=(FULL,), sequence_operator="has_ever_been_in_any_of"),
        lambda number: active(number) or completed(number) or removed(number),
    ),
    (
        SubscriberFilter(sequence_ids=(FULL,), sequence_operator="has_never_been_in_any_of"),
        lambda number: not (active(number) or completed(number) or removed(number)),
    ),
    (SubscriberFilter(sequence_ids=(), sequence_operator="has_never_been_in_any_of"), lambda number: True),
    (SubscriberFilter(search="user10"), lambda number: str(number).startswith("10")),
    (SubscriberFilter(search="bounced"), bounced),
    (SubscriberFilter(search="7@"), lambda number: number % 10 == 7),
    (
        SubscriberFilter(search="user", tag_ids=(HALF,), status="Active"),
        lambda number: half_tagged(number) and not bounced(number),
    ),
    (
        SubscriberFilter(cold_only=True, tag_ids=(HALF,), tag_operator="has_none_of", search="user8"),
        lambda number: cold(number) and not half_tagged(number) and str(number).startswith("8"),
    ),
    (
        SubscriberFilter(
            tag_ids=(FULL,),
            tag_operator="has_none_of",
            sequence_ids=(FULL,),
            sequence_operator="has_never_been_in_any_of",
        ),
        lambda number: not (fully_tagged(number) or active(number) or completed(number) or removed(number)),
    ),
    (
        SubscriberFilter(tag_ids=(FULL,), sequence_ids=(FULL,), sequence_operator="has_not_completed_any_of"),
        lambda number: fully_tagged(number) and not completed(number),
    ),
]


@pytest.mark.slow
async def test_pages_of_every_filter_have_its_subscribers_newest_first(audience: Database) -> None:
    for subscriber_filter, member in CASES:
        expected = [number for number in reversed(OURS) if member(number)]
        for limit in (100, 33):
            listed = await population.all_pages(audience, subscriber_filter, limit=limit)
            assert listed == expected, subscriber_filter


async def test_page_starts_below_any_id_of_a_block(audience: Database) -> None:
    borders = [
        border + step for border in range(0, 6 * BLOCK, BLOCK) for step in (-1, 0, 1, 2) if border + step > 0
    ]
    for subscriber_filter, member in CASES:
        expected = [number for number in reversed(OURS) if member(number)]
        for border in borders:
            below = [number for number in expected if number < border]
            page = await population.page(audience, subscriber_filter, before_id=border, limit=3)
            assert page == below[:3], (subscriber_filter, border)


async def test_filter_never_matches_subscribers_of_another_workspace(audience: Database) -> None:
    assert await population.all_pages(audience, SubscriberFilter(), workspace_id=2) == list(reversed(THEIRS))
    for subscriber_filter in (
        SubscriberFilter(tag_ids=(FULL,)),
        SubscriberFilter(sequence_ids=(HALF,)),
        SubscriberFilter(search="user8"),
        SubscriberFilter(cold_only=True),
    ):
        assert await population.all_pages(audience, subscriber_filter, workspace_id=2) == []
    untagged = SubscriberFilter(tag_ids=(FULL,), tag_operator="has_none_of")
    assert await population.all_pages(audience, untagged, workspace_id=2) == list(reversed(THEIRS))


async def test_full_block_is_read_again_after_somebody_loses_the_tag(audience: Database) -> None:
    untagged = SubscriberFilter(tag_ids=(FULL,), tag_operator="has_none_of")
    before = await population.all_pages(audience, untagged)
    async with audience.write() as connection:
        for number in (1, 100, 255, LAST):
            await connection.execute("DELETE FROM subscriber_tags WHERE subscriber_id = ?", (number,))
    assert await population.all_pages(audience, untagged) == [LAST, *before, 255, 100, 1]


async def test_block_with_deleted_subscribers_can_be_full(audience: Database) -> None:
    async with audience.write() as connection:
        await connection.execute("DELETE FROM subscribers WHERE id IN (1, 50, 255, 1024, 1099)")
    untagged = SubscriberFilter(tag_ids=(FULL,), tag_operator="has_none_of")
    expected = [number for number in reversed(OURS) if not fully_tagged(number)]
    assert await population.all_pages(audience, untagged) == expected
    matches = await population.all_pages(audience, SubscriberFilter(search="user10"))
    assert matches == [*range(1098, 1024, -1), *range(1023, 999, -1), *range(109, 99, -1), 10]


async def test_subscriber_is_cold_from_the_exact_moment(audience: Database) -> None:
    async with audience.write() as connection:
        await population.set_column(connection, "subscribed_at", NOW, OURS)
        await population.set_column(connection, "last_opened_at", None, OURS)
        await population.set_column(connection, "last_opened_at", NOW - COLD_AFTER_OPEN + 5, [1098])
    cold_only = SubscriberFilter(cold_only=True)
    assert await population.page(audience, cold_only, now=NOW + 4) == []
    assert await population.page(audience, cold_only, now=NOW + 5) == [1098]
    assert await population.page(audience, cold_only, now=NOW + COLD_WITHOUT_OPEN - 1) == [1098]
    later = await population.page(audience, cold_only, now=NOW + COLD_WITHOUT_OPEN, limit=2_000)
    assert later == [number for number in reversed(OURS) if not bounced(number)]


@pytest.mark.parametrize("status", ["Unsubscribed", "Blocked"])
async def test_cold_subscriber_who_is_not_active_any_more_is_not_listed(audience: Database, status: Status) -> None:
    async with audience.write() as connection:
        await population.set_column(connection, "status", status, range(800, 900))
    assert await population.all_pages(audience, SubscriberFilter(cold_only=True)) == [1025, 769, 258, 254, 2]
    async with audience.write() as connection:
        await population.set_column(connection, "status", "Active", range(800, 802))
    matches = await population.all_pages(audience, SubscriberFilter(cold_only=True))
    assert matches == [1025, 801, 800, 769, 258, 254, 2]


INDEXES: list[tuple[SubscriberFilter, list[str]]] = [
    (SubscriberFilter(), [r"subscribers_newest (workspace_id=? AND id<?)"]),
    (SubscriberFilter(status="Active"), ["subscribers_by_status (workspace_id=? AND status=? AND id<?)"]),
    (SubscriberFilter(email="a@x.com", status="Active"), ["subscribers_email (workspace_id=? AND email=?"]),
    (SubscriberFilter(search="ab"), ["subscribers_newest (workspace_id=? AND id<?)"]),
    (
        SubscriberFilter(search="active"),
        [
            "subscriber_search VIRTUAL TABLE INDEX 192:M2><",  # MATCH, and the rows between two row ids
            "subscribers_newest (workspace_id=? AND id>? AND id<?)",
            "search_backlog USING PRIMARY KEY (workspace_id=? AND subscriber_id<?)",
            "subscribers USING INTEGER PRIMARY KEY (rowid=?)",
            "subscribers_by_status (workspace_id=? AND status=? AND id<?)",
        ],
    ),
    (SubscriberFilter(tag_ids=(1, 2)), ["subscriber_tags_by_tag (tag_id=? AND subscriber_id<?)"] * 2),
    (
        SubscriberFilter(sequence_ids=(1,), sequence_operator="has_ever_been_in_any_of"),
        ["subscriber_sequences_by_sequence (sequence_id=? AND status=? AND subscriber_id<?)"] * 3,
    ),
    *(
        (subscriber_filter, ["blocks USING PRIMARY KEY (workspace_id=? AND block<?)"])
        for subscriber_filter in (
            SubscriberFilter(cold_only=True),
            SubscriberFilter(cold_only=True, status="Active"),
            SubscriberFilter(tag_ids=(1, 2), tag_operator="has_none_of"),
            SubscriberFilter(sequence_ids=(1, 2), sequence_operator="has_never_been_in_any_of"),
        )
    ),
]


@pytest.mark.parametrize(("subscriber_filter", "indexes"), INDEXES)
async def test_access_paths_use_their_indexes_and_sort_nothing(
    database: Database, subscriber_filter: SubscriberFilter, indexes: list[str]
) -> None:
    paths = await _query_plan(database, subscriber_filter)
    assert len(paths) == len(indexes)
    for steps, index in zip(paths, indexes, strict=True):
        assert index in steps[0]
        assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN subscribers")]


async def _query_plan(database: Database, subscriber_filter: SubscriberFilter) -> list[list[str]]:
    """The steps of each access path."""
    statements: list[str] = []
    async with database.read() as connection:
        await connection.set_trace_callback(statements.append)
        await listing.select_subscribers(connection, 1, subscriber_filter, before_id=None, limit=26, now=NOW)
        await connection.set_trace_callback(None)
        (select,) = (text for text in statements if text.lstrip().startswith("SELECT subscribers.id, email"))
        rows = list(await connection.execute_fetchall(f"EXPLAIN QUERY PLAN {select}"))
    paths: dict[int, list[str]] = {}
    for number, parent, _, step in rows:
        if parent in paths:
            paths[parent].append(step)
        elif step.startswith("CO-ROUTINE") and step != "CO-ROUTINE page" and not _inside(parent, paths, rows):
            paths[number] = []
    return list(paths.values())


def _inside(number: int, paths: dict[int, list[str]], rows: list[Any]) -> bool:
    """Whether a step of a query plan is part of a path, directly or inside another step."""
    parents = {row[0]: row[1] for row in rows}
    while number:
        if number in paths:
            return True
        number = parents[number]
    return False


async def test_filter_takes_a_hundred_tags_and_sequences(database: Database) -> None:
    hundred = tuple(range(1, 101))
    async with database.write() as connection:
        await population.insert_workspaces(connection)
        await population.insert_people(connection, 1, [1, 2])
        for number in hundred:
            await population.insert_tag(connection, 1, f"Tag {number}")
            await population.insert_sequence(connection, 1, f"Sequence {number}")
        await population.tag_people(connection, 100, [2])
        await population.enroll(connection, 100, [2], "removed")
    for operator in conditions.SEQUENCE_OPERATORS:
        subscriber_filter = SubscriberFilter(
            tag_ids=hundred, sequence_ids=hundred, sequence_operator=operator, search="user"
        )
        matches = operator in ("has_ever_been_in_any_of", "is_not_active_in_any_of", "has_not_completed_any_of")
        assert await population.page(database, subscriber_filter) == ([2] if matches else [])
        sequences_only = SubscriberFilter(sequence_ids=hundred, sequence_operator=operator)
        assert (2 in await population.page(database, sequences_only)) == matches
