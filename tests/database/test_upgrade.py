"""Only an upgrade changes a database of another version, after it has made a copy."""

import os
from collections.abc import Callable
from pathlib import Path

import first_version
import pytest
from plain_sqlite import opened

from mailrith_lite import errors
from mailrith_lite.audience import history, listing, search_index, subscribers
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.history import MemberChange
from mailrith_lite.database import Database, upgrade
from mailrith_lite.database.migrate import KEPT_COPIES, migrate, migrations
from mailrith_lite.database.opening import connect
from mailrith_lite.imports.undo import change_table

NEWEST = max(migrations())
BEFORE_HISTORY = 17


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    first_version.create(path)
    return path


def version(path: Path) -> int:
    with opened(path) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def schema(path: Path) -> list[tuple[object, ...]]:
    with opened(path) as connection:
        return connection.execute("SELECT * FROM sqlite_schema").fetchall()


def foreign(path: Path) -> None:
    with opened(path) as connection:
        connection.execute("CREATE TABLE jobs (id)")


def foreign_with_a_version(path: Path) -> None:
    with opened(path) as connection:
        connection.execute("CREATE TABLE bookmarks (id)")
        connection.execute("PRAGMA user_version = 3")


def without_tables(path: Path) -> None:
    with opened(path) as connection:
        connection.execute("PRAGMA user_version = 3")


async def test_opening_refuses_an_older_database_and_changes_nothing(old: Path) -> None:
    before = old.read_bytes()
    with pytest.raises(errors.StartError, match=f"is of version 1 and this program needs version {NEWEST}"):
        async with Database.open(old):
            pass
    assert (version(old), old.read_bytes()) == (1, before)


async def test_upgrade_copies_the_old_version_and_migrates(old: Path, tmp_path: Path) -> None:
    result = await upgrade(old, tmp_path / "copies")
    assert (result.before, result.after, version(old)) == (1, NEWEST, NEWEST)
    assert result.copy is not None
    assert [*(tmp_path / "copies").iterdir()] == [result.copy]
    assert version(result.copy) == 1
    assert result.copy.stat().st_mode & 0o777 == 0o600
    with opened(result.copy) as connection:
        assert connection.execute("SELECT count(*) FROM subscribers").fetchone() == (7,)


async def test_upgrade_keeps_what_earlier_imports_did_in_the_history(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    async with connect(path, ()) as connection:
        await migrate(connection, {n: text for n, text in migrations().items() if n <= BEFORE_HISTORY})
        await connection.executescript(
            """INSERT INTO workspaces (name, created_at, updated_at) VALUES ('Acme', 1, 1);
            INSERT INTO jobs (workspace_id, kind, status, request_id, rows_total, rows_processed, created_count,
                updated_count, created_at, updated_at, completed_at)
            VALUES (1, 'import', 'Completed', 'req', 3, 3, 1, 2, 5, 5, 9);
            INSERT INTO imports (job_id, source, delimiter, header, columns, tag_ids, sequence_ids, images)
            VALUES (1, '', ',', '[]', '[]', '[]', '[]', 'kept');
            INSERT INTO subscribers (workspace_id, email, name, status, custom_fields, subscribed_at, created_at,
                updated_at, changed_by_job)
            SELECT 1, value || '@x.com', 'After', 'Active', '{}', 1, 1, 1, iif(value = 'restored', NULL, 1)
            FROM json_each('["changed", "restored", "created"]');
            INSERT INTO import_changes (job_id, subscriber_id, image)
            VALUES (1, 1, '{"name":"Before"}'), (1, 2, NULL);
            INSERT INTO import_creations (job_id, first_id, last_id) VALUES (1, 3, 3);"""
        )
    await upgrade(path, tmp_path / "copies")
    async with Database.open(path) as database, database.read() as connection:
        assert await change_table.select_people_count(connection, 1, 1) == 2
        entries = []
        for number in (1, 2, 3):
            person = await subscribers.select_subscriber(connection, 1, number)
            assert person is not None
            entries += await history.select_history(connection, 1, person)
    changed, restored, created = entries
    assert (changed.job_id, changed.occurred_at) == (1, 9)
    assert changed.changes == [MemberChange(member="name", before="Before", after="After")]
    assert restored.changes == []
    assert (created.created, created.job_id, created.occurred_at) == (True, 1, 1)


async def test_upgrade_of_the_newest_version_makes_no_copy(old: Path, tmp_path: Path) -> None:
    await upgrade(old, tmp_path / "copies")
    result = await upgrade(old, tmp_path / "others")
    assert (result.before, result.after, result.copy) == (NEWEST, NEWEST, None)
    assert not (tmp_path / "others").exists()


async def test_upgrade_keeps_the_last_three_copies(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    for age in range(5):
        other = copies / f"before-version-2-{age}.db"
        other.touch()
        os.utime(other, (age, age))
    (copies / "of-my-own.db").touch()
    path = tmp_path / "old.db"
    first_version.create(path)
    result = await upgrade(path, copies)
    assert result.copy is not None
    names = {copy.name for copy in copies.iterdir()}
    assert names == {result.copy.name, "before-version-2-4.db", "before-version-2-3.db", "of-my-own.db"}
    assert KEPT_COPIES == 3


async def test_upgrade_without_room_for_the_copy_changes_nothing(old: Path, tmp_path: Path) -> None:
    (tmp_path / "copies").touch()  # a file where the directory belongs
    with pytest.raises(OSError, match="copies"):
        await upgrade(old, tmp_path / "copies")
    assert version(old) == 1


async def test_a_migration_that_fails_at_every_start_leaves_no_copies(old: Path, tmp_path: Path) -> None:
    with opened(old) as connection:
        connection.execute("INSERT INTO subscriber_tags VALUES (99, 99)")  # rows that do not exist
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "before-version-2-1.db.part").touch()  # of a copy that was killed
    for _ in range(2):
        with pytest.raises(errors.StartError, match="refers to a row of"):
            await upgrade(old, copies)
    assert (version(old), list(copies.iterdir())) == (1, [])


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (foreign, "is the database of another program"),
        (foreign_with_a_version, "is the database of another program"),
        (without_tables, "has lost its tables"),
    ],
    ids=["no version", "a version of its own", "no tables"],
)
async def test_the_database_of_another_program_is_refused_and_not_changed(
    tmp_path: Path, create: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "mailrith.db"
    create(path)
    before = schema(path)
    with pytest.raises(errors.StartError, match=message):
        await upgrade(path, tmp_path / "copies")
    with pytest.raises(errors.StartError, match=message):
        async with Database.open(path):
            pass
    assert schema(path) == before


async def test_upgrade_makes_names_equal_that_differ_only_in_the_unicode_form(old: Path, tmp_path: Path) -> None:
    nfc, nfd = "café", "cafe\u0301"
    with opened(old) as connection:
        connection.executemany(
            "INSERT INTO tags VALUES (?, 1, ?, ?, NULL, 1, 1)",
            [(10, nfd, nfd), (11, "ole\u0301", "ole\u0301"), (12, nfc, nfc)],
        )
        connection.execute("UPDATE subscribers SET name = ?, name_key = ? WHERE id = 256", (nfd, nfd))
    await upgrade(old, tmp_path / "copies")
    with opened(old) as connection:
        keys = connection.execute("SELECT id, name_key FROM tags WHERE id >= 10 ORDER BY id").fetchall()
        assert keys == [(10, nfd), (11, "olé"), (12, nfc)]  # the name of the tag 10 is that of 12 already
    async with Database.open(old) as database:
        while await search_index.catch_up(database):
            pass
        by_name = SubscriberFilter(search=nfc)
        async with database.read() as connection:
            people = await listing.select_subscribers(connection, 1, by_name, before_id=None, limit=9, now=1)
        assert [one.id for one in people] == [256]
