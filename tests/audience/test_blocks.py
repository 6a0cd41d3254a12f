"""The counts of blocks, tags and sequences are right after every change and after a migration."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import first_version
import population
import pytest
from population import BLOCK, NOW

from mailrith_lite.audience import (
    added_memberships,
    blocks,
    bulk,
    custom_fields,
    memberships,
    sequences,
    subscribers,
    tags,
    upsert,
)
from mailrith_lite.audience.added_memberships import AddedMemberships
from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.audience.conditions import COLD_AFTER_OPEN, COLD_WITHOUT_OPEN
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.upsert import SubscriberInput, UpsertContext
from mailrith_lite.database import MAX_ID, Connection, Database, check_database, upgrade

CONTEXT = UpsertContext(workspace_id=1, time_zone=None, require_evidence=False, now=NOW)
PEOPLE = [1, 2, 255, 256, 257, 600]
TAG, OTHER = 1, 2
COLD_FROM = "SELECT workspace_id, block, cold_from FROM subscriber_blocks WHERE members > 0 ORDER BY 1, 2"
EXPECTED_COLD_FROM = f"""SELECT workspace_id, id >> 8, min(CASE WHEN status <> 'Active' THEN {MAX_ID}
    ELSE coalesce(last_opened_at + {COLD_AFTER_OPEN}, subscribed_at + {COLD_WITHOUT_OPEN}) END)
    FROM subscribers GROUP BY 1, 2 ORDER BY 1, 2"""
Action = Callable[[Connection], Awaitable[Any]]


async def audience(database: Database) -> None:
    """Three blocks, one with a subscriber of another workspace. All others have the tag 1 and the sequence 1."""
    async with database.write() as connection:
        await population.insert_workspaces(connection, 2)
        for name in ("First", "Second"):
            await population.insert_tag(connection, 1, name)
            await population.insert_sequence(connection, 1, name)
        for number in [*PEOPLE[:5], 258, 600]:
            await population.insert_people(connection, 2 if number == 258 else 1, [number])
        await population.tag_people(connection, TAG, PEOPLE)
        await population.enroll(connection, TAG, PEOPLE)


async def import_chunk(
    connection: Connection, *emails: str, tag_ids: list[int], sequence_ids: list[int], status: Any = None
) -> None:
    rows = [Change(line=number, email=email, status=status) for number, email in enumerate(emails)]
    plan = await bulk.plan(connection, 1, rows, tag_ids=tag_ids, sequence_ids=sequence_ids)
    await bulk.apply(connection, 1, plan, NOW)


async def change(connection: Connection, profile: SubscriberInput) -> None:
    saved = await subscribers.select_subscriber(connection, 1, 256)
    assert saved is not None
    await upsert.change(connection, CONTEXT, saved, profile, None)


ACTIONS: dict[str, Action] = {
    "nothing": lambda c: c.execute("SELECT 1"),
    "a new subscriber": lambda c: upsert.create(
        c, CONTEXT, SubscriberInput(email="new@x.com", status="Active"), None
    ),
    "a new tag by name": lambda c: _add_new_tags(c),
    "a tag": lambda c: memberships.insert_tag(c, 255, OTHER),
    "a tag again": lambda c: memberships.insert_tag(c, 255, TAG),
    "a tag removed": lambda c: memberships.delete_tag(c, 255, TAG),
    "a tag removed that they do not have": lambda c: memberships.delete_tag(c, 255, OTHER),
    "a sequence": lambda c: memberships.insert_sequence(c, 255, OTHER),
    "a sequence again": lambda c: memberships.insert_sequence(c, 255, TAG),
    "a sequence removed": lambda c: memberships.update_sequence_removed(c, 255, TAG),
    "a sequence removed and added": lambda c: _remove_and_add(c),
    "a sequence completed": lambda c: c.execute("UPDATE subscriber_sequences SET status = 'completed'"),
    "a status": lambda c: change(c, SubscriberInput(status="Bounced")),
    "an address and a day": lambda c: change(c, SubscriberInput(email="new@x.com", subscribed_on="2000-01-01")),
    "a subscriber deleted": lambda c: subscribers.delete_subscriber(c, 1, 256),
    "a block deleted": lambda c: c.execute("DELETE FROM subscribers WHERE id < 256"),
    "a tag deleted": lambda c: tags.delete_tag(c, 1, TAG),
    "a sequence deleted": lambda c: sequences.delete_sequence(c, 1, TAG),
    "a custom field deleted": lambda c: custom_fields.delete_custom_field(c, 1, 1, population.NOW),
    "an import of new subscribers": lambda c: import_chunk(
        c, *(f"new{number}@x.com" for number in range(600)), tag_ids=[OTHER, TAG], sequence_ids=[OTHER, TAG]
    ),
    "an import of existing subscribers": lambda c: import_chunk(
        c, "user1@x.com", "user256@x.com", tag_ids=[TAG, OTHER], sequence_ids=[OTHER, TAG]
    ),
    "an import of both, twice": lambda c: import_chunk(
        c,
        "user1@x.com",
        "new@x.com",
        "user1@x.com",
        "new@x.com",
        tag_ids=[TAG, TAG, OTHER],
        sequence_ids=[TAG, TAG],
    ),
    "an import of nobody": lambda c: import_chunk(c, tag_ids=[TAG], sequence_ids=[TAG]),
    "an import of a status": lambda c: import_chunk(
        c, "user1@x.com", "user600@x.com", tag_ids=[], sequence_ids=[], status="Bounced"
    ),
}


async def _add_new_tags(connection: Connection) -> None:
    saved = await subscribers.select_subscriber(connection, 1, 257)
    assert saved is not None
    new = AddedMemberships(new_tags=["Third", "THIRD", "first", "second"])
    await added_memberships.add(connection, 1, saved, new, NOW)


async def _remove_and_add(connection: Connection) -> None:
    await memberships.update_sequence_removed(connection, 255, TAG)
    await memberships.insert_sequence(connection, 255, TAG)


@pytest.mark.parametrize("action", list(ACTIONS.values()), ids=list(ACTIONS))
async def test_counts_are_right_after_every_action(database: Database, action: Action) -> None:
    await audience(database)
    assert await population.miscounts(database) == []
    async with database.write() as connection:
        await action(connection)
    assert await population.miscounts(database) == []
    assert await _late_blocks(database) == []
    await refresh(database)
    assert await population.miscounts(database) == []
    assert await _rows(database, COLD_FROM) == await _rows(database, EXPECTED_COLD_FROM)


async def refresh(database: Database) -> int:
    """Refreshes all stale blocks; returns the number of batches."""
    batches = 0
    while await blocks.refresh(database):
        batches += 1
    return batches


async def _late_blocks(database: Database) -> list[int]:
    """Blocks that a list of cold subscribers would skip although a subscriber in them is cold, or will be."""
    async with database.read() as connection:
        rows = await connection.execute_fetchall(
            f"""SELECT block FROM subscriber_blocks AS counted JOIN subscribers
            ON subscribers.workspace_id = counted.workspace_id AND subscribers.id >> 8 = counted.block
            WHERE status = 'Active' AND cold_from >
                coalesce(last_opened_at + {COLD_AFTER_OPEN}, subscribed_at + {COLD_WITHOUT_OPEN})"""
        )
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE subscribers SET status = 'Active' WHERE id = 1",
        "UPDATE subscribers SET subscribed_at = 5, status = 'Active' WHERE id = 1",
        "UPDATE subscribers SET subscribed_at = 5 WHERE id = 2",
        "UPDATE subscribers SET last_opened_at = 5 WHERE id = 2",
        "UPDATE subscribers SET last_opened_at = NULL, subscribed_at = 7 WHERE id = 255",
        "UPDATE subscribers SET last_opened_at = 9 WHERE id = 255",
    ],
)
async def test_block_with_a_subscriber_who_can_be_cold_is_not_skipped(database: Database, statement: str) -> None:
    await audience(database)
    async with database.write() as connection:
        await population.set_column(connection, "status", "Bounced", [1])
        await population.set_column(connection, "last_opened_at", NOW, [255])
        await connection.execute(f"UPDATE subscriber_blocks SET cold_from = {MAX_ID} WHERE workspace_id = 1")
        await population.set_column(connection, "status", "Unconfirmed", PEOPLE)
        await population.set_column(connection, "status", "Active", PEOPLE[1:])
        await connection.execute(statement)
    assert await _late_blocks(database) == []


@pytest.mark.parametrize("table", ["subscriber_blocks", "tag_blocks", "sequence_blocks"])
@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE {} SET members = members + 1 WHERE block = 1",
        "UPDATE {} SET members = members - 1 WHERE block = 2",
        "UPDATE {} SET members = 0 WHERE block = 0",
        "DELETE FROM {} WHERE block = 2",
        "UPDATE {} SET block = 77 WHERE block = 2",
    ],
)
async def test_wrong_block_count_is_reported(database: Database, table: str, spoil: str) -> None:
    await audience(database)
    async with database.write() as connection:
        await connection.execute(spoil.format(table))
    assert f"{table} has a wrong count" in await population.miscounts(database)


@pytest.mark.parametrize("table", ["tags", "sequences"])
@pytest.mark.parametrize("count", ["subscriber_count + 1", "subscriber_count - 1", "0"])
async def test_wrong_subscriber_count_is_reported(database: Database, table: str, count: str) -> None:
    await audience(database)
    async with database.write() as connection:
        await connection.execute(f"UPDATE {table} SET subscriber_count = {count} WHERE id = {TAG}")
    assert await population.miscounts(database) == [f"{table} has a wrong count"]


async def test_refresh_lets_a_list_skip_blocks_without_cold_subscribers(database: Database) -> None:
    """One subscriber in each block, and more blocks than a batch takes."""
    numbers = [BLOCK * block for block in range(1, blocks.REFRESH_BATCH + 6)]
    async with database.write() as connection:
        await population.insert_workspaces(connection)
        await population.insert_people(connection, 1, numbers)
        await population.set_column(connection, "subscribed_at", 1, numbers)
    assert await refresh(database) == 0
    async with database.write() as connection:
        await population.set_column(connection, "last_opened_at", NOW, numbers[:-1])
        await population.set_column(connection, "status", "Bounced", numbers[-1:])
    assert {row[2] for row in await _rows(database, COLD_FROM)} == {1 + COLD_WITHOUT_OPEN}
    before = database.revision(1)
    assert await refresh(database) == 2
    assert await _rows(database, COLD_FROM) == await _rows(database, EXPECTED_COLD_FROM)
    assert database.revision(1) == before
    cold = SubscriberFilter(cold_only=True)
    assert await population.page(database, cold, now=NOW + COLD_AFTER_OPEN - 1) == []
    assert await population.page(database, cold, now=NOW + COLD_AFTER_OPEN) == list(reversed(numbers[:-1]))


async def test_empty_block_is_skipped(database: Database) -> None:
    await audience(database)
    async with database.write() as connection:
        await connection.execute("DELETE FROM subscribers")
    assert await refresh(database) == 1
    assert {row[0] for row in await _rows(database, "SELECT cold_from FROM subscriber_blocks")} == {MAX_ID}


async def test_block_count_of_zero_is_right(database: Database) -> None:
    await audience(database)
    async with database.write() as connection:
        await connection.execute("INSERT INTO tag_blocks VALUES (2, 99, 0)")
        await connection.execute("INSERT INTO sequence_blocks VALUES (2, 'removed', 99, 0)")
    assert await population.miscounts(database) == []


@pytest.fixture
async def old(tmp_path: Path) -> Path:
    """A database that was made by the first version, and migrated."""
    path = tmp_path / "old.db"
    first_version.create(path)
    await upgrade(path, tmp_path / "copies")
    return path


async def _rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute_fetchall(sql)]


async def test_migration_counts_the_rows_of_a_first_version_database(old: Path) -> None:
    async with Database.open(old) as database:
        assert await population.miscounts(database) == []
        assert await _rows(database, "SELECT workspace_id, block, members, cold_from FROM subscriber_blocks") == [
            (1, 0, 2, first_version.NOW + COLD_AFTER_OPEN),
            (1, 1, 2, 256 + COLD_WITHOUT_OPEN),
            (1, 2, 1, MAX_ID),
            (2, 0, 1, 255 + COLD_WITHOUT_OPEN),
            (2, 3, 1, MAX_ID),
        ]
        assert await _rows(database, "SELECT * FROM tag_blocks") == [(1, 0, 2), (1, 1, 1), (2, 1, 1), (2, 2, 1)]
        assert await _rows(database, "SELECT * FROM sequence_blocks") == [
            (1, "active", 0, 1),
            (1, "active", 1, 1),
            (1, "completed", 0, 1),
            (1, "removed", 2, 1),
        ]
        assert await _rows(database, "SELECT id, subscriber_count FROM tags") == [(1, 3), (2, 2)]
        assert await _rows(database, "SELECT id, subscriber_count FROM sequences") == [(1, 2)]


async def test_migrated_first_version_database_works(old: Path) -> None:
    async with Database.open(old) as database:
        untagged = SubscriberFilter(tag_ids=(1,), tag_operator="has_none_of")
        assert await population.all_pages(database, untagged) == [512, 511]
        assert await population.all_pages(database, SubscriberFilter(cold_only=True)) == [511, 256]
        assert await population.all_pages(database, SubscriberFilter(search="STRASSE")) == [512]
        async with database.write() as connection:
            await population.insert_people(connection, 1, range(1_001, 1_001 + BLOCK))
            await memberships.insert_tag(connection, 511, 1)
            await memberships.insert_sequence(connection, 512, 1)
            await subscribers.delete_subscriber(connection, 1, 256)
        assert await population.miscounts(database) == []
        assert await population.page(database, untagged, limit=2) == [1_000 + BLOCK, 999 + BLOCK]
        async with database.read() as connection:
            sequence = await sequences.select_sequence(connection, 1, 1)
        assert sequence is not None
        assert (sequence.subscriber_count, sequence.status, sequence.settings.track_opens) == (2, "running", True)
        assert await check_database(database.path) == []
