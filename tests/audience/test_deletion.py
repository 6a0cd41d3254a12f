"""A set of subscribers leaves the same database as the same subscribers one after another."""

from pathlib import Path
from typing import Any

import msgspec
import population
import pytest

from mailrith_lite.audience import blocks, deletion, search_index, subscribers
from mailrith_lite.audience.deletion import CASCADES
from mailrith_lite.database import Connection, Database, check_database, copy_database

PEOPLE = [1, 2, 255, 256, 257, 600]
OF_ANOTHER_WORKSPACE = 258
INDEXED = "user1@x.com", "user2@x.com"
_ABORT = 2  # an instruction of SQLite that ends the statement, but not its transaction


async def populate(database: Database) -> None:
    """Everybody has a row in each table that can have one. The search index has the first two."""
    async with database.write() as connection:
        await population.insert_workspaces(connection, 2)
        await population.insert_people(connection, 1, PEOPLE[:2])
    while await search_index.catch_up(database):
        pass
    async with database.write() as connection:
        await population.insert_people(connection, 1, PEOPLE[2:-1])
        await population.insert_people(connection, 2, [OF_ANOTHER_WORKSPACE])
        await population.insert_people(connection, 1, PEOPLE[-1:], name="Zoë")
        for name in ("First", "Second"):
            tag_id = await population.insert_tag(connection, 1, name)
            await population.tag_people(connection, tag_id, PEOPLE)
        sequence_id = await population.insert_sequence(connection, 1, "Active")
        await population.enroll(connection, sequence_id, PEOPLE)
        removed_id = await population.insert_sequence(connection, 1, "Removed")
        await population.enroll(connection, removed_id, PEOPLE[1:], "removed")
        for statement in (
            """INSERT INTO jobs (id, workspace_id, kind, status, request_id, created_at, updated_at)
            VALUES (7, 1, 'import', 'Processing', 'req', 1, 1)""",
            "INSERT INTO changes (id, workspace_id, source, job_id, occurred_at) VALUES (1, 1, 'import', 7, 1)",
            """INSERT INTO consent_evidence (subscriber_id, evidence, created_at) SELECT id, '{}', 1
            FROM subscribers""",
            "INSERT INTO import_changes (job_id, subscriber_id, image) SELECT 7, id, '{}' FROM subscribers",
            "INSERT INTO subscriber_changes (subscriber_id, change_id) SELECT id, 1 FROM subscribers",
            """INSERT INTO idempotency_records (workspace_id, operation, idempotency_key, body_hash, status, body,
                expires_at, subscriber_id)
            SELECT workspace_id, 'upsertSubscriber', id, x'00', 200, x'7b7d', 9, id FROM subscribers""",
        ):
            await connection.execute(statement)


async def contents(database: Database) -> dict[str, list[Any]]:
    """The rows of all tables but the search index. Those of `erasures` are without their ids, by address."""
    async with database.read() as connection:
        names = [
            row["name"]
            for row in await connection.execute_fetchall(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'subscriber_search%'"
            )
        ]
        tables = {
            name: [tuple(row) for row in await connection.execute_fetchall(f"SELECT * FROM {name}")]
            for name in names
        }
    tables["erasures"] = sorted(row[1:] for row in tables["erasures"])
    return tables


async def delete(database: Database, numbers: list[int], *, foreign_keys: bool = False) -> int:
    """As members of the first workspace."""
    async with database.write(bulk=not foreign_keys) as connection:
        return await deletion.delete_subscribers(connection, 1, msgspec.json.encode(numbers).decode())


@pytest.mark.slow
@pytest.mark.parametrize("foreign_keys", [False, True])
@pytest.mark.parametrize("numbers", [PEOPLE, [1], [600, 2, 255], [999, 256], []])
async def test_a_set_leaves_the_same_rows_as_one_deletion_after_another(
    database: Database, tmp_path: Path, numbers: list[int], foreign_keys: bool
) -> None:
    await populate(database)
    await copy_database(database.path, tmp_path / "copy.db")
    async with Database.open(tmp_path / "copy.db") as copy:
        for number in numbers:
            async with copy.write() as connection:
                await subscribers.delete_subscriber(connection, 1, number)
        expected = await contents(copy)
    assert await delete(database, numbers, foreign_keys=foreign_keys) == len({*numbers} & {*PEOPLE})
    assert await contents(database) == expected
    assert expected["deletions"] == []
    assert {row[1] for row in expected["subscribers"]} == {1, 2} if len(numbers) < len(PEOPLE) else {2}
    while await blocks.refresh(database):
        pass
    assert await population.miscounts(database) == []
    assert await check_database(database.path) == []


async def test_deleting_many_people_queues_them_for_the_search_index(database: Database) -> None:
    await populate(database)
    await delete(database, PEOPLE)
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT email FROM search_backlog ORDER BY 1")
    assert tuple(row["email"] for row in rows) == INDEXED


async def test_people_of_another_workspace_stay(database: Database) -> None:
    await populate(database)
    before = await contents(database)
    assert await delete(database, [OF_ANOTHER_WORKSPACE]) == 0
    assert await contents(database) == before


async def test_sqlite_copies_no_page_before_it_deletes_a_set(database: Database) -> None:
    """It does if a statement can fail halfway in a transaction that goes on: in a function or a constraint."""
    async with database.write(bulk=True) as connection:
        program = list(await connection.execute_fetchall(f"EXPLAIN {deletion.DELETE}", (1,)))
    failing = {"Function", "PureFunc"}, {"Halt", "HaltIfNull"}
    assert [tuple(row) for row in program if row["opcode"] in failing[0]] == []
    assert [tuple(row) for row in program if row["opcode"] in failing[1] and row["p2"] == _ABORT] == []
    assert [row for row in program if row["opcode"] == "Program"]  # the trigger is a part of it


async def test_every_table_that_refers_to_a_subscriber_is_in_the_list(database: Database) -> None:
    async with database.read() as connection:
        assert await _referring_tables(connection) == set(CASCADES)


async def _referring_tables(connection: Connection) -> set[str]:
    rows = await connection.execute_fetchall(
        """SELECT tables.name FROM sqlite_schema AS tables, pragma_foreign_key_list(tables.name) AS reference
        WHERE tables.type = 'table' AND reference."table" = 'subscribers'
            AND reference."from" = 'subscriber_id' AND reference.on_delete = 'CASCADE'"""
    )
    return {row["name"] for row in rows}
