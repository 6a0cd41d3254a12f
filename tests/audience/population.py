"""Inserts many subscribers with integer ids of the test's choice, through the product's own inserts."""

from collections.abc import Iterable

import msgspec

from mailrith_lite.access import workspaces
from mailrith_lite.audience import blocks, bulk, listing, sequences, tags
from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.sequences import SequenceSettings
from mailrith_lite.database import Connection, Database

BLOCK = 256
NOW = 1_800_000_000_000


async def insert_workspaces(connection: Connection, count: int = 1) -> None:
    """Workspaces with the integer ids 1 to `count`."""
    for number in range(1, count + 1):
        await workspaces.insert_workspace(connection, f"Workspace {number}", NOW)


async def insert_people(connection: Connection, workspace_id: int, numbers: Iterable[int], name: str = "") -> None:
    """Active subscribers with these integer ids. The email of the subscriber 7 is `user7@x.com`."""
    for first, last in _runs(numbers):
        await connection.execute("DELETE FROM sqlite_sequence WHERE name = 'subscribers'")
        await connection.execute("INSERT INTO sqlite_sequence VALUES ('subscribers', ?)", (first - 1,))
        changes = [Change(line=1, email=f"user{number}@x.com", name=name) for number in range(first, last + 1)]
        plan = await bulk.plan(connection, workspace_id, changes, tag_ids=[], sequence_ids=[])
        await bulk.apply(connection, workspace_id, plan, NOW)


async def insert_tag(connection: Connection, workspace_id: int, name: str) -> int:
    return await tags.insert_tag(connection, workspace_id, name, None, NOW)


async def insert_sequence(connection: Connection, workspace_id: int, name: str) -> int:
    settings = SequenceSettings(name=name, definition=b'{"emails":[]}', email_count=0)
    return (await sequences.insert_sequence(connection, workspace_id, settings, NOW)).id


async def tag_people(connection: Connection, tag_id: int, numbers: Iterable[int]) -> None:
    subscriber_ids = _json(numbers)
    await blocks.update_tag_counts(connection, subscriber_ids, f"[{tag_id}]")
    await connection.execute(
        "INSERT INTO subscriber_tags SELECT value, ? FROM json_each(?)", (tag_id, subscriber_ids)
    )


async def enroll(connection: Connection, sequence_id: int, numbers: Iterable[int], status: str = "active") -> None:
    await connection.execute(
        """INSERT INTO subscriber_sequences (sequence_id, status, subscriber_id)
        SELECT ?, ?, value FROM json_each(?)""",
        (sequence_id, status, _json(numbers)),
    )


async def set_column(connection: Connection, column: str, value: object, numbers: Iterable[int]) -> None:
    await connection.execute(
        f"UPDATE subscribers SET {column} = ? WHERE id IN (SELECT value FROM json_each(?))", (value, _json(numbers))
    )


async def page(
    database: Database,
    subscriber_filter: SubscriberFilter,
    *,
    workspace_id: int = 1,
    before_id: int | None = None,
    limit: int = 100,
    now: int = NOW,
) -> list[int]:
    """The integer ids of one page."""
    async with database.read() as connection:
        subscribers = await listing.select_subscribers(
            connection, workspace_id, subscriber_filter, before_id=before_id, limit=limit, now=now
        )
    return [subscriber.id for subscriber in subscribers]


async def all_pages(
    database: Database, subscriber_filter: SubscriberFilter, *, workspace_id: int = 1, limit: int = 100
) -> list[int]:
    """The integer ids of all pages."""
    pages: list[int] = []
    while True:
        before_id = pages[-1] if pages else None
        new = await page(database, subscriber_filter, workspace_id=workspace_id, before_id=before_id, limit=limit)
        pages += new
        if len(new) < limit:
            return pages


async def miscounts(database: Database) -> list[str]:
    async with database.read() as connection:
        return await blocks.select_miscounts(connection)


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _json(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()
