"""Commands on a database of another version: `migrate` migrates it, `backup` copies it, the others refuse it."""

import hashlib
from pathlib import Path

import first_version
import pytest
from plain_sqlite import opened

from cli.command_line import address, assert_fails, run, start_process
from mailrith_lite.database.migrate import migrations

NEWEST = max(migrations())
KEY_ID = "api_key_9wdvsq5zmmz0n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A data directory of the first version."""
    directory = tmp_path / "old"
    directory.mkdir(mode=0o700)
    first_version.create(directory / "mailrith.db")
    return directory


def version(path: Path) -> int:
    with opened(path) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "list"),
        ("keys", "create", "--name", "New"),
        ("keys", "rotate", KEY_ID),
        ("keys", "revoke", KEY_ID, "--yes"),
        ("workspaces", "list"),
        ("workspaces", "create", "New"),
    ],
    ids=" ".join,
)
def test_command_refuses_an_older_database_and_changes_nothing(
    old: Path, cwd: Path, command: tuple[str, ...]
) -> None:
    before = hashlib.sha256((old / "mailrith.db").read_bytes()).digest()
    assert_fails(run(*command, "--data-dir", old, cwd=cwd), "run `mailrith-lite migrate`")
    assert hashlib.sha256((old / "mailrith.db").read_bytes()).digest() == before
    assert not (old / "backups").exists()


def test_doctor_names_the_version_of_an_older_database(old: Path, cwd: Path) -> None:
    result = run("doctor", "--data-dir", old, cwd=cwd)
    assert result.exit_code == 1
    assert f"is of version 1 and this program needs version {NEWEST}" in result.stdout
    assert version(old / "mailrith.db") == 1


def test_backup_copies_an_older_database_as_it_is(old: Path, cwd: Path) -> None:
    result = run("backup", "copy.db", "--data-dir", old, cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert version(cwd / "copy.db") == 1
    assert [path.name for path in cwd.iterdir()] == ["copy.db"]


def test_migrate_migrates_once_and_keeps_a_copy(old: Path, cwd: Path) -> None:
    first = run("migrate", "--data-dir", old, cwd=cwd)
    assert first.exit_code == 0, first.stderr
    copy = next((old / "backups").iterdir())
    assert first.stdout == f"migrated the database from version 1 to {NEWEST}; copy: {copy}\n"
    assert (version(old / "mailrith.db"), version(copy)) == (NEWEST, 1)
    assert run("migrate", "--data-dir", old, cwd=cwd).stdout == f"the database is of version {NEWEST} already\n"


def test_migrate_refuses_the_directory_of_a_running_service(data_dir: Path, cwd: Path) -> None:
    assert_fails(run("migrate", "--data-dir", data_dir, cwd=cwd), "another process serves the data directory")


@pytest.mark.slow
def test_serve_migrates_an_older_database(old: Path, cwd: Path) -> None:
    with start_process("serve", "--port", "0", "--data-dir", old, cwd=cwd) as process:
        address(process)
        assert version(old / "mailrith.db") == NEWEST
        assert len(list((old / "backups").iterdir())) == 1
