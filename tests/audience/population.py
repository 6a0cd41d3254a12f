"""Subscribers by the hundred, made by the product's own inserts, with integer ids that the test chooses."""

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


async def open_workspaces(connection: Connection, count: int = 1) -> None:
    """With the integer ids 1 to `count`."""
    for number in range(1, count + 1):
        await workspaces.insert_workspace(connection, f"Workspace {number}", NOW)


async def insert_people(connection: Connection, workspace_id: int, numbers: Iterable[int], name: str = "") -> None:
    """Active ones with these integer ids, ascending; the emails are made of the ids."""
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
    found = _json(numbers)
    await blocks.update_tag_counts(connection, found, f"[{tag_id}]")
    await connection.execute("INSERT INTO subscriber_tags SELECT value, ? FROM json_each(?)", (tag_id, found))


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
    wanted: SubscriberFilter,
    *,
    workspace_id: int = 1,
    before_id: int | None = None,
    limit: int = 100,
    now: int = NOW,
) -> list[int]:
    """The integer ids that a page shows."""
    async with database.read() as connection:
        found = await listing.select_subscribers(
            connection, workspace_id, wanted, before_id=before_id, limit=limit, now=now
        )
    return [subscriber.id for subscriber in found]


async def everyone(
    database: Database, wanted: SubscriberFilter, *, workspace_id: int = 1, limit: int = 100
) -> list[int]:
    """All pages together."""
    found: list[int] = []
    while True:
        before = found[-1] if found else None
        more = await page(database, wanted, workspace_id=workspace_id, before_id=before, limit=limit)
        found += more
        if len(more) < limit:
            return found


async def miscounts(database: Database) -> list[str]:
    async with database.read() as connection:
        return await blocks.select_miscounts(connection)


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The numbers as (first, last) of neighbours."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _json(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()
