"""The commands `backup` and `compact`, and a data directory that no command can use."""

import contextlib
import contextvars
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from conftest import Server

from cli.command_line import assert_fails, csv_file, run
from cli.damage import damage
from mailrith_lite import clock


def counts(database: Path) -> dict[str, Any]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = ("subscribers", "jobs", "api_keys", "workspaces")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


# --- backup -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_backup_of_a_running_service_has_every_row(server: Server, data_dir: Path, cwd: Path) -> None:
    server.import_csv(csv_file(20_000))
    result = run("backup", "copy.db", "--data-dir", data_dir, cwd=cwd)
    assert result.exit_code == 0, result.stderr
    copy = cwd / "copy.db"
    assert result.stdout == f"wrote copy.db ({copy.stat().st_size:,} bytes)\n"
    assert counts(copy) == counts(data_dir / "mailrith.db")
    assert counts(copy)["subscribers"] == 20_000
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("old.db", "old.db exists already; give a new name"),
        (".", ". exists already"),
        ("nowhere/copy.db", "cannot write nowhere/copy.db: No such file or directory"),
    ],
)
def test_backup_replaces_no_file(data_dir: Path, cwd: Path, target: str, message: str) -> None:
    (cwd / "old.db").write_text("from yesterday")
    assert_fails(run("backup", target, "--data-dir", data_dir, cwd=cwd), message)
    assert [path.read_text() for path in cwd.iterdir()] == ["from yesterday"]


def test_backup_of_a_damaged_database_leaves_no_file(stopped_data_dir: Path, cwd: Path) -> None:
    damage(stopped_data_dir)
    assert_fails(run("backup", "copy.db", "--data-dir", stopped_data_dir, cwd=cwd), "malformed")
    assert not list(cwd.iterdir())


def test_dated_backups_replace_the_oldest_of_their_directory(stopped_data_dir: Path, cwd: Path) -> None:
    folder = cwd / "backups"
    folder.mkdir()
    older = [folder / f"mailrith-2026-04-0{day}T12-00-00Z.db" for day in (1, 2, 3)]
    others = [folder / "mailrith-2026-04-01.db", folder / "notes.txt"]
    for path in (*older, *others):
        path.touch()
    result = run("backup", "--to", folder, "--keep", 2, "--data-dir", stopped_data_dir, cwd=cwd)
    assert result.exit_code == 0, result.stderr
    wrote, *deleted = result.stdout.splitlines()
    match = re.fullmatch(r"wrote (.*/mailrith-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.db) \([\d,]+ bytes\)", wrote)
    assert match
    assert deleted == [f"deleted {path}" for path in older[:2]]
    assert set(folder.iterdir()) == {Path(match[1]), older[2], *others}
    assert counts(Path(match[1])) == counts(stopped_data_dir / "mailrith.db")


def test_dated_backups_within_one_second_replace_none_of_each_other(stopped_data_dir: Path, cwd: Path) -> None:
    folder = cwd / "backups"

    def back_up_thrice() -> None:
        clock.use(lambda: 1_790_000_000_000)
        for _ in range(3):
            result = run("backup", "--to", folder, "--keep", 2, "--data-dir", stopped_data_dir, cwd=cwd)
            assert result.exit_code == 0, result.stderr

    contextvars.copy_context().run(back_up_thrice)
    assert sorted(path.name.partition("Z")[2] for path in folder.iterdir()) == ["_2.db", "_3.db"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a FILE, or a directory with --to"),
        (("copy.db", "--to", "backups"), "name a FILE, or a directory with --to"),
        (("copy.db", "--keep", "3"), "--keep needs --to"),
    ],
)
def test_backup_takes_a_file_or_a_directory(
    stopped_data_dir: Path, cwd: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert_fails(run("backup", *arguments, "--data-dir", stopped_data_dir, cwd=cwd), message)
    assert not list(cwd.iterdir())


# --- compact ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_compact_frees_the_space_of_deleted_subscribers_while_the_service_runs(
    server: Server, data_dir: Path, cwd: Path
) -> None:
    server.import_csv(csv_file(20_000))

    async def delete() -> None:
        async with server.services.database.write() as connection:
            await connection.execute("DELETE FROM subscribers WHERE id > 100")
            await connection.execute("DELETE FROM erasures")  # the service does it within a minute

    server.wait(delete())
    result = run("compact", "--data-dir", data_dir, cwd=cwd)
    assert result.exit_code == 0, result.stderr
    database = data_dir / "mailrith.db"
    assert result.stdout.startswith(f"compacted {database} (")
    assert database.stat().st_size < 1 << 20
    assert counts(database)["subscribers"] == 100
    assert server.call("GET", "/v1/subscribers").status == 200
    assert server.call("POST", "/v1/tags", {"name": "After"}).status == 201


# --- a data directory that cannot be used -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "message"),
    [(("keys", "list"), "malformed"), (("doctor",), "something is wrong; see above")],
)
def test_damaged_database_is_a_one_line_error(
    stopped_data_dir: Path, command: tuple[str, ...], message: str
) -> None:
    damage(stopped_data_dir)
    assert_fails(run(*command, "--data-dir", stopped_data_dir, cwd=stopped_data_dir.parent), message)


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "list"),
        ("keys", "rotate", "api_key_9wdvsq5zmmz0n"),
        ("keys", "revoke", "api_key_9wdvsq5zmmz0n", "--yes"),
        ("workspaces", "list"),
        ("workspaces", "update", "Default", "--city", "Berlin"),
        ("backup", "copy.db"),
        ("compact",),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_command_for_an_existing_database_creates_none(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "other").mkdir(mode=0o755)
    for name in ("typo", "other"):
        assert_fails(run(*command, "--data-dir", name, cwd=tmp_path), f"there is no database in {name}")
    assert not (tmp_path / "typo").exists()
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o755
    assert list((tmp_path / "other").iterdir()) == []
