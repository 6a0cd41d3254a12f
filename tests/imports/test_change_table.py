"""What a chunk of an import keeps for its undo, when something else happens between two chunks."""

from typing import Any

import pytest

from mailrith_lite.access import workspaces
from mailrith_lite.audience import bulk, subscribers
from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.database import Connection, Database
from mailrith_lite.imports.undo import change_table
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT


async def start(connection: Connection) -> tuple[int, int]:
    """The integer ids of a workspace, and of an import in it."""
    workspace = await workspaces.insert_workspace(connection, "Acme", 1)
    job = await queue.insert_job(connection, workspace.id, IMPORT, "req", max_queued=9, now=1)
    return workspace.id, job.id


async def apply(connection: Connection, workspace_id: int, job_id: int | None, name: str) -> None:
    """A chunk with one row."""
    change = Change(line=1, email="a@x.com", name=name)
    plan = await bulk.plan(connection, workspace_id, [change], tag_ids=[], sequence_ids=[], job_id=job_id)
    change_id = (
        None if job_id is None else await change_table.insert_chunk(connection, workspace_id, job_id, plan, 1)
    )
    await bulk.apply(connection, workspace_id, plan, 1)
    if job_id is not None:
        await change_table.insert_plan(connection, job_id, change_id, plan)


async def edit(connection: Connection, workspace_id: int) -> None:
    """By hand: the subscriber leaves."""
    (subscriber_id,) = [row[0] for row in await connection.execute_fetchall("SELECT id FROM subscribers")]
    await connection.execute("UPDATE subscribers SET status = 'Unsubscribed'")
    await subscribers.update_changed_by_hand(connection, workspace_id, subscriber_id)


async def rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.execute_fetchall(sql)]


@pytest.mark.parametrize("known", [True, False])
async def test_an_undo_skips_who_was_changed_between_two_chunks_of_the_import(
    database: Database, known: bool
) -> None:
    async with database.write() as connection:
        workspace_id, job_id = await start(connection)
        if known:
            await apply(connection, workspace_id, None, "Before")
        await apply(connection, workspace_id, job_id, "First")
        assert await rows(connection, "SELECT changed_by_job FROM subscribers") == [(job_id,)]
        await edit(connection, workspace_id)
        await apply(connection, workspace_id, job_id, "Second")
        assert await rows(connection, "SELECT name, changed_by_job FROM subscribers") == [("Second", None)]
        assert await rows(connection, "SELECT image FROM import_changes") == (
            [('{"name":"Before"}',)] if known else []
        )
        assert await rows(connection, "SELECT change_id, details FROM subscriber_changes") == [
            (2, '{"before":{"name":"First"}}')
        ]


async def test_two_chunks_of_an_import_keep_the_oldest_value(database: Database) -> None:
    async with database.write() as connection:
        workspace_id, job_id = await start(connection)
        await apply(connection, workspace_id, None, "Before")
        for name in ("First", "Second"):
            await apply(connection, workspace_id, job_id, name)
        assert await rows(connection, "SELECT image FROM import_changes") == [('{"name":"Before"}',)]
        assert await rows(connection, "SELECT changed_by_job FROM subscribers") == [(job_id,)]


async def test_created_people_of_neighboring_chunks_are_one_range(database: Database) -> None:
    async with database.write() as connection:
        workspace_id, job_id = await start(connection)
        for first in (0, 3, 6):
            changes = [Change(line=n, email=f"p{n}@x.com") for n in range(first, first + 3)]
            plan = await bulk.plan(connection, workspace_id, changes, tag_ids=[], sequence_ids=[], job_id=job_id)
            change_id = await change_table.insert_chunk(connection, workspace_id, job_id, plan, 1)
            await bulk.apply(connection, workspace_id, plan, 1)
            await change_table.insert_plan(connection, job_id, change_id, plan)
        assert await rows(connection, "SELECT first_id, last_id FROM import_creations") == [(1, 9)]
